"""Sample images that a member was trained on, drawn as grids: original, augmented, made by SMOTE, and forged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from facesift.config.evaluation import Pictures
from facesift.config.members import NO_AUGMENTATION, Augment
from facesift.networks.preprocessing import to_unit
from facesift.report.figures import GridRow, draw_grid
from facesift.sampling.plan_columns import FORGED, KINDS
from facesift.sampling.plan_images import make_plan_images, read_plan_images
from facesift.sampling.resamplers import interpolate
from facesift.shards.reading import ShardFolder
from facesift.training.augmentation import make_augmentation, make_mixing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = NDArray[np.uint8]  # (n, S, S, 3)


@dataclass(frozen=True)
class SmoteSamples:
    """Images made by SMOTE, each between two images of one class.

    Attributes:
        base: images (n, S, S, 3) that SMOTE started from.
        synthetic: images made by SMOTE, of the same shape.
        neighbour: images that SMOTE went towards, of the same shape.
        step: share of the way from base to neighbour, (n,) in [0, 1].
        label: class numbers (n,).
    """

    base: Pixels
    synthetic: Pixels
    neighbour: Pixels
    step: NDArray[np.float64]
    label: NDArray[np.uint8]


@dataclass(frozen=True)
class ForgedSamples:
    """Forged images, with the images each was made from.

    Attributes:
        target: the real faces (n, S, S, 3).
        forged: the forged images, of the same shape.
        donor: the faces that parts were taken from, of the same shape.
        kind: n names of the way of forging.
        region: n names of the part of the face that was changed.
    """

    target: Pixels
    forged: Pixels
    donor: Pixels
    kind: list[str]
    region: list[str]


def choose_rows(plan: pl.DataFrame, samples: int, seed: int, *, synthetic: bool) -> pl.DataFrame:
    """Draw rows of a sampling plan.

    Args:
        plan: the member's plan.
        samples: rows of each class at most.
        seed: of the draw.
        synthetic: whether to draw SMOTE's rows or the original ones.

    Returns:
        Rows of the plan, sorted by class.
    """
    there = plan.filter(pl.col("synthetic") == synthetic)
    if "kind" in there.columns:
        there = there.filter(pl.col("kind").is_in(KINDS[:FORGED]))
    drawn = there[np.random.default_rng(seed).permutation(there.height)]
    return drawn.group_by("label", maintain_order=True).head(samples).sort("label", maintain_order=True)


def training_samples(
    shards: ShardFolder, plan: pl.DataFrame, samples: int, seed: int
) -> tuple[Pixels, NDArray[np.uint8]]:
    """Draw original images.

    Args:
        shards: shards of the training split.
        plan: the member's plan.
        samples: images of each class at most.
        seed: of the draw.

    Returns:
        Pixels (n, S, S, 3) and class numbers (n,), sorted by class.
    """
    rows = choose_rows(plan, samples, seed, synthetic=False)
    return read_plan_images(shards, rows)[0], rows["label"].to_numpy()


def augmented(pixels: Pixels, labels: NDArray[np.uint8], augment: Augment, classes: int, seed: int) -> Pixels:
    """Augment images as a batch in training.

    Args:
        pixels: images (n, S, S, 3).
        labels: their class numbers (n,).
        augment: the member's augmentation.
        classes: number of classes.
        seed: all that the random changes depend on.

    Returns:
        Augmented images (n, S, S, 3).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        images, targets = make_augmentation(augment)(to_unit(pixels)), torch.as_tensor(labels.astype(np.int64))
        mixed, _ = make_mixing(augment, classes)(images, targets)
    return _to_bytes(mixed.permute(0, 2, 3, 1).numpy() * 255)


def smote_samples(shards: ShardFolder, plan: pl.DataFrame, samples: int, seed: int) -> SmoteSamples:
    """Draw images made by SMOTE, with the images they were made from.

    The images are rounded to whole grey levels; training sees them unrounded.

    Args:
        shards: shards of the training split.
        plan: the member's plan.
        samples: images of each class at most.
        seed: of the draw.

    Returns:
        The images, sorted by class; arrays of length 0 when the plan has none.
    """
    rows = choose_rows(plan, samples, seed, synthetic=True)
    base, neighbour = read_plan_images(shards, rows)
    step = rows["step"].to_numpy()
    synthetic = interpolate(base.astype(np.float32), neighbour.astype(np.float32), step)
    return SmoteSamples(base, _to_bytes(synthetic), neighbour, step, rows["label"].to_numpy())


