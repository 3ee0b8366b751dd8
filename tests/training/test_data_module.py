import numpy as np
import pytest
import torch

from facesift.config.members import Resample
from facesift.sampling.batches import plan_batches
from facesift.sampling.plans import make_plan
from facesift.training.data_module import TrainingEpoch
from tests.made import make_shards


def epoch_of(room, images, batch_size=8):
    shards = make_shards(room, images, 4, shards=1)
    return TrainingEpoch(shards, make_plan(shards, Resample(scope="none"), 1), batch_size, window=1, seed=3)


@pytest.mark.parametrize(
    ("images", "sizes"), [(16, [8, 8]), (17, [8, 9]), (18, [8, 8, 2]), (9, [9]), (8, [8]), (7, [7])]
)
def test_last_image_does_not_stand_alone(tmp_path, images, sizes):
    epoch = epoch_of(tmp_path, images)
    assert [len(labels) for _, labels in epoch] == sizes
    assert len(epoch) == len(sizes)


def test_batches_of_one_stay_batches_of_one(tmp_path):
    epoch = epoch_of(tmp_path, 5, batch_size=1)
    assert [len(labels) for _, labels in epoch] == [1] * 5


def test_joined_image_is_the_one_that_was_left_over(tmp_path):
    epoch = epoch_of(tmp_path, 17)
    plain = plan_batches(epoch.shards, epoch.plan, 8, 1, 3)
    expected = np.concatenate([pixels for pixels, _ in plain])
    torch.testing.assert_close(
        torch.cat([images for images, _ in epoch]), torch.as_tensor(expected).permute(0, 3, 1, 2) / 255
    )
