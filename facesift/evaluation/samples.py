"""Some of the images a member was trained on: as they are, as it saw them, and those that were made for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from facesift.config.members import Augment
from facesift.networks.preprocessing import make_augmentation, make_mixing, to_unit
from facesift.sampling.plan_columns import FORGED, KINDS
from facesift.sampling.plan_images import make_plan_images, read_plan_images
from facesift.sampling.resamplers import interpolate
from facesift.shards.reading import ShardFolder

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Blends:
    """SMOTE's images (n, S, S, 3) between two of one class, `step` (n,) of the way from `base` to `neighbour`."""

    base: Images
    made: Images
    neighbour: Images
    step: NDArray[np.float64]
    label: NDArray[np.uint8]


@dataclass(frozen=True)
class Forgeries:
    """Forged images (n, S, S, 3), with the real face and the donor of each; `kind` and `region` (n,) name them."""

    target: Images
    made: Images
    donor: Images
    kind: list[str]
    region: list[str]


def choose_rows(plan: pl.DataFrame, samples: int, seed: int, *, synthetic: bool) -> pl.DataFrame:
    """Draw at most `samples` rows of each class from a plan's original or SMOTE's ones, sorted by class."""
    there = plan.filter(pl.col("synthetic") == synthetic)
    if "kind" in there.columns:
        there = there.filter(pl.col("kind").is_in(KINDS[:FORGED]))
    drawn = there[np.random.default_rng(seed).permutation(there.height)]
    return drawn.group_by("label", maintain_order=True).head(samples).sort("label", maintain_order=True)


def training_samples(
    shards: ShardFolder, plan: pl.DataFrame, samples: int, seed: int
) -> tuple[Images, NDArray[np.uint8]]:
    """Draw at most `samples` original images of each class: pixels (n, S, S, 3) and class numbers (n,), sorted."""
    rows = choose_rows(plan, samples, seed, synthetic=False)
    return read_plan_images(shards, rows)[0], rows["label"].to_numpy()


def augmented(pixels: Images, labels: NDArray[np.uint8], augment: Augment, classes: int, seed: int) -> Images:
    """Return pixels (n, S, S, 3) as a batch of them might look in training; the draws depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        images, targets = make_augmentation(augment)(to_unit(pixels)), torch.as_tensor(labels.astype(np.int64))
        mixed, _ = make_mixing(augment, classes)(images, targets)
    return _to_bytes(mixed.permute(0, 2, 3, 1).numpy() * 255)


def smote_samples(shards: ShardFolder, plan: pl.DataFrame, samples: int, seed: int) -> Blends:
    """Draw at most `samples` synthetic images of each class, with what they were made from; none: arrays of length 0.

    The images are rounded to whole grey levels; training sees them unrounded.
    """
    rows = choose_rows(plan, samples, seed, synthetic=True)
    base, neighbour = read_plan_images(shards, rows)
    step = rows["step"].to_numpy()
    made = interpolate(base.astype(np.float32), neighbour.astype(np.float32), step)
    return Blends(base, _to_bytes(made), neighbour, step, rows["label"].to_numpy())


def forged_samples(shards: ShardFolder, plan: pl.DataFrame, samples: int, seed: int) -> Forgeries:
    """Draw at most `samples` forged images of each kind, as an epoch of `seed` has them; none: arrays of length 0."""
    forged = plan.filter(pl.col("kind").is_in(KINDS[FORGED:])) if "kind" in plan.columns else plan.clear()
    rows = forged[np.random.default_rng(seed).permutation(forged.height)]
    if rows.height:
        rows = rows.group_by("kind", maintain_order=True).head(samples).sort("kind", maintain_order=True)
    target, donor = read_plan_images(shards, rows)
    kind, region = ([str(name) for name in rows[column]] if rows.height else [] for column in ("kind", "region"))
    return Forgeries(target, _to_bytes(make_plan_images(shards, rows, seed)), donor, kind, region)


def _to_bytes(values: NDArray[np.floating]) -> Images:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
