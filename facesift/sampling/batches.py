"""The batches a training loop reads: images from shards, and synthetic ones made on the way by a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.errors import FacesiftError
from facesift.sampling.forging import Forgery, MarkedFace, forge
from facesift.sampling.kinds import FORGED, KINDS, REGIONS
from facesift.sampling.smote import blend
from facesift.shards.landmarks import landmarks
from facesift.shards.reading import ShardFolder

Columns = dict[str, NDArray[Any]]
Rows = TypeVar("Rows", bound=Sequence[Any] | NDArray[Any])


@dataclass(frozen=True)
class Share:
    """What process number `rank` of `ranks` takes of anything that all of them divide."""

    rank: int = 0
    ranks: int = 1

    def of(self, rows: Rows) -> Rows:
        """Return a piece; the pieces of all ranks follow each other, and their sizes differ by one at most.

        >>> [Share(rank, 3).of([0, 1, 2, 3]) for rank in range(3)]
        [[0], [1], [2, 3]]
        """
        start, end = (len(rows) * rank // self.ranks for rank in (self.rank, self.rank + 1))
        return rows[start:end]  # type: ignore[return-value]


WHOLE = Share()


def plan_batches(  # noqa: PLR0913, PLR0917  a loader decides all of this
    shards: ShardFolder, plan: pl.DataFrame, batch_size: int, window_shards: int, seed: int, share: Share = WHOLE
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield one epoch: every row of `plan` once, in an order drawn from `seed`.

    The shards are shuffled and taken `window_shards` at a time, and the rows of a window are mixed. So only a window's
    worth of files is touched at once (and single rows of others, for neighbours), and what a window leaves over starts
    the next: only the last batch is short. Of every batch, only the rows of the `share` are read and given.

    Yields:
        Pixels (b, S, S, 3) float32 in 0 to 255 and labels (b,) int64, b <= `batch_size`.

    Raises:
        FacesiftError: when the plan was made for other shards, or a shard is damaged.
    """
    columns = _columns(plan)
    _check_fits(shards, columns)
    reader = _Reader(shards)
    rng = np.random.default_rng(seed)
    left = np.empty(0, np.int64)
    for window, rows in _windows(columns["shard"], len(shards.sizes), window_shards, rng):
        reader.keep(window)
        queue = np.concatenate([left, rng.permutation(rows)])
        whole = len(queue) - len(queue) % batch_size
        for start in range(0, whole, batch_size):
            yield _batch(reader, columns, share.of(queue[start : start + batch_size]), seed)
        left = queue[whole:]
    if len(left):
        yield _batch(reader, columns, share.of(left), seed)


def shard_batches(
    shards: ShardFolder, batch_size: int, only: Sequence[int] | None = None, share: Share = WHOLE
) -> Iterator[tuple[list[str], NDArray[np.float32], NDArray[np.int64]]]:
    """Yield all images in file order, for validation and scoring; a batch never reaches into the next shard.

    `only`: numbers of the shards to read; None: all. `share`: of the batches, which stay whole.

    Yields:
        Image ids, pixels (b, S, S, 3) float32 in 0 to 255, labels (b,) int64, b <= `batch_size`.
    """
    numbers = range(len(shards.sizes)) if only is None else only
    batches = share.of([(shard, start) for shard in numbers for start in range(0, shards.sizes[shard], batch_size)])
    for shard, starts in groupby(batches, key=itemgetter(0)):
        ids, pixels, labels = shards.image_ids(shard), shards.pixels(shard), shards.labels(shard)
        for _, start in starts:
            part = slice(start, start + batch_size)
            yield ids[part], np.asarray(pixels[part], np.float32), labels[part].astype(np.int64)


