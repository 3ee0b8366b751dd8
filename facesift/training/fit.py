"""Fit a member's network with Lightning, from a running checkpoint if there is one: a resumed fit changes no result."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from facesift.config.machines import Trainer
from facesift.config.members import Architecture, Head, Member
from facesift.core.errors import FacesiftError
from facesift.core.fingerprint import code_fingerprint, library_versions, sha256
from facesift.networks.package_weights import find_weights
from facesift.sampling.batches import Share
from facesift.training.callbacks import History, MovingAverage
from facesift.training.checkpoint_files import WholeCheckpointIO, find_checkpoint, read_best
from facesift.training.data_module import MemberDataModule
from facesift.training.distributed import BatchNormSync, check_process_count, make_strategy, process_rank
from facesift.training.lightning_module import MemberModule

LIBRARIES = ("torch", "torchvision", "timm", "pytorch-lightning", "numpy")


@dataclass(frozen=True)
class FitResult:
    """A fitted network.

    Attributes:
        module: the module with the weights of the epoch that is kept, in evaluation mode.
        best_epoch: number of that epoch, counted from 1.
        epochs: figures of every epoch.
        share: what this process takes of a batch.
    """

    module: MemberModule
    best_epoch: int
    epochs: list[dict[str, float]]
    share: Share


def checkpoint_key(recipe: Member, trainer: Trainer, inputs: list[Path]) -> str:
    """Name of a training's running checkpoints: 16 hex digits of its parameters, input files, code and libraries.

    First weights from a file (`architecture.checkpoint`) or a package (`architecture.package`) are an input. Reading
    the file says so when it is missing; a package that is missing raises `FacesiftError` here.
    """
    parts = {
        "recipe": recipe.model_dump(),
        "trainer": trainer.model_dump(),
        "inputs": [sha256(path) for path in inputs],
        "start": _start(recipe.architecture),
        "code": code_fingerprint(("shards", "sampling", "networks", "training")),
        "libraries": library_versions(LIBRARIES),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _start(architecture: Architecture | Head) -> dict[str, str] | None:
    """Return what identifies the first weights, or None when they are not from a file or package."""
    if isinstance(architecture, Head):
        return None
    if architecture.package:
        return find_weights(architecture.package).identity()
    start = Path(architecture.checkpoint or "")
    return {"sha256": sha256(start)} if start.is_file() else None


def _make_trainer(spec: Trainer, recipe: Member, history: History, checkpoint: ModelCheckpoint) -> pl.Trainer:
    check_process_count(spec)
    on_terminal = sys.stderr.isatty()
    synced = spec.ranks > 1 and (torch.cuda.is_available() and spec.accelerator != "cpu")
    return pl.Trainer(
        accelerator=spec.accelerator,
        devices=spec.devices,
        num_nodes=spec.num_nodes,
        strategy=make_strategy(spec, recipe),
        plugins=[WholeCheckpointIO(), *([BatchNormSync()] if synced else [])],
        use_distributed_sampler=False,  # the data module knows its share
        precision=spec.precision,
        max_epochs=recipe.epochs,
        callbacks=[history, checkpoint, *_optional_callbacks(recipe, on_terminal=on_terminal)],
        enable_progress_bar=on_terminal,
        enable_model_summary=False,
        logger=False,
        deterministic=True,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
    )


def _optional_callbacks(recipe: Member, *, on_terminal: bool) -> list[pl.Callback]:
    callbacks: list[pl.Callback] = []
    if recipe.early_stopping:
        callbacks.append(EarlyStopping("val_loss", patience=recipe.early_stopping, mode="min"))
    if recipe.ema:
        callbacks.append(MovingAverage(recipe.ema))
    if on_terminal:
        callbacks.append(TQDMProgressBar(leave=False))
    return callbacks


def _quiet() -> None:
    """Switch off Lightning's hints about workers and accelerators."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    hints = (
        "does not have many workers", "exists and is not empty", "IterableDataset", "treespec", "sync_dist=True",
        "Grad strides do not match",
    )  # fmt: skip
    for hint in hints:
        warnings.filterwarnings("ignore", message=f".*{hint}.*")


def fit_member(
    name: str, module: MemberModule, trainer: Trainer, data_module: MemberDataModule, directory: Path
) -> FitResult:
    """Train a network by its recipe.

    When `directory` has a checkpoint of an interrupted run of the *same* training (see `checkpoint_key`), training goes
    on from there and ends with the same weights, bit for bit, as an uninterrupted run.

    Args:
        name: name of the member.
        module: network and recipe. It is changed in place.
        trainer: devices and precision.
        data_module: training and validation batches.
        directory: holds the running checkpoints.

    Returns:
        The network at the epoch that `recipe.keep` names; with `ema`, the average of its weights.

    Raises:
        FacesiftError: when the devices are not there, the number of processes is wrong, or the loss is not a number.
    """
    _quiet()
    history, by_loss = History(name), module.recipe.keep == "lowest_loss"
    best = ModelCheckpoint(
        directory, filename="best", monitor="val_loss" if by_loss else None, mode="min", save_last=True,
        save_on_train_epoch_end=True, enable_version_counter=False,
    )  # fmt: skip
    resume = find_checkpoint(directory)
    if resume and not process_rank():
        print(f"{name}: going on from {resume}", flush=True)  # noqa: T201
    try:
        loop = _make_trainer(trainer, module.recipe, history, best)
    except MisconfigurationException as error:
        raise FacesiftError(f"trainer: {str(error).strip()}") from error
    loop.fit(module, datamodule=data_module, ckpt_path=resume, weights_only=True)
    losses = [figures["val_loss"] for figures in history.epochs]
    module.load_state_dict(read_best(directory))
    module.to(loop.strategy.root_device)  # Lightning has moved it to the CPU
    module.set_memory_format(channels_last=False)  # scores are the same to the last digit when it is loaded again
    kept = losses.index(min(losses)) + 1 if by_loss else len(losses)
    return FitResult(module.eval(), kept, history.epochs, data_module.share)


def delete_checkpoints(directory: Path) -> None:
    """Delete the running checkpoints of a training whose outputs have been written."""
    shutil.rmtree(directory, ignore_errors=True)
