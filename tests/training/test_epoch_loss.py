"""The loss of an epoch is that of all its images at once, whatever the size of the batches."""

import math

import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils.data import DataLoader

from facesift.config.losses import Ldam, LogitAdjusted
from facesift.core.classes import Classes
from facesift.training.lightning_module import MemberModule
from facesift.training.losses import make_loss
from tests.made import default_params
from tests.made_config import CrossEntropy, Focal

RECIPE = default_params().members["convnext1"]
IMAGES, FAKES = 1600, 8
WEIGHTS = [1.0, 200.0]  # both classes weigh about the same
BATCHES = [16, 32, IMAGES]
LOSSES = {
    "weighted": CrossEntropy(name="cross_entropy", class_weights=WEIGHTS),
    "smoothed": CrossEntropy(name="cross_entropy", class_weights=WEIGHTS, label_smoothing=0.1),
    "plain": CrossEntropy(name="cross_entropy"),
    "focal": Focal(name="focal", gamma=2.0, alpha=0.25),
    "logit_adjusted": LogitAdjusted(name="logit_adjusted", tau=1.0, prior=[1592.0, 8.0]),
    "ldam": Ldam(name="ldam", margin=0.5, scale=10.0, prior=[1592.0, 8.0]),
}


class Says(nn.Module):
    """Reads the logits off the first two numbers of an image."""

    def forward(self, images):
        return images[:, 0, 0, :2]


class Untouched(MemberModule):
    """Its network sees the images as they are and learns nothing: a weight of no effect, a step of length zero."""

    def __init__(self, spec):
        recipe = RECIPE.model_copy(update={"loss": spec, "epochs": 1})
        super().__init__(Says(), recipe, 1, Classes(("real", "fake"), "fake"), "m")
        self.unused = nn.Parameter(torch.zeros(()))
        self.augment = nn.Identity()
        self.mix = lambda images, labels: (images, labels)

    def forward(self, images):
        return self.network(images) + 0 * self.unused

    def configure_optimizers(self):
        return torch.optim.SGD([self.unused], lr=0.0)


def labels():
    drawn = torch.zeros(IMAGES, dtype=torch.int64)
    drawn[torch.randperm(IMAGES, generator=torch.Generator().manual_seed(3))[:FAKES]] = 1
    return drawn


def images_of(logits):
    return logits[:, None, None, :].expand(-1, 3, 2, 2)


def batches_of(logits, batch_size):
    batches = list(zip(images_of(logits).split(batch_size), labels().split(batch_size), strict=True))
    return DataLoader(batches, batch_size=None)


def quiet_trainer():
    return pl.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False,
    )  # fmt: skip


def epoch_loss(logits, spec, batch_size):
    """The validation loss as Lightning hands it to the checkpoint, the early stopping and the schedule."""
    (figures,) = quiet_trainer().validate(Untouched(spec), dataloaders=batches_of(logits, batch_size), verbose=False)
    return figures["val_loss"]


def at_once(logits):
    return F.cross_entropy(logits, labels(), weight=torch.tensor(WEIGHTS)).item()


ALWAYS_REAL, UNDECIDED = torch.tensor([2.0, -2.0]).repeat(IMAGES, 1), torch.zeros(IMAGES, 2)


@pytest.mark.parametrize("batch_size", BATCHES)
def test_undecided_is_better_than_always_real_as_torch_says_of_all_images_at_once(batch_size):
    always, undecided = (epoch_loss(each, LOSSES["weighted"], batch_size) for each in (ALWAYS_REAL, UNDECIDED))
    assert always == pytest.approx(at_once(ALWAYS_REAL), rel=1e-5)
    assert undecided == pytest.approx(at_once(UNDECIDED), rel=1e-5)
    assert at_once(UNDECIDED) < at_once(ALWAYS_REAL)
    assert undecided < always


def test_a_mean_of_the_batches_means_would_rank_them_the_other_way_round():
    """What the test above is about: it would not fail for an average that counts images."""
    means = []
    for logits in (ALWAYS_REAL, UNDECIDED):
        parts = zip(logits.split(16), labels().split(16), strict=True)
        losses = [F.cross_entropy(each, truth, weight=torch.tensor(WEIGHTS)).item() for each, truth in parts]
        means.append(sum(losses) / len(losses))
    assert means[0] < means[1]


@pytest.mark.parametrize("name", LOSSES)
def test_no_loss_depends_on_the_size_of_the_batches(name):
    logits = torch.randn(IMAGES, 2, generator=torch.Generator().manual_seed(1))
    unsmoothed = LOSSES[name].model_copy(update={"label_smoothing": 0.0}) if name == "smoothed" else LOSSES[name]
    expected = make_loss(unsmoothed)(logits, labels()).item()
    for batch_size in BATCHES:
        assert epoch_loss(logits, LOSSES[name], batch_size) == pytest.approx(expected, rel=1e-5)


def test_the_training_loss_of_an_epoch_weighs_images_by_their_class():
    trainer = quiet_trainer()
    trainer.fit(Untouched(LOSSES["weighted"]), train_dataloaders=batches_of(ALWAYS_REAL, 16))
    assert float(trainer.callback_metrics["train_loss"]) == pytest.approx(at_once(ALWAYS_REAL), rel=1e-5)


def test_a_loss_that_is_no_number_stays_one():
    broken = ALWAYS_REAL.clone()
    broken[700] = float("nan")
    assert math.isnan(epoch_loss(broken, LOSSES["weighted"], 16))
