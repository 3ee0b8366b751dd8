"""Sampling plans: which images a member trains on, as a table of rows instead of pixels.

`plan_columns` describes the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.sampling import Resample
from facesift.core.classes import BINARY
from facesift.sampling.donors import read_face_features
from facesift.sampling.plan_columns import FORGED, FORGING_SCHEMA, KINDS, PLAN_SCHEMA, forging_columns
from facesift.sampling.scopes import ResampledRows, Scope, original_rows, resample_scope
from facesift.shards.reading import ShardFolder


def scope_seed(seed: int, scope: int) -> int:
    """Return the `random_state` of a scope: the same integer for all would repeat the same random numbers in each.

    Args:
        seed: the member's seed.
        scope: number of the scope.

    >>> scope_seed(7, 0) != scope_seed(7, 1)
    True
    """
    return int(np.random.SeedSequence(seed, spawn_key=(scope,)).generate_state(1)[0])


def resample_key(member: str) -> str:
    """Return the dotted key, in the parameters, of a member's resampling ("stacker": of the stacked ensemble's)."""
    return {"": "resample", "stacker": "stack.resample"}.get(member, f"members.{member}.resample")


def make_plan(shards: ShardFolder, resample: Resample, seed: int, member: str = "") -> pl.DataFrame:
    """Plan the re-sampling of a training split.

    Args:
        shards: the training split.
        resample: ratios, neighbours, forging and scope.
        seed: the member's seed; scope number i uses `scope_seed(seed, i)`.
        member: name of the member, for messages.

    Returns:
        A table with the columns that `plan_columns` describes.

    Raises:
        FacesiftError: when a scope cannot be re-sampled as asked, or a shard is damaged.
    """
    parts = []
    for scope, (numbers, rows) in enumerate(_scopes(shards, resample, seed, resample_key(member))):
        frame = _frame(shards, numbers, rows)
        if resample.forge is not None:
            drawn = forging_columns(rows.kind, resample.forge, _generator(seed, scope, 1))
            frame = frame.hstack(pl.DataFrame(drawn, FORGING_SCHEMA))
        parts.append(frame[_generator(seed, scope, 0).permutation(frame.height)])
    return pl.concat(parts)


def _generator(seed: int, scope: int, use: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(scope, use)))


def _scopes(shards: ShardFolder, resample: Resample, seed: int, key: str) -> Iterator[tuple[list[int], ResampledRows]]:
    """Yield each scope's shard numbers and its re-sampled rows, counted through these shards."""
    every = list(range(len(shards.sizes)))
    groups = [every] if resample.scope == "split" else [[shard] for shard in every]
    tallies = [np.bincount(shards.labels(shard), minlength=len(BINARY)).tolist() for shard in every]
    counts = tuple((each[0], each[1]) for each in tallies) if resample.scope == "shard" else ()
    for scope, numbers in enumerate(groups):
        labels = np.concatenate([shards.labels(shard) for shard in numbers])
        if resample.scope == "none":
            yield numbers, original_rows(labels)
            continue
        name = str(shards.folder if resample.scope == "split" else shards.path(scope))
        flat = _Flat(shards, numbers)
        faces = partial(read_face_features, shards, numbers)
        yield (
            numbers,
            resample_scope(Scope(labels, flat.read, faces, name, key, counts), resample, scope_seed(seed, scope)),
        )


class _Flat:
    """A scope's images as rows of one float32 matrix; only the rows that are asked for are read."""

    def __init__(self, shards: ShardFolder, numbers: list[int]) -> None:
        self.shards, self.numbers = shards, numbers
        self.starts = _starts(shards, numbers)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read images by their rows in the scope: (len(rows), features)."""
        out = np.empty((len(rows), math.prod(self.shards.index.value_shape)), np.float32)
        which = np.searchsorted(self.starts, rows, side="right") - 1
        for place in np.unique(which).tolist():
            values = self.shards.values(self.numbers[place])
            for one in np.flatnonzero(which == place).tolist():
                out[one] = values[rows[one] - self.starts[place]].ravel()
        return out


def _starts(shards: ShardFolder, numbers: list[int]) -> NDArray[np.int64]:
    """Return the first row of each shard when the shards follow each other."""
    return np.cumsum([0, *(shards.sizes[shard] for shard in numbers[:-1])], dtype=np.int64)


def _frame(shards: ShardFolder, numbers: list[int], rows: ResampledRows) -> pl.DataFrame:
    """Turn a scope's rows into a part of the plan."""
    starts, names = _starts(shards, numbers), np.asarray(numbers)
    base, neighbour = (np.searchsorted(starts, at, side="right") - 1 for at in (rows.base, rows.neighbour))
    columns = {
        "shard": names[base], "row": rows.base - starts[base],
        "neighbour_shard": names[neighbour], "neighbour": rows.neighbour - starts[neighbour],
        "step": rows.step, "label": rows.label, "synthetic": rows.kind > 0, "position": np.arange(len(rows.label)),
    }  # fmt: skip
    return pl.DataFrame(columns).cast(PLAN_SCHEMA)


def count_plan(plan: pl.DataFrame, classes: tuple[str, ...] = BINARY) -> dict[str, Any]:
    """Count a plan's rows.

    Args:
        plan: a sampling plan.
        classes: names of the classes, by number.

    Returns:
        `total`, and for each class: `original` images that are kept, `synthetic` ones that are made, and `bases`, the
        distinct images of the class that are in the plan or the base of a synthetic one. Where images are forged, also
        `made`: the number of synthetic images of each kind.
    """
    counts: dict[str, Any] = {"total": plan.height}
    for number, name in enumerate(classes):
        rows = plan.filter(pl.col("label") == number)
        synthetic = int(rows["synthetic"].sum())
        own = rows.filter(~pl.col("kind").is_in(KINDS[FORGED:])) if "kind" in rows.columns else rows
        bases = own.filter(pl.col("row") >= 0).select("shard", "row").n_unique()
        counts[name] = {"original": rows.height - synthetic, "synthetic": synthetic, "bases": bases}
        if "kind" in rows.columns:
            counts[name]["made"] = {kind: int((rows["kind"] == kind).sum()) for kind in KINDS[1:]}
    return counts