def forged_samples(shards: ShardFolder, plan: pl.DataFrame, samples: int, seed: int) -> ForgedSamples:
    """Draw forged images as they occur in one epoch.

    Args:
        shards: shards of the training split.
        plan: the member's plan.
        samples: images of each kind at most.
        seed: of the draw, and of the epoch.

    Returns:
        The images, sorted by kind; arrays of length 0 when the plan has none.
    """
    forged = plan.filter(pl.col("kind").is_in(KINDS[FORGED:])) if "kind" in plan.columns else plan.clear()
    rows = forged[np.random.default_rng(seed).permutation(forged.height)]
    if rows.height:
        rows = rows.group_by("kind", maintain_order=True).head(samples).sort("kind", maintain_order=True)
    target, donor = read_plan_images(shards, rows)
    kind, region = ([str(name) for name in rows[column]] if rows.height else [] for column in ("kind", "region"))
    return ForgedSamples(target, _to_bytes(make_plan_images(shards, rows, seed)), donor, kind, region)


def draw_training(name: str, shards: ShardFolder, plan: pl.DataFrame, augment: Augment, spec: Pictures) -> Figure:
    """Draw some training images of each class, above augmented versions of them.

    Args:
        name: the member, for the title.
        shards: shards of the training split.
        plan: the member's plan.
        augment: the member's augmentation; without any, the images are shown alone.
        spec: how many images to show, and the seed of the draw.

    Returns:
        The figure.
    """
    pixels, labels = training_samples(shards, plan, spec.samples, spec.seed)
    changes = augment != NO_AUGMENTATION
    after = augmented(pixels, labels, augment, len(shards.classes), spec.seed) if changes else pixels
    rows = []
    for number in np.unique(labels).tolist():
        mine = labels == number
        rows.append(GridRow(shards.classes[number], list(pixels[mine])))
        if changes:
            rows.append(GridRow(f"{shards.classes[number]}, augmented", list(after[mine])))
    said = "as they are, and augmented as in training" if changes else "which it does not augment"
    return draw_grid(f"{name}: training images, {said}", rows)


def draw_smote(name: str, shards: ShardFolder, plan: pl.DataFrame, spec: Pictures) -> Figure | None:
    """Draw some images made by SMOTE, each between the two it is made from.

    Args:
        name: the member, for the title.
        shards: shards of the training split.
        plan: the member's plan.
        spec: how many images to show, and the seed of the draw.

    Returns:
        The figure; None when the plan has no such image.
    """
    smote = smote_samples(shards, plan, spec.samples, spec.seed)
    if not len(smote.step):
        return None
    rows = []
    for number in np.unique(smote.label).tolist():
        mine, label = smote.label == number, shards.classes[number]
        steps = [f"{step:.0%}" for step in smote.step[mine]]
        rows += [
            GridRow(f"{label}, base", list(smote.base[mine])),
            GridRow("synthetic", list(smote.synthetic[mine]), steps),
            GridRow(f"{label}, neighbour", list(smote.neighbour[mine])),
        ]
    return draw_grid(f"{name}: images made by SMOTE, so far on the way from base to neighbour", rows)


def draw_forged(name: str, shards: ShardFolder, plan: pl.DataFrame, spec: Pictures) -> Figure | None:
    """Draw some forged images of each kind between the real face and the donor.

    Args:
        name: the member, for the title.
        shards: shards of the training split.
        plan: the member's plan.
        spec: how many images to show, and the seed of the draw.

    Returns:
        The figure; None when the plan has no such image.
    """
    found = forged_samples(shards, plan, spec.samples, spec.seed)
    rows = []
    for kind in dict.fromkeys(found.kind):
        mine = [place for place, other in enumerate(found.kind) if other == kind]
        rows += [
            GridRow("real", list(found.target[mine])),
            GridRow(kind.replace("_", "-"), list(found.forged[mine]), [found.region[place] for place in mine]),
        ]
        if kind == "composite":
            rows.append(GridRow("donor", list(found.donor[mine])))
    return draw_grid(f"{name}: images forged of real ones, by the part that was changed", rows) if rows else None


def _to_bytes(values: NDArray[np.floating]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
