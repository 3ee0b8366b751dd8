"""One member as a Lightning module: loss, optimiser and schedule around a network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryAveragePrecision, BinaryPrecision, BinaryRecall

from facesift.metrics import FAKE
from facesift.params import Member, Optimizer, Schedule
from facesift.training.losses import make_loss
from facesift.training.preprocessing import make_augmentation, standardise

Batch = tuple[Tensor, Tensor]  # images (b, 3, h, w) in [0, 1]; labels (b,)


def make_optimizer(network: nn.Module, spec: Optimizer) -> torch.optim.Optimizer:
    """Build the optimiser; `momentum` is for SGD, Adam and AdamW keep their usual betas."""
    parameters = network.parameters()
    if spec.name == "sgd":
        return torch.optim.SGD(parameters, lr=spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)
    kind = torch.optim.Adam if spec.name == "adam" else torch.optim.AdamW
    return kind(parameters, lr=spec.lr, weight_decay=spec.weight_decay)


def learning_rate_factor(schedule: Schedule, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Factor in (0, 1] on the learning rate: linear warm-up, then constant or half a cosine down to zero.

    >>> [round(learning_rate_factor(Schedule(name="cosine", warmup_epochs=1), step, 2, 3), 2) for step in range(6)]
    [0.5, 1.0, 1.0, 0.85, 0.5, 0.15]
    """
    warmup = schedule.warmup_epochs * steps_per_epoch
    if step < warmup:
        return (step + 1) / warmup
    if schedule.name == "constant":
        return 1.0
    progress = (step - warmup) / max(1, epochs * steps_per_epoch - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def derived_seed(seed: int, number: int) -> int:
    """Seed of one epoch or step: it depends on nothing that happened before, so a resumed training continues alike."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


class MemberModule(pl.LightningModule):
    """Trains `network` by a member's recipe; logs `train_loss`, `val_loss`, and validation recall, precision and AP."""

    def __init__(self, network: nn.Module, recipe: Member, steps_per_epoch: int) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.steps_per_epoch = steps_per_epoch
        self.loss = make_loss(recipe.loss)
        self.augment = make_augmentation(recipe.augment)
        self.val_metrics = MetricCollection(
            {"recall": BinaryRecall(), "precision": BinaryPrecision(), "ap": BinaryAveragePrecision()},
            prefix="val_",
        )

    def forward(self, images: Tensor) -> Tensor:
        """(b, 3, h, w) in [0, 1] -> logits (b, classes)."""
        logits: Tensor = self.network(standardise(images))
        return logits

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # Augmentation and stochastic depth draw from here. By step, because loaders draw numbers of their own between
        # steps, and not the same ones after a resume.
        del batch, batch_idx
        torch.manual_seed(derived_seed(self.recipe.seed, self.global_step))

    def training_step(self, batch: Batch, _: int) -> Tensor:
        images, labels = batch
        loss = self.loss(self(self.augment(images)), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        images, labels = batch
        logits = self(images)
        self.val_metrics.update(logits.softmax(dim=1)[:, FAKE], labels)
        self.log("val_loss", self.loss(logits, labels), batch_size=len(labels), prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        self.log_dict(self.val_metrics.compute())
        self.val_metrics.reset()

    def configure_optimizers(self) -> Any:
        optimizer = make_optimizer(self.network, self.recipe.optimizer)

        def factor(step: int) -> float:
            return learning_rate_factor(self.recipe.schedule, step, self.steps_per_epoch, self.recipe.epochs)

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
