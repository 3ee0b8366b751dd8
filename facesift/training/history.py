"""What happened in each epoch: kept in the checkpoint, printed as it happens, written as curves at the end."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytorch_lightning as pl

from facesift.core.errors import FacesiftError
from facesift.core.files import rounded, whole_folder

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


def write_curves(folder: Path, epochs: list[dict[str, float]]) -> None:
    """Write one DVCLive table a figure, `<figure>.tsv` with the columns step and figure, into `folder`."""
    from dvclive import Live  # noqa: PLC0415  it imports all of DVC

    with TemporaryDirectory() as room:
        with Live(dir=room, save_dvc_exp=False, dvcyaml=False) as live:
            for figures in epochs:
                for key, value in rounded(figures).items():
                    live.log_metric(key, value)
                live.next_step()
        with whole_folder(folder) as part:
            for table in sorted((Path(room) / "plots" / "metrics").glob("*.tsv")):
                shutil.copyfile(table, part / table.name)
