"""The pictures of a study: what its classes look like on average, and what each member was trained on and sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.evaluation import Pictures
from facesift.config.members import NO_AUGMENTATION, Augment
from facesift.core.classes import Classes
from facesift.evaluation.class_means import Moments
from facesift.evaluation.pictures import Row, draw_grid
from facesift.evaluation.samples import augmented, forged_samples, smote_samples, training_samples
from facesift.shards.reading import ShardFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS = "grey levels"  # of 256


def draw_moments(moments: Sequence[Moments], classes: Classes) -> Figure:
    """Draw each class's mean image, its standard deviation, and how far its mean is from the positive class's.

    Heat maps are averages over red, green and blue. A class without an image leaves its places empty.
    """
    there = [found.images > 0 for found in moments]
    means = [found.mean for found in moments]
    apart = [np.abs(mean - means[classes.number]).mean(axis=2) for mean in means]
    other = [known and there[classes.number] and number != classes.number for number, known in enumerate(there)]
    counts = [f"{name}: {found.images:,} images" for name, found in zip(classes.names, moments, strict=True)]
    rows = [
        Row("mean", _where(there, [np.rint(mean).astype(np.uint8) for mean in means]), counts),
        Row("standard deviation", _where(there, [found.deviation.mean(axis=2) for found in moments]), unit=LEVELS),
        Row(f"difference from the mean of {classes.positive}", _where(other, apart), unit=LEVELS),
    ]
    return draw_grid("Training images of each class, pixel by pixel", rows)


def _where(shown: Sequence[bool], images: Sequence[NDArray[np.generic]]) -> list[NDArray[np.generic] | None]:
    return [image if show else None for show, image in zip(shown, images, strict=True)]


def draw_training(name: str, shards: ShardFolder, plan: pl.DataFrame, augment: Augment, spec: Pictures) -> Figure:
    """Draw some training images of each class, above what the member's augmentation may make of them."""
    pixels, labels = training_samples(shards, plan, spec.samples, spec.seed)
    changes = augment != NO_AUGMENTATION
    after = augmented(pixels, labels, augment, len(shards.classes), spec.seed) if changes else pixels
    rows = []
    for number in np.unique(labels).tolist():
        mine = labels == number
        rows.append(Row(shards.classes[number], list(pixels[mine])))
        if changes:
            rows.append(Row(f"{shards.classes[number]}, augmented", list(after[mine])))
    said = "as they are, and augmented as in training" if changes else "which it does not augment"
    return draw_grid(f"{name}: training images, {said}", rows)


def draw_smote(name: str, shards: ShardFolder, plan: pl.DataFrame, spec: Pictures) -> Figure | None:
    """Draw some of SMOTE's images between the two each is made from; None when the plan has none."""
    blends = smote_samples(shards, plan, spec.samples, spec.seed)
    if not len(blends.step):
        return None
    rows = []
    for number in np.unique(blends.label).tolist():
        mine, label = blends.label == number, shards.classes[number]
        steps = [f"{step:.0%}" for step in blends.step[mine]]
        rows += [
            Row(f"{label}, base", list(blends.base[mine])),
            Row("synthetic", list(blends.made[mine]), steps),
            Row(f"{label}, neighbour", list(blends.neighbour[mine])),
        ]
    return draw_grid(f"{name}: images made by SMOTE, so far on the way from base to neighbour", rows)


def draw_forged(name: str, shards: ShardFolder, plan: pl.DataFrame, spec: Pictures) -> Figure | None:
    """Draw some forged images of each kind between the real face and the donor; None when the plan has none."""
    found = forged_samples(shards, plan, spec.samples, spec.seed)
    rows = []
    for kind in dict.fromkeys(found.kind):
        mine = [place for place, other in enumerate(found.kind) if other == kind]
        rows += [
            Row("real", list(found.target[mine])),
            Row(kind.replace("_", "-"), list(found.made[mine]), [found.region[place] for place in mine]),
        ]
        if kind == "composite":
            rows.append(Row("donor", list(found.donor[mine])))
    return draw_grid(f"{name}: images forged of real ones, by the part that was changed", rows) if rows else None
