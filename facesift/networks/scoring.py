"""A trained member's outputs for every image of some splits, keyed by image_id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from facesift.core.scores import Scorer, logit_columns, score_table
from facesift.networks.preprocessing import to_unit
from facesift.sampling.batches import WHOLE_SHARE, Share, shard_batches
from facesift.shards.reading import ShardFolder


def network_scorer(network: Callable[[Tensor], Tensor], device: torch.device) -> Scorer:
    """Make a scorer of a network on `device` that takes images (b, 3, h, w) in [0, 1] and is in evaluation mode."""

    @torch.inference_mode()
    def score(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        return network(to_unit(pixels).to(device)).float().cpu().numpy()

    return score


def score_splits(
    scorer: Scorer,
    splits: Mapping[str, ShardFolder],
    batch_size: int,
    classes: Sequence[str],
    share: Share = WHOLE_SHARE,
) -> pl.DataFrame:
    """Score all images of the named splits, or the `share` of their batches.

    Returns the columns image_id, split and one logit a class, sorted by image_id. Raises `ValueError` when a score is
    not finite: a network that diverged has no opinion to count.
    """
    tables = []
    for split, shards in splits.items():
        for image_ids, pixels, _ in shard_batches(shards, batch_size, share=share):
            tables.append(score_table(image_ids, split, scorer(pixels), classes))
    if not tables:  # more ranks than batches
        return pl.DataFrame(
            schema={"image_id": pl.String, "split": pl.String} | dict.fromkeys(logit_columns(classes), pl.Float32)
        )
    return pl.concat(tables).sort("image_id")
