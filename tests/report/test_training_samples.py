"""The images in the grids are those that training sees."""

import numpy as np
import pytest
import torch

from facesift.core.errors import FacesiftError
from facesift.report.training_samples import augmented, choose_rows, forged_samples, smote_samples, training_samples
from facesift.sampling.batches import plan_batches
from facesift.sampling.plans import make_plan
from tests.made import make_shards
from tests.made_config import Augment, Forge, Resample


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("samples") / "train", 40, 8)


@pytest.fixture(scope="module")
def plan(shards):
    return make_plan(shards, Resample(scope="shard", smote=0.5, neighbours=3), seed=1)


def test_each_class_gives_so_many_images(shards, plan):
    pixels, labels = training_samples(shards, plan, 5, seed=0)
    assert labels.tolist() == [0] * 5 + [1] * 5
    assert pixels.shape == (10, 32, 32, 3)
    assert (pixels[labels == 1].max(axis=(1, 2, 3)) > 120).all()  # the bright patch of a made fake


def test_class_with_fewer_images_gives_them_all(shards, plan):
    assert training_samples(shards, plan, 20, seed=0)[1].tolist() == [0] * 20 + [1] * 16


def test_seed_decides_the_images(plan):
    first, again, other = (choose_rows(plan, 5, seed, synthetic=False).rows() for seed in (1, 1, 2))
    assert first == again != other


def test_synthetic_images_are_those_of_training(shards, plan):
    smote = smote_samples(shards, plan, 6, seed=0)
    trained = np.concatenate([pixels for pixels, _ in plan_batches(shards, plan, 16, 1, 0)])
    assert len(smote.step) == 6
    for image in smote.synthetic:
        assert (np.abs(trained - image).max(axis=(1, 2, 3)) <= 0.5).any()


def test_synthetic_images_lie_between_base_and_neighbour(shards, plan):
    smote = smote_samples(shards, plan, 6, seed=0)
    ends = np.stack([smote.base, smote.neighbour])
    assert (smote.synthetic >= ends.min(axis=0)).all()
    assert (smote.synthetic <= ends.max(axis=0)).all()


def test_plan_without_smote_has_no_smote(shards):
    smote = smote_samples(shards, make_plan(shards, Resample(scope="none"), 1), 6, seed=0)
    assert (len(smote.synthetic), len(smote.step)) == (0, 0)


@pytest.fixture(scope="module")
def forged(shards):
    return make_plan(shards, Resample(scope="split", smote=0.4, neighbours=3, forge=Forge(ratio=1.0)), seed=1)


def test_forged_images_are_those_of_training(shards, forged):
    found = forged_samples(shards, forged, 4, seed=0)
    trained = {image.tobytes() for pixels, _ in plan_batches(shards, forged, 16, 1, 0) for image in pixels}
    assert found.kind == ["composite"] * 4 + ["self_blend"] * 4
    assert {image.astype(np.float32).tobytes() for image in found.forged} <= trained


def test_forged_images_are_not_taken_for_smotes(forged):
    assert set(choose_rows(forged, 100, 0, synthetic=True)["kind"]) == {"smote"}


def test_plan_without_forging_has_no_forged_samples(shards, plan):
    assert len(forged_samples(shards, plan, 4, seed=0).forged) == 0


def test_plan_of_other_shards_is_refused(tmp_path, plan):
    fewer = make_shards(tmp_path / "train", 40, 8, shards=1)
    with pytest.raises(FacesiftError, match="made for other shards"):
        training_samples(fewer, plan, 20, seed=0)


def test_augmentation_is_the_members(shards, plan):
    pixels, labels = training_samples(shards, plan, 3, seed=0)
    assert np.array_equal(augmented(pixels, labels, Augment(flip=1.0), 2, seed=0), pixels[:, :, ::-1])


def test_mixing_is_shown(shards, plan):
    pixels, labels = training_samples(shards, plan, 3, seed=0)
    mixed = augmented(pixels, labels, Augment(mix="mixup", mix_alpha=1.0), 2, seed=0)
    assert (mixed != pixels).any(axis=(1, 2, 3)).all()


def test_augmentation_depends_on_its_seed_and_leaves_torchs_generator_alone(shards, plan):
    pixels, labels = training_samples(shards, plan, 3, seed=0)
    state = torch.get_rng_state()
    first, again, other = (augmented(pixels, labels, Augment(jitter=0.5), 2, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)
