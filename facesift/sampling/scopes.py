"""Re-samples one scope (a shard, or the whole training split): SMOTE, forging, then random undersampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from facesift.config.sampling import Forge, Resample
from facesift.core.classes import BINARY, FAKE, REAL
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted
from facesift.sampling.donors import FaceFeatures, choose_donors
from facesift.sampling.plan_columns import KINDS
from facesift.sampling.resamplers import smote_pairs, target_count, undersampled_rows


class RatioMetError(FacesiftError):
    """The classes are nearer to each other already than the ratio that is asked for."""


@dataclass(frozen=True)
class Scope:
    """The images that are re-sampled together.

    Attributes:
        labels: shape (n,), 0 real, 1 fake.
        flat: reads images by their rows: (len(rows), features) float32 with values 0 to 255.
        faces: reads the features by which donors are chosen, of all images of a class (by its number).
        name: of the scope, for messages.
        key: dotted key of the resampling's parameters, for messages.
        counts: real and fake images of each scope of the same plan, for messages: one ratio has to suit all.
    """

    labels: NDArray[np.uint8]
    flat: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    faces: Callable[[int], FaceFeatures]
    name: str
    key: str
    counts: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class ResampledRows:
    """A re-sampled scope: one entry per image, in imbalanced-learn's order.

    Attributes:
        base: row of the image; of a synthetic one, of its base; of a forged one, of the face that is changed.
        neighbour: row of SMOTE's neighbour, or of the donor of a forged image; an original's is itself.
        step: how far SMOTE goes towards the neighbour, in [0, 1); 0 for others.
        label: 0 real, 1 fake.
        kind: number in `plan_columns.KINDS`.
    """

    base: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    step: NDArray[np.float64]
    label: NDArray[np.uint8]
    kind: NDArray[np.uint8]

    def __getitem__(self, kept: NDArray[np.int64]) -> ResampledRows:
        return ResampledRows(*(getattr(self, part.name)[kept] for part in fields(self)))

    def __add__(self, more: ResampledRows) -> ResampledRows:
        return ResampledRows(
            *(np.concatenate([getattr(rows, part.name) for rows in (self, more)]) for part in fields(self))
        )


def original_rows(labels: NDArray[np.uint8]) -> ResampledRows:
    """Return every image once, as it is."""
    rows = np.arange(len(labels))
    return ResampledRows(rows, rows, np.zeros(len(rows)), labels, np.zeros(len(rows), np.uint8))


def resample_scope(scope: Scope, resample: Resample, random_state: int) -> ResampledRows:
    """Apply SMOTE, then forging, then random undersampling, each only if `resample` asks for it.

    SMOTE reads the pixels of the minority only, forging those of real images only.

    Args:
        scope: the images.
        resample: ratios, neighbours and forging.
        random_state: integer in [0, 2**32), used for each of the steps.

    Returns:
        The rows of the re-sampled scope.

    Raises:
        RatioMetError: when the scope is already more balanced than asked for.
        FacesiftError: when the scope has one class only, or too few images for neighbours or donors; the message names
            the key to change.
    """
    rows = original_rows(scope.labels)
    if resample.smote is not None:
        rows = _with_smote(rows, scope, resample.smote, resample.neighbours, random_state)
    if resample.forge is not None:
        rows += _forged_rows(rows.label, scope, resample.forge, random_state)
    if resample.undersample is not None:
        _target_count(scope, rows.label, "undersample", resample.undersample)
        rows = rows[undersampled_rows(rows.label, resample.undersample, random_state)]
    return rows


def _with_smote(rows: ResampledRows, scope: Scope, ratio: float, neighbours: int, random_state: int) -> ResampledRows:
    """Append synthetic images of the minority until it is `ratio` times the majority."""
    minority, missing = _target_count(scope, scope.labels, "smote", ratio)
    members = np.flatnonzero(scope.labels == minority)
    _check_neighbours(scope, len(members), BINARY[minority], neighbours)
    pairs = smote_pairs(scope.flat(members), missing, neighbours, random_state)
    label, kind = np.full(missing, minority, np.uint8), np.full(missing, KINDS.index("smote"), np.uint8)
    return rows + ResampledRows(members[pairs.base], members[pairs.neighbour], pairs.step, label, kind)


def _forged_rows(labels: NDArray[np.uint8], scope: Scope, forge: Forge, random_state: int) -> ResampledRows:
    """Choose faces and donors for the fakes that are missing until there are `forge.ratio` per real image.

    No real image is forged twice before each has been forged once.
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
    return ResampledRows(reals[target], reals[donor], np.zeros(missing), np.full(missing, FAKE, np.uint8), kind)


def _check_forging(scope: Scope, real: int, fake: int, missing: int, forge: Forge) -> None:
    """Raise `FacesiftError` for a scope with too few real images to forge, or with too many fakes already."""
    needed = 2 if forge.composite else 1
    if real < needed:
        raise FacesiftError(
            f"{scope.name} has {counted(real, 'real image')}, and {scope.key}.forge makes fakes of at least {needed}: "
            f"set {scope.key}.scope: split, or a larger shard.images"
        )
    if missing < 1:
        least = math.ceil(1e4 * (fake + 1) / real) / 1e4
        raise FacesiftError(
            f"{scope.key}.forge.ratio: {forge.ratio:g} is asked for, but {scope.name} has "
            f"{counted(fake, 'fake')} to {counted(real, 'real')} before forging: "
            f"set it to {least:g} or more, or forge to null"
        )


def _target_count(scope: Scope, labels: NDArray[np.uint8], method: str, ratio: float) -> tuple[int, int]:
    """Return the class to change, and imbalanced-learn's count for it: images to add (SMOTE) or to keep."""
    real, fake = np.bincount(labels, minlength=2).tolist()
    if not real or not fake:
        raise FacesiftError(
            f"{scope.name} has {real} real and {fake} fake images, and {scope.key} needs both classes: "
            f"set {scope.key}.scope: split, or a larger shard.images"
        )
    try:
        return target_count(labels, method, ratio)
    except ValueError:
        counts = [each for each in scope.counts if all(each)] if labels is scope.labels else []
        least = _least_ratio([(real, fake), *counts], method)
        remedy = "set it to null" if least is None else f"set it to {least:g} or more, or to null"
        raise RatioMetError(
            f"{scope.key}.{method}: {ratio:g} is asked for, but {scope.name} is at "
            f"{min(real, fake) / max(real, fake):.4g} already ({real} real, {fake} fake): {remedy}"
        ) from None


def _least_ratio(counts: list[tuple[int, int]], method: str) -> float | None:
    """Return the least ratio of 4 digits that imbalanced-learn takes for all counts; None: none up to 1."""
    added = 1 if method == "smote" else 0  # SMOTE has to add an image; undersampling may keep all
    highest = 0.0
    for fewer, more in map(sorted, counts):
        least = math.ceil(1e4 * (fewer + added) / more) / 1e4
        if int(more * least - fewer) < added:  # 100 * 0.29 - 28 is less than 1 in floating point
            least = round(least + 1e-4, 4)
        highest = max(highest, least)
    return highest if highest <= 1 else None


def _check_neighbours(scope: Scope, images: int, label: str, neighbours: int) -> None:
    if images > neighbours:
        return
    fewer = f"set {scope.key}.neighbours to at most {images - 1}, or " if images > 1 else "set "
    raise FacesiftError(
        f"{scope.name} has {counted(images, f'{label} image')}, and SMOTE with {scope.key}.neighbours: {neighbours} "
        f"needs at least {neighbours + 1}: {fewer}{scope.key}.scope: split, or a larger shard.images"
    )
