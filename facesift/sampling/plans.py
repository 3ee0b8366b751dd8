"""Sampling plans: which images a member trains on, as a table of rows instead of pixels.

Columns of a plan, one row per training image:

- `shard`, `row`: the image, or the base of a synthetic one;
- `neighbour_shard`, `neighbour`, `step`: where SMOTE goes and how far, in [0, 1]; the image itself and 0 for originals;
- `label`: 0 real, 1 fake;
- `synthetic`: made by SMOTE, or forged;
- `position`: the row in imbalanced-learn's own output for the scope: the shard, or the split with `scope: split`.

A plan with forged images (`resample.forge`) has more:

- `kind`: original, smote, composite or self_blend. Of a composite, `shard`, `row` are the real face that is changed and
  `neighbour_shard`, `neighbour` the donor; of a self-blend, both are the face; `step` is 0;
- `region`: eyes, nose, mouth, face (none where nothing is forged); `poisson`: how the part is fitted in;
- `colour`, `warp`: how strong the change of tones and of place is;
- `forge_seed`: all else is drawn from it, and with `fresh` from the epoch too.

Rows stand in seeded order within their scope, and scopes follow each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.members import Resample
from facesift.core.classes import BINARY
from facesift.sampling.donors import read_faces
from facesift.sampling.kinds import FORGED, KINDS, forging_columns
from facesift.sampling.kinds import SCHEMA as FORGING
from facesift.sampling.scopes import Rows, Scope, resample_scope, untouched
from facesift.shards.reading import ShardFolder

SCHEMA = {
    "shard": pl.Int32, "row": pl.Int32, "neighbour_shard": pl.Int32, "neighbour": pl.Int32,
    "step": pl.Float64, "label": pl.UInt8, "synthetic": pl.Boolean, "position": pl.Int32,
}  # fmt: skip


def scope_seed(seed: int, scope: int) -> int:
    """Return the `random_state` of scope number `scope`: one integer for all would repeat the same draws in each.

    >>> scope_seed(7, 0) != scope_seed(7, 1)
    True
    """
    return int(np.random.SeedSequence(seed, spawn_key=(scope,)).generate_state(1)[0])


def resample_key(member: str) -> str:
    """Return the dotted key, in the parameters, of a member's resampling ("stacker": the stacked ensemble's)."""
    return {"": "resample", "stacker": "stack.resample"}.get(member, f"members.{member}.resample")


def make_plan(shards: ShardFolder, resample: Resample, seed: int, member: str = "") -> pl.DataFrame:
    """Plan the re-sampling of a training split; see the module for the columns.

    Args:
        shards: the training split.
        resample: ratios, neighbours and scope.
        seed: the member's seed; scope number i uses `scope_seed(seed, i)`.
        member: whose key messages name.

    Raises:
        FacesiftError: when a scope cannot be re-sampled as asked, or a shard is damaged.
    """
    parts = []
    for scope, (numbers, rows) in enumerate(_scopes(shards, resample, seed, resample_key(member))):
        frame = _frame(shards, numbers, rows)
        if resample.forge is not None:
            drawn = forging_columns(rows.kind, resample.forge, _generator(seed, scope, 1))
            frame = frame.hstack(pl.DataFrame(drawn, FORGING))
        parts.append(frame[_generator(seed, scope, 0).permutation(frame.height)])
    return pl.concat(parts)


def _generator(seed: int, scope: int, use: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(scope, use)))


def _scopes(shards: ShardFolder, resample: Resample, seed: int, key: str) -> Iterator[tuple[list[int], Rows]]:
    """Yield each scope's shard numbers and its re-sampled rows, counted through those shards."""
    every = list(range(len(shards.sizes)))
    groups = [every] if resample.scope == "split" else [[shard] for shard in every]
    for scope, numbers in enumerate(groups):
        labels = np.concatenate([shards.labels(shard) for shard in numbers])
        if resample.scope == "none":
            yield numbers, untouched(labels)
            continue
        name = str(shards.folder if resample.scope == "split" else shards.path(scope))
        flat = _Flat(shards, numbers)
        faces = partial(read_faces, shards, numbers)
        yield numbers, resample_scope(Scope(labels, flat.read, faces, name, key), resample, scope_seed(seed, scope))


class _Flat:
    """A scope's images as rows of one float32 matrix, of which only the rows asked for are read."""

    def __init__(self, shards: ShardFolder, numbers: list[int]) -> None:
        self.shards, self.numbers = shards, numbers
        self.starts = _starts(shards, numbers)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        size = self.shards.image_size
        out = np.empty((len(rows), size * size * 3), np.float32)
        which = np.searchsorted(self.starts, rows, side="right") - 1
        for place in np.unique(which).tolist():
            pixels = self.shards.pixels(self.numbers[place])
            for index in np.flatnonzero(which == place).tolist():
                out[index] = pixels[rows[index] - self.starts[place]].ravel()
        return out


def _starts(shards: ShardFolder, numbers: list[int]) -> NDArray[np.int64]:
    """First row of each shard when the shards follow each other."""
    return np.cumsum([0, *(shards.sizes[shard] for shard in numbers[:-1])], dtype=np.int64)


def _frame(shards: ShardFolder, numbers: list[int], rows: Rows) -> pl.DataFrame:
    """Turn a scope's rows into a piece of the plan."""
    starts, names = _starts(shards, numbers), np.asarray(numbers)
    base, neighbour = (np.searchsorted(starts, at, side="right") - 1 for at in (rows.base, rows.neighbour))
    columns = {
        "shard": names[base], "row": rows.base - starts[base],
        "neighbour_shard": names[neighbour], "neighbour": rows.neighbour - starts[neighbour],
        "step": rows.step, "label": rows.label, "synthetic": rows.kind > 0, "position": np.arange(len(rows.label)),
    }  # fmt: skip
    return pl.DataFrame(columns).cast(SCHEMA)  # type: ignore[arg-type]


def count_plan(plan: pl.DataFrame, classes: tuple[str, ...] = BINARY) -> dict[str, Any]:
    """Count a plan's rows: `total`, and for each class `original` images kept, `synthetic` ones made, and `bases`.

    `bases` are the distinct images of the class that are in the plan or were the base of a synthetic one. Where images
    are forged, `made` says how many of the synthetic ones are of each kind.
    """
    counts: dict[str, Any] = {"total": plan.height}
    for number, name in enumerate(classes):
        rows = plan.filter(pl.col("label") == number)
        synthetic = int(rows["synthetic"].sum())
        own = rows.filter(~pl.col("kind").is_in(KINDS[FORGED:])) if "kind" in rows.columns else rows
        bases = own.select("shard", "row").n_unique() if own.height else 0
        counts[name] = {"original": rows.height - synthetic, "synthetic": synthetic, "bases": bases}
        if "kind" in rows.columns:
            counts[name]["made"] = {kind: int((rows["kind"] == kind).sum()) for kind in KINDS[1:]}
    return counts