def plan_images(shards: ShardFolder, plan: pl.DataFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the image of each of a plan's n rows, and its neighbour (an original's: itself): two arrays (n, S, S, 3).

    For a few rows, such as those that are shown. Raises `FacesiftError` when the plan was made for other shards.
    """
    columns = _columns(plan)
    _check_fits(shards, columns)
    reader = _Reader(shards)
    return reader.rows(columns["shard"], columns["row"]), reader.rows(columns["neighbour_shard"], columns["neighbour"])


def plan_pixels(shards: ShardFolder, plan: pl.DataFrame, seed: int) -> NDArray[np.float32]:
    """Make the n images of a plan's rows in their order, as the epoch of `seed` has them: (n, S, S, 3) in 0 to 255.

    For a few rows, like `plan_images`.
    """
    columns = _columns(plan)
    _check_fits(shards, columns)
    return _batch(_Reader(shards), columns, np.arange(plan.height), seed)[0]


class _Reader:
    """Single rows of any shard through memory maps, of which only a window's stay open."""

    def __init__(self, shards: ShardFolder) -> None:
        self.shards = shards
        self.maps: dict[int, NDArray[np.uint8]] = {}
        self.points: dict[int, NDArray[np.float32]] = {}

    def keep(self, window: NDArray[np.integer]) -> None:
        """Let go of all maps but those of `window`."""
        self.maps = {shard: self.maps[shard] for shard in window.tolist() if shard in self.maps}
        self.points = {shard: self.points[shard] for shard in window.tolist() if shard in self.points}

    def rows(self, numbers: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.uint8]:
        """Read image `rows[i]` of shard `numbers[i]` for all i: (n, S, S, 3)."""
        size = self.shards.image_size
        out = np.empty((len(rows), size, size, 3), np.uint8)
        for shard in np.unique(numbers).tolist():
            if shard not in self.maps:
                self.maps[shard] = self.shards.pixels(shard)
            here = np.flatnonzero(numbers == shard)
            out[here] = self.maps[shard][rows[here]]
        return out

    def face(self, shard: int, row: int) -> MarkedFace:
        """Read an image with the landmarks of its face."""
        if shard not in self.points:
            self.points[shard] = landmarks(self.shards, shard)
        return MarkedFace(self.rows(np.array([shard]), np.array([row]))[0], self.points[shard][row])


def _windows(
    shard: NDArray[Any], shards: int, window_shards: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield shuffled shard numbers, `window_shards` at a time, and the plan rows that are based in them."""
    by_shard = np.argsort(shard, kind="stable")
    ends = np.searchsorted(shard[by_shard], np.arange(shards + 1))
    order = rng.permutation(shards)
    for start in range(0, shards, window_shards):
        window = order[start : start + window_shards]
        yield window, np.concatenate([by_shard[ends[one] : ends[one + 1]] for one in window])


def _columns(plan: pl.DataFrame) -> Columns:
    """Turn a plan into arrays; columns of names become their numbers."""
    return {
        name: (column.to_physical() if column.dtype == pl.Enum else column).to_numpy()
        for name, column in zip(plan.columns, plan.get_columns(), strict=True)
    }


def _batch(
    reader: _Reader, columns: Columns, rows: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    pixels = reader.rows(columns["shard"][rows], columns["row"][rows]).astype(np.float32)
    forged = columns["kind"][rows] >= FORGED if "kind" in columns else np.zeros(len(rows), bool)
    made = np.flatnonzero(columns["synthetic"][rows] & ~forged)
    if len(made):
        which = rows[made]
        neighbours = reader.rows(columns["neighbour_shard"][which], columns["neighbour"][which]).astype(np.float32)
        pixels[made] = blend(pixels[made], neighbours, columns["step"][which].astype(np.float64))
    for place in np.flatnonzero(forged).tolist():
        pixels[place] = _forged(reader, columns, rows[place], seed)
    return pixels, columns["label"][rows].astype(np.int64)


def _forged(reader: _Reader, columns: Columns, row: int, seed: int) -> NDArray[np.uint8]:
    """Forge the image of one row of a plan, in the epoch of `seed`."""
    said = {name: values[row].item() for name, values in columns.items()}
    target = reader.face(said["shard"], said["row"])
    donor = reader.face(said["neighbour_shard"], said["neighbour"])
    drawn = (said["forge_seed"], *((seed,) if said["fresh"] else ()))
    kind, region = KINDS[said["kind"]], REGIONS[said["region"]]
    return forge(target, donor, Forgery(kind, region, said["poisson"], said["colour"], said["warp"], drawn))


def _check_fits(shards: ShardFolder, columns: Columns) -> None:
    """Refuse a plan that points at rows the shards do not have."""
    sizes = np.asarray(shards.sizes)
    for numbers, rows in (("shard", "row"), ("neighbour_shard", "neighbour")):
        number, row = columns[numbers], columns[rows]
        fits = (number >= 0) & (number < len(sizes)) & (row >= 0) & (row < sizes.take(number, mode="clip"))
        if not fits.all():
            bad = int(np.argmin(fits))
            raise FacesiftError(
                f"sampling plan: {numbers} {number[bad]}, {rows} {row[bad]} is not in {shards.folder} "
                f"({len(sizes)} shards, {shards.images} images): made for other shards; `dvc repro sample`"
            )
