"""The images of a sampling plan's rows: originals as they are, SMOTE's interpolations, and forgeries."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted
from facesift.sampling.forging import Forgery, LandmarkedFace, forge
from facesift.sampling.plan_columns import FORGED, KINDS, REGIONS
from facesift.sampling.regions import face_landmarks
from facesift.sampling.resamplers import interpolate
from facesift.shards.reading import ShardFolder


class PlanImages:
    """Makes the images of single rows of a plan; maps shards into memory when they are first needed.

    Args:
        shards: the shards that the plan was made for.
        plan: a table with the columns that `plan_columns` describes.

    Raises:
        FacesiftError: when the plan was made for other shards. Later, when a damaged shard is read.
    """

    def __init__(self, shards: ShardFolder, plan: pl.DataFrame) -> None:
        self.shards = shards
        self.columns = _plan_arrays(plan)
        _check_fits(shards, self.columns)
        self._maps: dict[int, NDArray[np.uint8]] = {}
        self._landmarks: dict[int, NDArray[np.float32]] = {}

    def keep(self, shards: NDArray[np.integer]) -> None:
        """Close the maps of all shards but these."""
        self._maps = {shard: self._maps[shard] for shard in shards.tolist() if shard in self._maps}
        self._landmarks = {shard: self._landmarks[shard] for shard in shards.tolist() if shard in self._landmarks}

    def batch(self, rows: NDArray[np.int64], seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Make the images of b rows of the plan.

        Args:
            rows: numbers of the rows, shape (b,).
            seed: of the epoch; only forgeries with `fresh` depend on it.

        Returns:
            Pixels (b, S, S, 3) in 0 to 255, and labels (b,).
        """
        pixels = self.bases(rows).astype(np.float32)
        forged = self.columns["kind"][rows] >= FORGED if "kind" in self.columns else np.zeros(len(rows), bool)
        smote = np.flatnonzero(self.columns["synthetic"][rows] & ~forged)
        if len(smote):
            steps = self.columns["step"][rows[smote]].astype(np.float64)
            pixels[smote] = interpolate(pixels[smote], self.neighbours(rows[smote]).astype(np.float32), steps)
        for place in np.flatnonzero(forged).tolist():
            pixels[place] = self._forge(rows[place], seed)
        return pixels, self.columns["label"][rows].astype(np.int64)

    def bases(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read the image, or the base image, of b rows of the plan: (b, S, S, 3)."""
        return self._read(self.columns["shard"][rows], self.columns["row"][rows])

    def neighbours(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read the neighbour (SMOTE) or the donor (forging) of b rows of the plan: (b, S, S, 3)."""
        return self._read(self.columns["neighbour_shard"][rows], self.columns["neighbour"][rows])

    def _read(self, shards: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
        """Read image `rows[i]` of shard `shards[i]` for all i: (n, S, S, 3); of features: (n, width)."""
        index = self.shards.index
        out = np.empty((len(rows), *index.value_shape), np.uint8 if index.features is None else np.float16)
        for shard in np.unique(shards).tolist():
            if shard not in self._maps:
                self._maps[shard] = self.shards.values(shard)
            here = np.flatnonzero(shards == shard)
            out[here] = self._maps[shard][rows[here]]
        return out

    def _forge(self, row: int, seed: int) -> NDArray[np.uint8]:
        """Forge the image of one row of the plan, in the epoch of `seed`."""
        cells = {name: values[row].item() for name, values in self.columns.items()}
        target = self._face(cells["shard"], cells["row"])
        donor = self._face(cells["neighbour_shard"], cells["neighbour"])
        seeds = (cells["forge_seed"], *((seed,) if cells["fresh"] else ()))
        kind, region = KINDS[cells["kind"]], REGIONS[cells["region"]]
        return forge(target, donor, Forgery(kind, region, cells["poisson"], cells["colour"], cells["warp"], seeds))

    def _face(self, shard: int, row: int) -> LandmarkedFace:
        if shard not in self._landmarks:
            self._landmarks[shard] = face_landmarks(self.shards, shard)
        return LandmarkedFace(self._read(np.array([shard]), np.array([row]))[0], self._landmarks[shard][row])


def read_plan_images(shards: ShardFolder, plan: pl.DataFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the base image and the neighbour of each row of a short plan, all at once.

    Args:
        shards: the shards that the plan was made for.
        plan: n rows of a sampling plan, such as those shown in a figure.

    Returns:
        Base images and neighbours, each (n, S, S, 3); an original's neighbour is itself.

    Raises:
        FacesiftError: when the plan was made for other shards.
    """
    images, rows = PlanImages(shards, plan), np.arange(plan.height)
    return images.bases(rows), images.neighbours(rows)


def make_plan_images(shards: ShardFolder, plan: pl.DataFrame, seed: int) -> NDArray[np.float32]:
    """Make the images of all rows of a short plan, all at once and in the order of the rows.

    Args:
        shards: the shards that the plan was made for.
        plan: n rows of a sampling plan.
        seed: of the epoch, as in `batches.plan_batches`.

    Returns:
        Pixels (n, S, S, 3) in 0 to 255.

    Raises:
        FacesiftError: when the plan was made for other shards.
    """
    return PlanImages(shards, plan).batch(np.arange(plan.height), seed)[0]


def _plan_arrays(plan: pl.DataFrame) -> dict[str, NDArray[Any]]:
    """Return the columns of a plan as arrays; names (`kind`, `region`) become their numbers."""
    return {
        name: (column.to_physical() if column.dtype == pl.Enum else column).to_numpy()
        for name, column in zip(plan.columns, plan.get_columns(), strict=True)
    }


def _check_fits(shards: ShardFolder, columns: dict[str, NDArray[Any]]) -> None:
    """Raise `FacesiftError` for a plan that points at rows the shards do not have."""
    sizes = np.asarray(shards.sizes)
    for numbers, rows in (("shard", "row"), ("neighbour_shard", "neighbour")):
        number, row = columns[numbers], columns[rows]
        fits = (number >= 0) & (number < len(sizes)) & (row >= 0) & (row < sizes.take(number, mode="clip"))
        if not fits.all():
            bad = int(np.argmin(fits))
            raise FacesiftError(
                f"sampling plan: {numbers} {number[bad]}, {rows} {row[bad]} is not in {shards.folder} "
                f"({counted(len(sizes), 'shard')}, {counted(shards.images, 'image')}): made for other shards; "
                "`dvc repro sample`"
            )
