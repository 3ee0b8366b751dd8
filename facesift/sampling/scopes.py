"""Re-sample one scope (a shard, or the whole split): SMOTE, then random undersampling, as rows of a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.data.layouts import BINARY
from facesift.errors import FacesiftError
from facesift.recipe import Resample
from facesift.sampling.smote import draw_pairs
from facesift.sampling.undersampling import kept_rows


@dataclass(frozen=True)
class Scope:
    """What is re-sampled together.

    `labels` (n,) uint8; `flat(rows)` reads images as float32 (len(rows), features) with values 0 to 255; `name` and
    `key` (the parameters' dotted key) are for messages.
    """

    labels: NDArray[np.uint8]
    flat: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    name: str
    key: str


@dataclass(frozen=True)
class Rows:
    """The re-sampled scope in imbalanced-learn's own order, one entry per image; originals have step 0."""

    base: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    step: NDArray[np.float64]
    label: NDArray[np.uint8]
    synthetic: NDArray[np.bool_]

    def __getitem__(self, kept: NDArray[np.int64]) -> Rows:
        parts = (self.base, self.neighbour, self.step, self.label, self.synthetic)
        return Rows(*(part[kept] for part in parts))  # type: ignore[arg-type]


def untouched(labels: NDArray[np.uint8]) -> Rows:
    """Every row once, as it is."""
    rows = np.arange(len(labels))
    return Rows(rows, rows, np.zeros(len(rows)), labels, np.zeros(len(rows), bool))


def resample_scope(scope: Scope, resample: Resample, random_state: int) -> Rows:
    """Apply `SMOTE(resample.smote)`, then `RandomUnderSampler(resample.undersample)`, each with `random_state`.

    Reads the minority's pixels only. Raises `FacesiftError` naming the key to change when the scope has one class only,
    is already more balanced than asked for, or has too few minority images for the neighbours.
    """
    rows = untouched(scope.labels)
    if resample.smote is not None:
        rows = _oversample(rows, scope, resample.smote, resample.neighbours, random_state)
    if resample.undersample is not None:
        _wanted(scope, rows.label, "undersample", resample.undersample)
        rows = rows[kept_rows(rows.label, resample.undersample, random_state)]
    return rows


def _oversample(rows: Rows, scope: Scope, ratio: float, neighbours: int, random_state: int) -> Rows:
    """Append synthetic images of the minority until it is `ratio` of the majority."""
    minority, missing = _wanted(scope, scope.labels, "smote", ratio)
    members = np.flatnonzero(scope.labels == minority)
    _check_neighbours(scope, len(members), BINARY[minority], neighbours)
    pairs = draw_pairs(scope.flat(members), missing, neighbours, random_state)
    return Rows(
        np.concatenate([rows.base, members[pairs.base]]),
        np.concatenate([rows.neighbour, members[pairs.neighbour]]),
        np.concatenate([rows.step, pairs.step]),
        np.concatenate([rows.label, np.full(missing, minority, np.uint8)]),
        np.concatenate([rows.synthetic, np.ones(missing, bool)]),
    )


def _wanted(scope: Scope, labels: NDArray[np.uint8], method: str, ratio: float) -> tuple[int, int]:
    """Return the class to change and imbalanced-learn's number for it: images to add (SMOTE) or to keep."""
    from imblearn.utils import check_sampling_strategy  # noqa: PLC0415  # takes seconds to import

    real, fake = np.bincount(labels, minlength=2).tolist()
    if not real or not fake:
        raise FacesiftError(
            f"{scope.name} has {real} real and {fake} fake images, and {scope.key} needs both classes: "
            f"set {scope.key}.scope: split, or a larger shard.images"
        )
    kind = {"smote": "over-sampling", "undersample": "under-sampling"}[method]
    try:
        ((target, count),) = check_sampling_strategy(ratio, labels, kind).items()
    except ValueError:
        present = min(real, fake) / max(real, fake)
        raise FacesiftError(
            f"{scope.key}.{method}: {ratio:g} is asked for, but {scope.name} is at {present:.4g} already "
            f"({real} real, {fake} fake): set it above {present:.4g}, or to null"
        ) from None
    return int(target), int(count)


def _check_neighbours(scope: Scope, images: int, label: str, neighbours: int) -> None:
    if images > neighbours:
        return
    fewer = f"set {scope.key}.neighbours to at most {images - 1}, or " if images > 1 else "set "
    raise FacesiftError(
        f"{scope.name} has {images} {label} images, and SMOTE with {scope.key}.neighbours: {neighbours} needs at least "
        f"{neighbours + 1}: {fewer}{scope.key}.scope: split, or a larger shard.images"
    )
