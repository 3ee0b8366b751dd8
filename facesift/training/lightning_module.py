"""The Lightning module of a member: what happens in a training step, a validation step and an epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import BinaryAveragePrecision, BinaryPrecision, BinaryRecall

from facesift.core.classes import Classes
from facesift.networks.preprocessing import make_normalisation
from facesift.training.augmentation import make_augmentation, make_mixing
from facesift.training.losses import divisor, make_loss, without_smoothing
from facesift.training.schedule import HeadWarmUp, configure_optimizer

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.members import Member

Batch = tuple[Tensor, Tensor]  # images (b, 3, h, w) in [0, 1]; labels (b,)


def derived_seed(seed: int, number: int, rank: int = 0) -> int:
    """Return the seed of one epoch or step. It depends on nothing that happened before, so a fit can be resumed.

    Args:
        seed: the member's seed.
        number: number of the epoch or step.
        rank: number of this process; processes that train together draw different numbers.
    """
    return int(np.random.SeedSequence([seed, number, rank] if rank else [seed, number]).generate_state(1)[0])


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed what torch draws from on a device, as `torch.manual_seed` does.

    On the processor alone it takes a hundredth of the time: the latter notes a stack trace for each kind of device that
    has not been used.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def _loss_mean() -> MeanMetric:
    """Make an average of losses, weighted, over batches and processes; one that is not a number stays in it."""
    # The strategy `disable` of torchmetrics 1.9 also loses the weights.
    return MeanMetric(nan_strategy=math.nan)


class MemberModule(pl.LightningModule):
    """Trains a network by a member's recipe.

    It logs loss and accuracy on training and validation images, and on the latter recall, precision and average
    precision of the positive class against the rest. The loss of an epoch is sum(weight x loss) / sum(weight) over its
    images, as of all of them at once: the size of the batches does not change it.

    Args:
        network: maps normalised images (b, 3, h, w) to logits (b, classes).
        recipe: the member's recipe.
        steps_per_epoch: training batches of an epoch.
        classes: names of the classes.
        name: name of the member.
    """

    def __init__(self, network: nn.Module, recipe: Member, steps_per_epoch: int, classes: Classes, name: str) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe
        self.channels_last = False
        if recipe.channels_last:
            self.set_memory_format(channels_last=True)
        self.steps_per_epoch, self.positive = steps_per_epoch, classes.number
        self.loss = make_loss(recipe.loss, len(classes.names), name)
        self.val_loss = make_loss(without_smoothing(recipe.loss), len(classes.names), name)
        self.train_mean, self.val_mean, self.train_accuracy = _loss_mean(), _loss_mean(), MeanMetric()
        self.steps: list[tuple[Tensor, Tensor, Tensor, int]] = []  # of this epoch: loss, its divisor, accuracy, images
        self.augment = make_augmentation(recipe.augment)
        self.mix = make_mixing(recipe.augment, len(classes.names))
        self.normalise = make_normalisation(recipe.normalise)
        self.head_warm_up = HeadWarmUp(network, recipe.schedule.head_epochs)
        self.val_found = MetricCollection({"val_recall": BinaryRecall(), "val_precision": BinaryPrecision()})
        self.val_ap = BinaryAveragePrecision()
        self.val_accuracy = MeanMetric()

    def forward(self, images: Tensor) -> Tensor:
        """Map images (b, 3, h, w) in [0, 1] to logits (b, classes)."""
        normalised = self.normalise(images)
        if self.channels_last:
            normalised = normalised.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(normalised)
        return logits

    def set_memory_format(self, *, channels_last: bool) -> None:
        """Choose the memory layout of weights and images, which changes the last digits of the logits."""
        self.channels_last = channels_last
        self.network.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)

    def on_train_epoch_start(self) -> None:
        self.head_warm_up.start(self.current_epoch)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # Augmentation and stochastic depth draw from here. By step, because loaders draw numbers of their own between
        # steps, and not the same ones after a resume.
        del batch, batch_idx
        seed_generators(derived_seed(self.recipe.seed, self.global_step, self.global_rank), self.device)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Augment, mix and score a batch; return its loss."""
        images, labels = self.mix(self.augment(batch[0]), batch[1])
        logits = self(images)
        loss = self.loss(logits, labels)
        hard = labels.argmax(dim=1) if labels.is_floating_point() else labels
        accuracy = (logits.argmax(dim=1) == hard).float().mean()
        divided_by = divisor(self.recipe.loss, labels)
        self.steps.append((loss.detach(), divided_by, accuracy, len(labels)))
        if self.trainer.is_last_batch:
            self._log_steps()
        return self._batch_mean(loss, divided_by)

    def _log_steps(self) -> None:
        """Log the figures of the epoch's steps, all at once: to log each of them takes as long as to load a batch."""
        losses, divisors, accuracies, images = zip(*self.steps, strict=True)
        self.steps.clear()
        self.train_mean.update(torch.stack(losses), torch.stack(divisors))
        self.train_accuracy.update(torch.stack(accuracies), torch.tensor(images, device=accuracies[0].device))
        self.log("train_loss", self.train_mean, on_step=False, on_epoch=True)
        self.log("train_accuracy", self.train_accuracy, on_step=False, on_epoch=True)

    def _batch_mean(self, loss: Tensor, divided_by: Tensor) -> Tensor:
        """Correct the mean over this process's part of a batch, so that all processes learn from the batch's mean.

        Processes average their gradients with equal weights, whatever their parts of the batch weigh.
        """
        ranks = self.trainer.world_size
        if ranks == 1:
            return loss
        return loss * divided_by / self.trainer.strategy.reduce(divided_by.clone(), reduce_op="sum") * ranks

    def validation_step(self, batch: Batch, _: int) -> None:
        """Score a batch and update the validation figures."""
        images, labels = batch
        self.log("val_loss", self.val_mean, prog_bar=True, batch_size=len(labels))
        if not len(labels):  # this process has no more images, but takes part in what all do at once
            return
        logits = self(images)
        predicted, positive = logits.argmax(dim=1), (labels == self.positive).int()
        self.val_found.update((predicted == self.positive).int(), positive)
        self.val_ap.update(logits.softmax(dim=1)[:, self.positive], positive)
        self.val_accuracy.update((predicted == labels).float())
        self.val_mean.update(self.val_loss(logits, labels), divisor(self.recipe.loss, labels))

    def on_validation_epoch_end(self) -> None:
        # torchmetrics gathers them from all processes
        self.log_dict(self.val_found.compute())
        self.log_dict({"val_ap": self.val_ap.compute(), "val_accuracy": self.val_accuracy.compute()})
        for metric in (self.val_found, self.val_ap, self.val_accuracy):
            metric.reset()

    def on_train_epoch_end(self) -> None:
        # Lightning steps this schedule after it has written the epoch's checkpoint: a resumed fit would lack the step.
        schedule = self.lr_schedulers()
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(self.trainer.callback_metrics[self.recipe.schedule.watch])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def configure_optimizers(self) -> Any:
        return configure_optimizer(self.network, self.recipe, self.steps_per_epoch)
