"""Distributed training of one member: checks of the processes, Lightning's strategy, and gathering of their scores.

Each process (rank) has its own device and the whole network. All average their gradients after every batch
(Li et al. 2020, PyTorch Distributed, https://arxiv.org/abs/2006.15704).
"""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import torch
from pytorch_lightning.plugins.layer_sync import LayerSync
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import nn

from facesift.config.machines import Trainer
from facesift.config.members import Member
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet, write_parquet
from facesift.networks.head import hold_frozen_norms
from facesift.sampling.batches import Share

LAUNCH_VARIABLES = ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "NODE_RANK")  # set by torchrun, by srun, or by hand


def check_process_count(spec: Trainer) -> None:
    """Check that as many processes were started as the parameters say: training waits for missing ones without end.

    Raises:
        FacesiftError: when the numbers differ.
    """
    expected = f"trainer.devices {spec.devices} x trainer.num_nodes {spec.num_nodes}"
    if spec.num_nodes > 1 and not any(name in os.environ for name in LAUNCH_VARIABLES):
        raise FacesiftError(
            f"trainer.num_nodes: {spec.num_nodes}, but this process was started on one machine alone: start the stage "
            "on every machine by torchrun or srun (docs/scaling.md)"
        )
    started = int(os.environ.get("WORLD_SIZE", spec.ranks))
    if started != spec.ranks:
        raise FacesiftError(f"{started} processes were started, but {expected} are {spec.ranks}: make them the same")


def process_rank() -> int:
    """Return the number of this process among those that train together, also before they are connected."""
    return int(getattr(rank_zero_only, "rank", 0))


def make_strategy(spec: Trainer, recipe: Member) -> str | DDPStrategy:
    """Return Lightning's strategy: `auto` for one process, otherwise processes that average their gradients."""
    if spec.ranks == 1 and spec.strategy == "auto":
        return "auto"
    # While the head learns alone, the rest has no gradients to wait for.
    return DDPStrategy(find_unused_parameters=recipe.schedule.head_epochs > 0)


class BatchNormSync(LayerSync):
    """Lets batch norms see the whole batch instead of one process's part of it. torch can do that on GPUs only.

    timm's conversion is used: its batch norms hold an activation that torch's own conversion loses. Frozen ones stay in
    evaluation mode.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Replace the batch norms of a model."""
        from timm.layers import convert_sync_batchnorm  # noqa: PLC0415

        converted: nn.Module = convert_sync_batchnorm(model)
        hold_frozen_norms(converted)
        return converted

    def revert(self, model: nn.Module) -> nn.Module:
        """Return the model as it is: in evaluation mode these are ordinary batch norms, with the same weights."""
        return model


def gather_tables(table: pl.DataFrame, directory: Path, share: Share) -> pl.DataFrame | None:
    """Concatenate the tables of all processes.

    Args:
        table: this process's rows.
        directory: where the processes exchange files.
        share: number of this process, and of all.

    Returns:
        In the first process all rows, sorted by image_id; in the others None.
    """
    if share.ranks == 1:
        return table
    parts = [directory / f"scores-{rank}.parquet" for rank in range(share.ranks)]
    write_parquet(parts[share.rank], table)
    torch.distributed.barrier()
    return None if share.rank else pl.concat(read_parquet(part) for part in parts).sort("image_id")
