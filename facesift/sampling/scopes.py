"""Re-sample one scope (a shard, or the whole split): SMOTE, forging, then random undersampling, as rows of a plan."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from facesift.config.forging import Forge
from facesift.config.members import Resample
from facesift.core.classes import BINARY
from facesift.core.errors import FacesiftError
from facesift.sampling.donors import Faces, choose_donors
from facesift.sampling.kinds import KINDS
from facesift.sampling.smote import draw_pairs
from facesift.sampling.undersampling import kept_rows

REAL, FAKE = range(2)


@dataclass(frozen=True)
class Scope:
    """What is re-sampled together.

    `labels` (n,) uint8; `flat(rows)` reads images as float32 (len(rows), features) with values 0 to 255; `faces(label)`
    what donors are chosen by, of all images of a class; `name` and `key` (the parameters' dotted key) are for messages.
    """

    labels: NDArray[np.uint8]
    flat: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    faces: Callable[[int], Faces]
    name: str
    key: str


@dataclass(frozen=True)
class Rows:
    """The re-sampled scope in imbalanced-learn's own order, one entry per image; originals have step 0.

    A forged image's `base` is the face that is changed, its `neighbour` the donor. `kind` numbers `KINDS`.
    """

    base: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    step: NDArray[np.float64]
    label: NDArray[np.uint8]
    kind: NDArray[np.uint8]

    def __getitem__(self, kept: NDArray[np.int64]) -> Rows:
        return Rows(*(getattr(self, part.name)[kept] for part in fields(self)))

    def __add__(self, more: Rows) -> Rows:
        return Rows(*(np.concatenate([getattr(rows, part.name) for rows in (self, more)]) for part in fields(self)))


def untouched(labels: NDArray[np.uint8]) -> Rows:
    """Every row once, as it is."""
    rows = np.arange(len(labels))
    return Rows(rows, rows, np.zeros(len(rows)), labels, np.zeros(len(rows), np.uint8))


def resample_scope(scope: Scope, resample: Resample, random_state: int) -> Rows:
    """Apply `SMOTE(resample.smote)`, forging, then `RandomUnderSampler(resample.undersample)`, with `random_state`.

    SMOTE reads the minority's pixels only, forging the reals'. Raises `FacesiftError` naming the key to change when the
    scope has one class only, is already more balanced than asked for, or has too few images for neighbours or donors.
    """
    rows = untouched(scope.labels)
    if resample.smote is not None:
        rows = _oversample(rows, scope, resample.smote, resample.neighbours, random_state)
    if resample.forge is not None:
        rows += _forged(rows.label, scope, resample.forge, random_state)
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
    label, kind = np.full(missing, minority, np.uint8), np.full(missing, KINDS.index("smote"), np.uint8)
    return rows + Rows(members[pairs.base], members[pairs.neighbour], pairs.step, label, kind)


def _forged(labels: NDArray[np.uint8], scope: Scope, forge: Forge, random_state: int) -> Rows:
    """Choose targets and donors of the fakes that are missing until they are `forge.ratio` of the reals.

    Targets take turns, so that no real image is forged twice before each has been once.
    """
    real, fake = np.bincount(labels, minlength=2).tolist()
    missing = int(forge.ratio * real) - fake
    _check_forging(scope, real, fake, missing, forge)
    rng = np.random.default_rng(random_state)
    turns = [rng.permutation(real) for _ in range(math.ceil(missing / real))]
    target = np.concatenate(turns)[:missing]
    composite = rng.random(missing) < forge.composite / (forge.composite + forge.self_blend)
    donor = target.copy()
    if composite.any():
        donor[composite] = choose_donors(scope.faces(REAL), target[composite], forge.candidates, rng)
    reals = np.flatnonzero(scope.labels == REAL)
    kind = np.where(composite, KINDS.index("composite"), KINDS.index("self_blend")).astype(np.uint8)
    return Rows(reals[target], reals[donor], np.zeros(missing), np.full(missing, FAKE, np.uint8), kind)


def _check_forging(scope: Scope, real: int, fake: int, missing: int, forge: Forge) -> None:
    """Refuse a scope with too few reals to forge, or with too many fakes already."""
    needed = 2 if forge.composite else 1
    if real < needed:
        raise FacesiftError(
            f"{scope.name} has {real} real images, and {scope.key}.forge makes fakes of at least {needed}: "
            f"set {scope.key}.scope: split, or a larger shard.images"
        )
    if missing < 1:
        least = math.ceil(1e4 * (fake + 1) / real) / 1e4
        raise FacesiftError(
            f"{scope.key}.forge.ratio: {forge.ratio:g} is asked for, but {scope.name} has {fake} fakes to {real} reals "
            f"before forging: set it to {least:g} or more, or forge to null"
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
