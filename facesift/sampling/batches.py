"""The batches that a network trains on (by a sampling plan) and is evaluated on (images in file order)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.sampling.pairs import PAIR, keep_together
from facesift.sampling.plan_images import PlanImages
from facesift.shards.reading import ShardFolder

Rows = TypeVar("Rows", bound=Sequence[Any] | NDArray[Any])


@dataclass(frozen=True)
class Share:
    """The part of some rows that one of several processes takes.

    Attributes:
        rank: number of the process, from 0 to `ranks` - 1.
        ranks: number of processes.
    """

    rank: int = 0
    ranks: int = 1

    def of(self, rows: Rows) -> Rows:
        """Return this process's piece of `rows`.

        The pieces of all ranks follow each other, and their sizes differ by one at most.

        >>> [Share(rank, 3).of([0, 1, 2, 3]) for rank in range(3)]
        [[0], [1], [2, 3]]
        """
        start, end = (len(rows) * rank // self.ranks for rank in (self.rank, self.rank + 1))
        return rows[start:end]  # type: ignore[return-value]


WHOLE_SHARE = Share()  # of a single process: everything


def plan_batches(  # noqa: PLR0913, PLR0917  a loader decides all of this
    shards: ShardFolder, plan: pl.DataFrame, batch_size: int, window_shards: int, seed: int, share: Share = WHOLE_SHARE
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield one epoch of training batches: every row of the plan once, in random order.

    The shards are shuffled and taken `window_shards` at a time, and the rows of such a window are shuffled. So only the
    files of one window are read at a time (and single rows of others, for neighbours). Rows that do not fill a batch
    go to the next window: only the last batch is short. With a column `pair`, see `pairs`, fakes come with their
    originals.

    Args:
        shards: the training split.
        plan: a sampling plan for these shards.
        batch_size: rows of a batch.
        window_shards: shards that are shuffled together, at least 1.
        seed: of the epoch: decides the order, and forgeries with `fresh`.
        share: which rows of every batch are read and yielded.

    Yields:
        Pixels (b, S, S, 3) in 0 to 255 and labels (b,), b <= `batch_size`.

    Raises:
        FacesiftError: when the plan was made for other shards, or a shard is damaged.
    """
    images = PlanImages(shards, plan)
    rng = np.random.default_rng(seed)
    left = np.empty(0, np.int64)
    pairs = images.columns.get(PAIR)
    for window, rows in _windows(_home_shards(images.columns), len(shards.sizes), window_shards, rng):
        images.keep(window)
        queue = np.concatenate([left, rng.permutation(rows)])
        queue = queue if pairs is None else keep_together(queue, pairs[queue], batch_size)
        full = len(queue) - len(queue) % batch_size
        for start in range(0, full, batch_size):
            yield images.batch(share.of(queue[start : start + batch_size]), seed)
        left = queue[full:]
    if len(left):
        yield images.batch(share.of(left), seed)


def _home_shards(columns: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Return the shard in whose window each row comes: its own, or that of the first row of its set."""
    if PAIR not in columns:
        return columns["shard"]
    _, first, number = np.unique(columns[PAIR], return_index=True, return_inverse=True)
    return columns["shard"][first[number]]


def _windows(
    shard: NDArray[Any], shards: int, window_shards: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield shuffled shard numbers, `window_shards` at a time, and the plan's rows whose base image is in them."""
    by_shard = np.argsort(shard, kind="stable")
    ends = np.searchsorted(shard[by_shard], np.arange(shards + 1))
    order = rng.permutation(shards)
    for start in range(0, shards, window_shards):
        window = order[start : start + window_shards]
        yield window, np.concatenate([by_shard[ends[one] : ends[one + 1]] for one in window])


def shard_batches(
    shards: ShardFolder, batch_size: int, only: Sequence[int] | None = None, share: Share = WHOLE_SHARE
) -> Iterator[tuple[list[str], NDArray[np.float32], NDArray[np.int64]]]:
    """Yield all images in file order, for validation and scoring.

    Args:
        shards: any split.
        batch_size: images of a batch; a batch never reaches into the next shard.
        only: numbers of the shards to read; None: all.
        share: which of the batches are read and yielded; each batch stays whole.

    Yields:
        Image ids, pixels (b, S, S, 3) in 0 to 255 or features (b, width), labels (b,), b <= `batch_size`.

    Raises:
        FacesiftError: when a shard is damaged.
    """
    numbers = range(len(shards.sizes)) if only is None else only
    batches = share.of([(shard, start) for shard in numbers for start in range(0, shards.sizes[shard], batch_size)])
    for shard, starts in groupby(batches, key=itemgetter(0)):
        ids, pixels, labels = shards.image_ids(shard), shards.values(shard), shards.labels(shard)
        for _, start in starts:
            part = slice(start, start + batch_size)
            yield ids[part], np.asarray(pixels[part], np.float32), labels[part].astype(np.int64)
