"""Score images with trained members: a network as a scorer, one member on whole splits, many members on shards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from facesift.core.classes import Classes
from facesift.core.parallel import ONE_PROCESS, Workers, parallel_map
from facesift.core.scores import Scorer, logit_columns, score_table
from facesift.networks.preprocessing import to_unit
from facesift.sampling.batches import WHOLE_SHARE, Share, shard_batches
from facesift.shards.reading import ShardFolder

TEST_SPLIT = "test"
# Changes pixels (b, S, S, 3) uint8, given their image ids, to pixels of the same shape and type.
ImageChange = Callable[[NDArray[np.uint8], list[str]], NDArray[np.uint8]]


def network_scorer(network: Callable[[Tensor], Tensor], device: torch.device) -> Scorer:
    """Make a scorer of a network.

    Args:
        network: maps images (b, 3, h, w) in [0, 1] to outputs (b, k); in evaluation mode.
        device: where the network is.

    Returns:
        A function from pixels (b, h, w, 3) in 0..255 to float32 outputs (b, k).
    """

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

    Args:
        scorer: the member.
        splits: shards of each split by its name.
        batch_size: images of a batch.
        classes: names of the classes.
        share: what this process takes when several score together.

    Returns:
        The columns image_id, split and one logit a class, sorted by image_id.

    Raises:
        ValueError: when a score is not finite, as those of a network that diverged.
    """
    tables = []
    for split, shards in splits.items():
        for image_ids, pixels, _ in shard_batches(shards, batch_size, share=share):
            tables.append(score_table(image_ids, split, scorer(pixels), classes))
    if not tables:  # more processes than batches
        return pl.DataFrame(
            schema={"image_id": pl.String, "split": pl.String} | dict.fromkeys(logit_columns(classes), pl.Float32)
        )
    return pl.concat(tables).sort("image_id")


class ScoringTask(NamedTuple):
    """Some members on one shard: what one process does at a time.

    Attributes:
        members: some that score in batches of one size, so that a batch is read and changed once for all.
        shard: number of the shard.
        chosen: ids of the images to score; None: all.
        change: what is done to the images before; None: nothing.
    """

    members: tuple[str, ...]
    shard: int
    chosen: frozenset[str] | None = None
    change: ImageChange | None = None


@dataclass(frozen=True)
class ShardScorer:
    """Scores the images of shards with several members, in parallel if asked.

    A batch never reaches into the next shard, so the scores are those of a member that scores all shards in a row. If
    only some images are chosen, batches are others, and the last digits of scores may be.

    Attributes:
        scorers: each member's scorer by its name.
        batch_sizes: images of a batch, by the member's name.
        shards: the images.
        classes: names of the classes.
        parallel: processes that share the work.
    """

    scorers: Mapping[str, Scorer]
    batch_sizes: Mapping[str, int]
    shards: ShardFolder
    classes: Classes
    parallel: Workers = ONE_PROCESS

    def score(self, task: ScoringTask) -> dict[str, pl.DataFrame]:
        """Return each member's score table of a task's images; none if none is chosen. Holds one batch in memory."""
        tables = list(self._tables(task))
        return {name: pl.concat(each[name] for each in tables) for name in task.members if tables}

    def _tables(self, task: ScoringTask) -> Iterator[dict[str, pl.DataFrame]]:
        for kept, pixels in self._chosen_batches(task):
            images = pixels
            if task.change:
                images = task.change(pixels.astype(np.uint8), kept).astype(np.float32)
            logits = {name: self.scorers[name](images) for name in task.members}
            yield {name: score_table(kept, TEST_SPLIT, each, self.classes.names) for name, each in logits.items()}

    def _chosen_batches(self, task: ScoringTask) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield ids and pixels: the shard's batches; of chosen images, what is left of several makes one."""
        size = self.batch_sizes[task.members[0]]
        kept: list[str] = []
        parts: list[NDArray[np.float32]] = []
        for image_ids, pixels, _ in shard_batches(self.shards, size, [task.shard]):
            rows = [row for row, one in enumerate(image_ids) if task.chosen is None or one in task.chosen]
            kept, parts = [*kept, *(image_ids[row] for row in rows)], [*parts, pixels[rows]]
            if len(kept) >= size:
                yield kept, np.concatenate(parts)
                kept, parts = [], []
        if kept:
            yield kept, np.concatenate(parts)

    def score_shards(
        self,
        changes: Sequence[ImageChange | None] = (None,),
        chosen: Sequence[frozenset[str] | None] | None = None,
    ) -> Iterator[dict[str, pl.DataFrame]]:
        """Score the shards once for each of `changes`; the number of processes changes no score.

        Args:
            changes: what is done to the images before each pass; None: nothing.
            chosen: for each shard the ids of the images to score, None for all.

        Yields:
            For each change, in order, every member's score table by its name.
        """
        numbers, alike = range(len(self.shards.sizes)), defaultdict[int, list[str]](list)
        for name in self.scorers:
            alike[self.batch_sizes[name]].append(name)
        tasks = (
            ScoringTask(tuple(members), shard, chosen[shard] if chosen else None, change)
            for change in changes
            for members in alike.values()
            for shard in numbers
        )
        tables = parallel_map(self.score, tasks, self.parallel, shared=(self.shards.folder,))
        for _ in changes:
            found = [part for part in islice(tables, len(alike) * len(numbers)) if part]
            yield {name: pl.concat(part[name] for part in found if name in part) for name in self.scorers}
