"""One member's network as a Lightning module: what happens in a step and an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import BinaryAveragePrecision, BinaryPrecision, BinaryRecall

from facesift.config.members import Member
from facesift.core.classes import Classes
from facesift.networks.preprocessing import make_augmentation, make_mixing, make_normalisation
from facesift.training.losses import divisor, make_loss
from facesift.training.optimisation import HeadFirst, configure

Batch = tuple[Tensor, Tensor]  # images (b, 3, h, w) in [0, 1]; labels (b,)


def derived_seed(seed: int, number: int, rank: int = 0) -> int:
    """Seed of one epoch or step: it depends on nothing that happened before, so a resumed training continues alike.

    Processes that train together, but for the first, draw numbers of their own.
    """
    return int(np.random.SeedSequence([seed, number, rank] if rank else [seed, number]).generate_state(1)[0])


class MemberModule(pl.LightningModule):
    """Trains `network` by a member's recipe.

    Logs loss and accuracy on training and validation images, and on the latter recall, precision and average precision
    of the `positive` class against the rest.
    """

    def __init__(self, network: nn.Module, recipe: Member, steps_per_epoch: int, classes: Classes, name: str) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe
        self.channels_last = False
        if recipe.channels_last:
            self.lay_out(channels_last=True)
        self.steps_per_epoch, self.positive = steps_per_epoch, classes.number
        self.loss = make_loss(recipe.loss, len(classes.names), name)
        as_they_are = recipe.loss.model_copy(update={"label_smoothing": 0.0})  # smoothing is for training alone
        self.val_loss = make_loss(as_they_are, len(classes.names), name)
        self.augment = make_augmentation(recipe.augment)
        self.mix = make_mixing(recipe.augment, len(classes.names))
        self.normalise = make_normalisation(recipe.normalise)
        self.head_first = HeadFirst(network, recipe.schedule.head_epochs)
        self.val_found = MetricCollection({"val_recall": BinaryRecall(), "val_precision": BinaryPrecision()})
        self.val_ap = BinaryAveragePrecision()
        self.val_accuracy = MeanMetric()

    def forward(self, images: Tensor) -> Tensor:
        """(b, 3, h, w) in [0, 1] -> logits (b, classes)."""
        seen = self.normalise(images)
        if self.channels_last:
            seen = seen.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(seen)
        return logits

    def lay_out(self, *, channels_last: bool) -> None:
        """Change how weights and images lie in memory, which changes the last digits of what comes out."""
        self.channels_last = channels_last
        self.network.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)

    def on_train_epoch_start(self) -> None:
        self.head_first.start(self.current_epoch)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # Augmentation and stochastic depth draw from here. By step, because loaders draw numbers of their own between
        # steps, and not the same ones after a resume.
        del batch, batch_idx
        torch.manual_seed(derived_seed(self.recipe.seed, self.global_step, self.global_rank))

    def training_step(self, batch: Batch, _: int) -> Tensor:
        images, labels = self.mix(self.augment(batch[0]), batch[1])
        logits = self(images)
        loss = self.loss(logits, labels)
        hard = labels.argmax(dim=1) if labels.is_floating_point() else labels
        accuracy = (logits.argmax(dim=1) == hard).float().mean()
        loss, shown = self._of_whole_batch(loss, labels)
        self.log_dict(
            {"train_loss": shown, "train_accuracy": accuracy},
            on_step=False, on_epoch=True, sync_dist=True, batch_size=len(labels),
        )  # fmt: skip
        return loss

    def _of_whole_batch(self, loss: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Turn the mean over this rank's part of a batch into what to learn from and what to log.

        Ranks average gradients, and logged values weighted by their images: both give the mean over the whole batch.
        """
        ranks = self.trainer.world_size
        if ranks == 1:
            return loss, loss
        own = divisor(self.recipe.loss, labels)
        images = torch.full_like(own, len(labels))
        all_own, all_images = self.trainer.strategy.reduce(torch.stack([own, images]), reduce_op="sum")
        part = loss * own / all_own
        return part * ranks, part.detach() * all_images / images

    def validation_step(self, batch: Batch, _: int) -> None:
        images, labels = batch
        if not len(labels):  # this rank has no more images, but takes part in what all ranks do at once
            self.log("val_loss", torch.zeros((), device=self.device), batch_size=0, prog_bar=True, sync_dist=True)
            return
        logits = self(images)
        voted, fake = logits.argmax(dim=1), (labels == self.positive).int()
        self.val_found.update((voted == self.positive).int(), fake)
        self.val_ap.update(logits.softmax(dim=1)[:, self.positive], fake)
        self.val_accuracy.update((voted == labels).float())
        self.log("val_loss", self.val_loss(logits, labels), batch_size=len(labels), prog_bar=True, sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        # torchmetrics has gathered them from all ranks
        self.log_dict(self.val_found.compute())
        self.log_dict({"val_ap": self.val_ap.compute(), "val_accuracy": self.val_accuracy.compute()})
        for metric in (self.val_found, self.val_ap, self.val_accuracy):
            metric.reset()

    def on_train_epoch_end(self) -> None:
        # Lightning steps this schedule after the epoch's checkpoint is written: a resumed training would lack the step.
        schedule = self.lr_schedulers()
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(self.trainer.callback_metrics[self.recipe.schedule.watch])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def configure_optimizers(self) -> Any:
        return configure(self.network, self.recipe, self.steps_per_epoch)
