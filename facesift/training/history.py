"""What happened in each epoch: kept in the checkpoint, printed as it happens."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl

from facesift.core.errors import FacesiftError

CURVES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_recall", "val_precision", "val_ap")


class History(pl.Callback):
    """Collects the figures of every epoch. Its state is in the checkpoint: a resumed training has the whole story."""

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
