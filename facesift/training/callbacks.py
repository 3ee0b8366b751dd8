"""Lightning callbacks: the figures of every epoch, which are written as curves, and a moving average of the weights."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor, nn

from facesift.core.errors import FacesiftError

CURVES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_recall", "val_precision", "val_ap")
LAG = 10  # of the first steps: after n of them, the average goes back over about n / LAG


class History(pl.Callback):
    """Collects and prints the figures of every epoch. A resumed training has all of them: they are in the checkpoint.

    Attributes:
        epochs: the figures `CURVES` of each epoch so far.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.epochs: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        del pl_module
        figures = {key: float(trainer.callback_metrics[key]) for key in CURVES}
        if not math.isfinite(figures["train_loss"] + figures["val_loss"]):
            key = f"members.{self.name}.optimizer.lr"
            raise FacesiftError(f"{self.name}: the loss is not a number in epoch {len(self.epochs) + 1}; lower {key}")
        self.epochs.append(figures)
        if not trainer.is_global_zero:
            return
        text = "  ".join(f"{key} {value:.4f}" for key, value in figures.items())
        print(f"{self.name} epoch {len(self.epochs)}/{trainer.max_epochs}  {text}", flush=True)  # noqa: T201

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs = list(state_dict["epochs"])


def decay_at(updates: int, decay: float) -> float:
    """Return the share of the average that stays at an update, as TensorFlow's ExponentialMovingAverage does.

    It grows with the number of updates, so a short training soon forgets its first weights, too.

    >>> [round(decay_at(updates, 0.999), 3) for updates in (0, 90, 990, 100_000)]
    [0.1, 0.91, 0.991, 0.999]

    Args:
        updates: number of updates before this one.
        decay: the largest share, in (0, 1).
    """
    return min(decay, (1 + updates) / (LAG + updates))


class MovingAverage(WeightAveraging):
    """A moving average of weights and batch norms' statistics, updated after every step.

    It is validated, kept and saved in place of the last weights; Lightning's checkpoints hold both. All processes that
    train together have the same one. The average of a training's last weights does better than any one of them (Polyak
    and Juditsky 1992; Izmailov et al. 2018, https://arxiv.org/abs/1803.05407; Morales-Brotons et al. 2024,
    https://arxiv.org/abs/2411.18704).

    Args:
        decay: share of the average that stays at each update, see `decay_at`.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(avg_fn=lambda *_: None)
        self.decay = decay
        self.tensors: list[tuple[list[Tensor], list[Tensor]]] = []  # of the average and the network, one type each

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *arguments: Any) -> None:
        """Update the average after a step; the first step's weights are copied.

        The tensors are listed once: to look for them in all modules at every step takes a tenth of a small network's
        training.
        """
        average = self._average_model
        if average is None or trainer.global_step <= self._latest_update_step:
            return
        updates = int(average.n_averaged)
        if not updates:
            super().on_train_batch_end(trainer, pl_module, *arguments)
            return
        self.tensors = self.tensors or _by_type(average.module, pl_module)
        with torch.no_grad():
            for averaged, current in self.tensors:
                if averaged[0].is_floating_point():
                    # Unlike a sum of two shares, this leaves frozen weights unchanged to the last digit.
                    torch._foreach_lerp_(averaged, current, 1 - decay_at(updates, self.decay))
                else:
                    torch._foreach_copy_(averaged, current)
        average.n_averaged += 1
        self._latest_update_step = trainer.global_step

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Move the average to the network's device, which is known only after `setup`."""
        del trainer
        if self._average_model is not None:
            self._average_model.to(pl_module.device)


def _by_type(averaged: nn.Module, current: nn.Module) -> list[tuple[list[Tensor], list[Tensor]]]:
    """List the weights and buffers of two copies of a network, those of one type together."""
    found: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
    both = zip(*([*network.parameters(), *network.buffers()] for network in (averaged, current)), strict=True)
    for one, other in both:
        averages, currents = found.setdefault(one.dtype, ([], []))
        averages.append(one)
        currents.append(other)
    return list(found.values())
