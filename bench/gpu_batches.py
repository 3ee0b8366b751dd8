"""What Lightning gets on one GPU: batches out of the device's memory, and callbacks for speed and best weights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from facesift.networks.preprocessing import to_unit
from facesift.training.lightning_module import Batch, derived_seed

WARM_UP = 10  # first steps, in which the device chooses its kernels, do not count as speed


class Batches:
    """Batches of images that are in the device's memory; each pass has an order of its own.

    A last batch of one image is joined to the one before it, as in training with shards: batch norm learns nothing from
    one image.

    Args:
        pixels: (n, S, S, 3) in 0 to 255.
        labels: (n,).
        batch_size: images of a batch.
        seed: of the orders; None: as they come.
    """

    def __init__(self, pixels: Tensor, labels: Tensor, batch_size: int, seed: int | None) -> None:
        self.pixels, self.labels, self.batch_size, self.seed = pixels, labels, batch_size, seed
        self.passes = 0

    def __len__(self) -> int:
        return len(self._parts(torch.arange(len(self.labels))))

    def __iter__(self) -> Iterator[Batch]:
        order = torch.arange(len(self.labels))
        if self.seed is not None:
            drawn = np.random.default_rng(derived_seed(self.seed, self.passes)).permutation(len(order))
            order = torch.from_numpy(drawn)
        self.passes += 1
        for part in self._parts(order.to(self.labels.device)):
            yield to_unit(self.pixels[part]), self.labels[part]

    def _parts(self, order: Tensor) -> list[Tensor]:
        parts = list(order.split(self.batch_size))
        return [*parts[:-2], torch.cat(parts[-2:])] if len(parts) > 1 and len(parts[-1]) == 1 else parts


class BestWeights(pl.Callback):
    """Keeps, in the CPU's memory, the weights of the lowest validation loss, or with `keep: last` the last ones."""

    def __init__(self, keep: str) -> None:
        self.keep, self.loss, self.epoch = keep, float("inf"), 0
        self.weights: dict[str, Tensor] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loss = float(trainer.callback_metrics["val_loss"])
        if self.keep == "last" or loss < self.loss:
            self.loss, self.epoch = loss, trainer.current_epoch + 1
            self.weights = {key: each.detach().to("cpu", copy=True) for key, each in pl_module.state_dict().items()}


class Speed(pl.Callback):
    """Counts training images and the seconds they took, without validation and the first `WARM_UP` steps."""

    def __init__(self) -> None:
        self.images, self.seconds, self.since = 0, 0.0, 0.0

    def on_train_epoch_start(self, *_: Any) -> None:
        self.since = now()

    def on_train_batch_end(self, trainer: pl.Trainer, _module: Any, _outputs: Any, batch: Batch, _number: int) -> None:
        self.images += len(batch[1])
        if trainer.global_step == WARM_UP:
            self.images, self.seconds, self.since = 0, 0.0, now()

    def on_validation_start(self, *_: Any) -> None:
        self.seconds += now() - self.since


def now() -> float:
    """Return the time when the device has done all that it was asked to do."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
