"""A trained network's outputs for every image of the validation and test splits, keyed by image_id."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from facesift.data.shards import ShardFolder
from facesift.sampling.batches import shard_batches
from facesift.training.preprocessing import to_unit
from facesift.training.score_table import score_table


@torch.inference_mode()
def logits_of(network: Callable[[Tensor], Tensor], pixels: NDArray[np.generic], device: torch.device) -> NDArray:
    """Score pixels (b, h, w, 3) in 0..255 -> float32 logits (b, classes)."""
    return network(to_unit(pixels).to(device)).float().cpu().numpy()


def score_splits(
    network: Callable[[Tensor], Tensor], splits: Mapping[str, ShardFolder], batch_size: int, device: torch.device
) -> pl.DataFrame:
    """Score all images of the named splits; `network` takes (b, 3, h, w) in [0, 1] and is in evaluation mode.

    Returns the columns image_id, split, logit_real, logit_fake, sorted by image_id. Raises `ValueError` when a score
    is not finite: a network that diverged has no opinion to count.
    """
    tables = []
    for split, shards in splits.items():
        for image_ids, pixels, _ in shard_batches(shards, batch_size):
            tables.append(score_table(image_ids, split, logits_of(network, pixels, device)))
    return pl.concat(tables).sort("image_id")
