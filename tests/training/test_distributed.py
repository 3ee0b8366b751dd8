"""Dividing batches among processes, without the processes; tests/scaling has the real ones."""

import pytest
import timm
import torch
from torch import nn

from facesift.config.members import CrossEntropy, Focal, Resample
from facesift.core.errors import FacesiftError
from facesift.networks.head import freeze_share
from facesift.sampling.batches import Share, shard_batches
from facesift.sampling.plans import make_plan
from facesift.training.data_module import HeldOutSplit, TrainingEpoch, check_shares
from facesift.training.distributed import LAUNCH_VARIABLES, BatchNormSync, check_process_count, make_strategy
from facesift.training.losses import divisor, make_loss
from tests.made import default_params, make_shards

PARAMS = default_params()
RECIPE = PARAMS.members["convnext1"]


def trainer_of(**changes):
    return PARAMS.trainer.model_copy(update=changes)


def epochs_of(shards, ranks, batch_size=8):
    plan = make_plan(shards, Resample(scope="none"), 1)
    return [TrainingEpoch(shards, plan, batch_size, 1, 3, Share(rank, ranks)) for rank in range(ranks)]


@pytest.mark.parametrize("ranks", [2, 3, 4])
@pytest.mark.parametrize("images", [16, 17, 21, 23])
def test_ranks_together_see_the_images_of_an_epoch_once(tmp_path, ranks, images):
    shards = make_shards(tmp_path, images, 4, shards=2)
    epochs = epochs_of(shards, ranks)
    seen = torch.cat([images for epoch in epochs for images, _ in epoch])
    (whole,) = epochs_of(shards, 1)
    expected = torch.cat([images for images, _ in whole])
    assert sorted(map(tuple, seen.flatten(1).tolist())) == sorted(map(tuple, expected.flatten(1).tolist()))


@pytest.mark.parametrize("ranks", [2, 3, 4])
@pytest.mark.parametrize("images", [16, 17, 21, 23])
def test_every_rank_gets_as_many_batches_of_two_images_and_more(tmp_path, ranks, images):
    epochs = epochs_of(make_shards(tmp_path, images, 4, shards=2), ranks)
    sizes = [[len(labels) for _, labels in epoch] for epoch in epochs]
    assert {len(each) for each in sizes} == {len(epochs[0])}
    assert min(min(each) for each in sizes) >= 2


def test_batch_of_two_ranks_is_the_batch_of_one(tmp_path):
    shards = make_shards(tmp_path, 24, 4, shards=1)
    (alone,), both = epochs_of(shards, 1), epochs_of(shards, 2)
    for (whole, labels), *parts in zip(alone, *both, strict=True):
        assert torch.equal(torch.cat([images for images, _ in parts]), whole)
        assert torch.equal(torch.cat([each for _, each in parts]), labels)


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_validation_images_are_dealt_once_in_as_many_batches_each(tmp_path, ranks):
    shards = make_shards(tmp_path, 20, 4, shards=2)
    wholes = [HeldOutSplit(shards, 8, Share(rank, ranks)) for rank in range(ranks)]
    batches = [list(whole) for whole in wholes]
    assert {len(each) for each in batches} == {len(wholes[0])}
    seen = torch.cat([labels for each in batches for _, labels in each])
    assert seen.tolist() == [label for _, _, labels in shard_batches(shards, 8) for label in labels]


def test_too_small_batch_for_the_ranks_names_both_keys():
    with pytest.raises(
        FacesiftError, match=r"members\.m\.batch_size: 8, .* 5 processes .*trainer\.devices.* at least 10"
    ):
        check_shares(100, 8, 5, "m")


def test_too_few_images_for_the_ranks_are_refused():
    with pytest.raises(FacesiftError, match=r"3 images in an epoch.* at least 4"):
        check_shares(3, 8, 2, "m")


@pytest.mark.parametrize("images", [1, 5])
def test_one_process_takes_any_batch(images):
    check_shares(images, 1, 1, "m")


LOSSES = [
    Focal(name="focal", gamma=2.0, alpha=0.25),
    CrossEntropy(name="cross_entropy"),
    CrossEntropy(name="cross_entropy", class_weights=[1.0, 5.0, 2.0]),
    CrossEntropy(name="cross_entropy", class_weights=[1.0, 5.0, 2.0], label_smoothing=0.2),
    Focal(name="focal", gamma=2.0, alpha=0.25, label_smoothing=0.2),
]


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("spec", LOSSES, ids=["focal", "plain", "weighted", "smoothed", "smoothed-focal"])
def test_losses_of_parts_make_the_loss_of_the_batch(spec, soft):
    generator = torch.manual_seed(0)
    logits, labels = torch.randn(9, 3, generator=generator), torch.tensor([0, 1, 2, 1, 1, 0, 2, 2, 1])
    targets = torch.rand(9, 3, generator=generator).softmax(dim=1) if soft else labels
    loss = make_loss(spec, 3)
    parts = [(loss(logits[part], targets[part]), divisor(spec, targets[part])) for part in (slice(0, 2), slice(2, 9))]
    together = sum(value * own for value, own in parts) / sum(own for _, own in parts)
    torch.testing.assert_close(together, loss(logits, targets))


def test_several_machines_need_a_starter(monkeypatch):
    for name in (*LAUNCH_VARIABLES, "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FacesiftError, match=r"trainer\.num_nodes: 2, .* torchrun or srun"):
        check_process_count(trainer_of(num_nodes=2))


def test_other_number_of_processes_than_asked_for_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(FacesiftError, match=r"4 processes were started, but trainer\.devices 2 x trainer\.num_nodes 1"):
        check_process_count(trainer_of(devices=2))


def test_one_device_trains_without_ranks():
    assert make_strategy(trainer_of(), RECIPE) == "auto"


@pytest.mark.parametrize("head_epochs", [0, 1])
def test_ranks_wait_for_no_gradient_of_a_resting_body(head_epochs):
    recipe = RECIPE.model_copy(update={"schedule": RECIPE.schedule.model_copy(update={"head_epochs": head_epochs})})
    strategy = make_strategy(trainer_of(devices=2), recipe)
    assert strategy._ddp_kwargs["find_unused_parameters"] is bool(head_epochs)


def test_shared_batch_norms_keep_weights_and_activation():
    network = timm.create_model("test_resnet", num_classes=2).eval()
    images, before = torch.rand(2, 3, 32, 32), {name: value.clone() for name, value in network.state_dict().items()}
    expected = network(images)
    shared = BatchNormSync().apply(network).eval()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in shared.modules())
    assert shared.state_dict().keys() == before.keys()
    torch.testing.assert_close(shared(images), expected)


def test_shared_batch_norms_of_a_frozen_part_stay_held():
    network = timm.create_model("test_resnet", num_classes=2)
    freeze_share(network, 1.0)
    shared = BatchNormSync().apply(network).train()  # training mode would need GPUs, were they not held
    moving = {name: value.clone() for name, value in shared.state_dict().items() if "running" in name}
    shared(torch.rand(2, 3, 32, 32))
    assert all(torch.equal(shared.state_dict()[name], value) for name, value in moving.items())
