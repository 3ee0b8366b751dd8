"""Several processes that train one member together: how they start, what they share, and which of them writes.

Each process is a rank with a device of its own and the whole network; ranks average their gradients after every batch
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
from facesift.networks.initialisation import hold_frozen_norms
from facesift.sampling.batches import Share

STARTERS = ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "NODE_RANK")  # of torchrun, srun, and by hand


def check_start(spec: Trainer) -> None:
    """Raise `FacesiftError` when the processes that were started are not those that the parameters ask for.

    Ranks that nobody started would be waited for without end.
    """
    asked = f"trainer.devices {spec.devices} x trainer.num_nodes {spec.num_nodes}"
    if spec.num_nodes > 1 and not any(name in os.environ for name in STARTERS):
        raise FacesiftError(
            f"trainer.num_nodes: {spec.num_nodes}, but this process was started on one machine alone: start the stage "
            "on every machine by torchrun or srun (docs/scaling.md)"
        )
    started = int(os.environ.get("WORLD_SIZE", spec.ranks))
    if started != spec.ranks:
        raise FacesiftError(f"{started} processes were started, but {asked} are {spec.ranks}: make them the same")


def own_rank() -> int:
    """Number of this process among those that train together, also before they have found each other."""
    return int(getattr(rank_zero_only, "rank", 0))


def make_strategy(spec: Trainer, recipe: Member) -> str | DDPStrategy:
    """Return Lightning's strategy: one process as it is, or ranks that average gradients."""
    if spec.ranks == 1 and spec.strategy == "auto":
        return "auto"
    # While the head learns alone, the rest has no gradients to wait for.
    return DDPStrategy(find_unused_parameters=recipe.schedule.head_epochs > 0)


class BatchNormSync(LayerSync):
    """Lets batch norms see the whole batch instead of a rank's part of it; on GPUs, elsewhere torch cannot.

    timm's batch norms hold an activation, which torch's own conversion loses; frozen ones stay held.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        from timm.layers import convert_sync_batchnorm  # noqa: PLC0415

        converted: nn.Module = convert_sync_batchnorm(model)
        hold_frozen_norms(converted)
        return converted

    def revert(self, model: nn.Module) -> nn.Module:
        return model  # in evaluation mode they are ordinary batch norms, with the same weights


def gather_tables(table: pl.DataFrame, room: Path, share: Share) -> pl.DataFrame | None:
    """Put the tables of all ranks together, sorted by image_id, through files in `room`; None: not the first rank."""
    if share.ranks == 1:
        return table
    parts = [room / f"scores-{rank}.parquet" for rank in range(share.ranks)]
    write_parquet(parts[share.rank], table)
    torch.distributed.barrier()
    return None if share.rank else pl.concat(read_parquet(part) for part in parts).sort("image_id")
