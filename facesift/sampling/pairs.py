"""Paired batches: each fake in the same batch as the real image it was made from.

Training on pairs keeps a network from learning who is in the picture, or from which source it is (Yermakov et al. 2025,
https://arxiv.org/abs/2508.06248). An image and all fakes made from it are a set; an image without a partner is a set of
its own. Every row of the plan comes as often as without pairs: only the order changes.
"""

from __future__ import annotations

from collections import defaultdict, deque

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.sampling.plan_columns import KINDS
from facesift.shards.reading import ShardFolder

Set = tuple[int, list[int]]  # its turn, and its rows
Waiting = dict[int, deque[Set]]  # by size
PAIR = "pair"  # column of a plan: rows with the same number come in the same batch
Ints = NDArray[np.int64]


def with_pairs(plan: pl.DataFrame, shards: ShardFolder, groups: pl.DataFrame, positive: int) -> pl.DataFrame:
    """Add the column `pair` to a plan: of a fake, the row number of its original; of all others their own row number.

    The original of a forged image is the face that was changed. The original of a fake in the data is a real image of
    its near-duplicate group; where the group has several reals, its fakes are dealt out among them. A fake whose
    original is not in the plan stays alone, and so do SMOTE's images.

    Args:
        plan: a sampling plan over `shards`, n rows.
        shards: the training split.
        groups: `image_id` and `group` of every image in the shards.
        positive: number of the class fake.

    Returns:
        The plan and its column `pair` (n,), Int64.
    """
    kind = pl.col("kind").cast(pl.String) if "kind" in plan.columns else pl.lit(KINDS[0])
    rows = plan.select(
        "synthetic", "label", image=_image_numbers(plan, shards), forged=kind.is_in(["composite", "self_blend"])
    ).with_row_index("at")
    fake, own = pl.col("label") == positive, ~pl.col("synthetic")
    reals = rows.filter(own & ~fake).select("image", original="at")
    forged = rows.filter("forged").join(reals, on="image").select("at", "original")
    group_of = _groups_by_image(shards, groups)
    found = _dealt(rows.filter(own & fake).join(group_of, on="image"), reals.join(group_of, on="image"))
    originals = pl.concat([forged, found])
    pair = rows.join(originals, on="at", how="left", maintain_order="left").select(pl.coalesce("original", "at"))
    return plan.with_columns(pair.to_series().cast(pl.Int64).alias(PAIR))


def _image_numbers(plan: pl.DataFrame, shards: ShardFolder) -> pl.Series:
    first = np.cumsum([0, *shards.sizes])
    return pl.Series(first[plan["shard"].to_numpy()] + plan["row"].to_numpy())


def _groups_by_image(shards: ShardFolder, groups: pl.DataFrame) -> pl.DataFrame:
    ids = [image_id for shard in range(len(shards.sizes)) for image_id in shards.image_ids(shard)]
    images = pl.DataFrame({"image_id": ids, "image": np.arange(len(ids))})
    return images.join(groups.select("image_id", "group"), on="image_id").select("image", "group")


def _dealt(fakes: pl.DataFrame, reals: pl.DataFrame) -> pl.DataFrame:
    """Give each fake a real image of its group, in turn; the order of the images decides, not that of the plan."""
    turn = pl.int_range(pl.len()).over("group")
    reals = reals.sort("image").with_columns(turn=turn, many=pl.len().over("group"))
    counts = reals.select("group", "many").unique()
    fakes = fakes.sort("image").with_columns(turn=turn).join(counts, on="group")
    dealt = fakes.with_columns(turn=pl.col("turn") % pl.col("many").cast(pl.Int64))
    return dealt.join(reals, on=["group", "turn"]).select("at", "original")


def keep_together(rows: Ints, pairs: Ints, batch_size: int) -> Ints:
    """Reorder rows so that those of a set follow each other and no end of a batch divides them, where that is possible.

    A batch takes the next set that still fits. Where none fits, one of its sets makes room for a larger one. Only where
    that does not help, or a set is larger than a batch, the next set is divided. Batches of even size divide no pair.

    Args:
        rows: shape (n,), in random order.
        pairs: number of each row's set, shape (n,).
        batch_size: rows of a batch.

    Returns:
        The same rows, shape (n,), to be cut into batches of `batch_size` rows.

    >>> keep_together(np.arange(7), np.array([0, 1, 1, 2, 2, 3, 0]), batch_size=3).tolist()
    [0, 6, 5, 1, 2, 3, 4]
    """
    sets: dict[int, list[int]] = defaultdict(list)
    for row, pair in zip(rows.tolist(), pairs.tolist(), strict=True):
        sets[pair].append(row)
    waiting: Waiting = defaultdict(deque)
    for turn, members in enumerate(sets.values()):
        waiting[len(members)].append((turn, members))
    order: list[int] = []
    while len(order) < len(rows):
        order += [row for _, members in _next_batch(waiting, batch_size) for row in members]
    return np.array(order, np.int64)


def _next_batch(waiting: Waiting, batch_size: int) -> list[Set]:
    """Take sets out of those that wait until the batch is full or none is left."""
    batch: list[Set] = []
    room = batch_size
    while room and (sizes := [size for size, queue in waiting.items() if queue]):
        fitting = [size for size in sizes if size <= room]
        if not fitting:
            _fill(batch, room, waiting, min(sizes, key=lambda size: waiting[size][0]))
            break
        batch.append(waiting[min(fitting, key=lambda size: waiting[size][0])].popleft())
        room -= len(batch[-1][1])
    return batch


def _fill(batch: list[Set], room: int, waiting: Waiting, next_size: int) -> None:
    """Fill the room of a batch that no waiting set fits into: exchange a set for a larger one, or divide the next."""
    for placed in sorted(batch, key=lambda one: len(one[1])):
        size = len(placed[1])
        if waiting.get(size + room):
            batch.remove(placed)
            waiting[size].appendleft(placed)
            batch.append(waiting[size + room].popleft())
            return
    turn, members = waiting[next_size].popleft()
    batch.append((turn, members[:room]))
    waiting[len(members) - room].appendleft((turn, members[room:]))
