"""Scoring the images of shards with several members at once: one member on one shard is one task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.classes import Classes
from facesift.core.parallel import ONE_PROCESS, Workers, parallel_map
from facesift.core.scores import Scorer, score_table
from facesift.sampling.batches import shard_batches
from facesift.shards.reading import ShardFolder

SPLIT = "test"
Change = Callable[[NDArray[np.uint8], list[str]], NDArray[np.uint8]]  # of (b, S, S, 3) and their image ids


class Task(NamedTuple):
    """One member on one shard, on the images of `chosen` (None: all), as `change` makes them (None: as they are)."""

    member: str
    shard: int
    chosen: frozenset[str] | None = None
    change: Change | None = None


@dataclass(frozen=True)
class Panel:
    """Members with their batch sizes, and the shards whose images they score.

    A batch never reaches into the next shard, so the scores are those of a member that scores all shards in a row.
    """

    scorers: Mapping[str, Scorer]
    batch_sizes: Mapping[str, int]
    shards: ShardFolder
    classes: Classes
    parallel: Workers = ONE_PROCESS

    def score(self, task: Task) -> pl.DataFrame | None:
        """Return the score table of a task's images, one batch in memory at a time; None: none of them is chosen."""
        tables = list(self._tables(task))
        return pl.concat(tables) if tables else None

    def _tables(self, task: Task) -> Iterator[pl.DataFrame]:
        batches = shard_batches(self.shards, self.batch_sizes[task.member], [task.shard])
        for image_ids, pixels, _ in batches:
            rows = [row for row, one in enumerate(image_ids) if task.chosen is None or one in task.chosen]
            if not rows:
                continue
            kept, images = [image_ids[row] for row in rows], pixels[rows]
            if task.change:
                images = task.change(images.astype(np.uint8), kept).astype(np.float32)
            yield score_table(kept, SPLIT, self.scorers[task.member](images), self.classes.names)

    def score_shards(
        self, changes: Sequence[Change | None] = (None,), chosen: Sequence[frozenset[str] | None] | None = None
    ) -> Iterator[dict[str, pl.DataFrame]]:
        """Yield every member's score table for each of `changes`, in their order, whatever processes make them.

        `chosen`: for each shard the images to score, None for all.
        """
        numbers = range(len(self.shards.sizes))
        tasks = (
            Task(name, shard, chosen[shard] if chosen else None, change)
            for change in changes
            for name in self.scorers
            for shard in numbers
        )
        tables = parallel_map(self.score, tasks, self.parallel, shared=(self.shards.folder,))
        for _ in changes:
            parts = {name: list(islice(tables, len(numbers))) for name in self.scorers}
            yield {name: pl.concat(one for one in each if one is not None) for name, each in parts.items()}
