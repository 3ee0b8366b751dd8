"""Splits a study's images into train, val and test: stratified by source and label, groups on one side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from facesift.config.data import Split
from facesift.core.classes import BINARY, SPLITS
from facesift.core.errors import FacesiftError
from facesift.datasets.group_split import Floats, Ints, stratified_group_split
from facesift.datasets.image_groups import ImageGroups, group_images
from facesift.datasets.near_duplicates import LinkRule

TRAIN, VAL = 0, 1
LEFT_OUT = -1


@dataclass(frozen=True)
class SplitResult:
    """The split of a study's images.

    Attributes:
        table: image_id, source, label, group and split of every image.
        groups: counts of the groups that stay together (`ImageGroups.report`).
        removed_leaks: images left out because one of their group is in a later predefined split.
    """

    table: pl.DataFrame
    groups: dict[str, Any]
    removed_leaks: int


def _strata(images: pl.DataFrame) -> tuple[Ints, list[tuple[str, str]]]:
    names = images.select("source", "label").unique().sort("source", "label")
    joined = images.join(names.with_row_index("stratum"), on=["source", "label"], how="left", maintain_order="left")
    return joined["stratum"].cast(pl.Int64).to_numpy(), [(source, label) for source, label in names.rows()]


def _predefined(images: pl.DataFrame, groups: Ints, fractions: Floats, seed: int) -> Ints:
    """Take the splits from the folders; of a group in several, only the images in test (else val) stay.

    A source without a val folder gets a val split out of its training images.
    """
    bare = images.filter(pl.col("fold").is_null())
    if bare.height:
        sources = ", ".join(sorted(bare["source"].unique()))
        raise FacesiftError(
            f"split.predefined is true, but {bare.height} of {images.height} images (sources: {sources}) are in no "
            "folder train, val or test: put them there, or set split.predefined to false"
        )
    folds = images["fold"].replace_strict(dict(zip(SPLITS, range(len(SPLITS)), strict=True)), return_dtype=pl.Int64)
    sides = folds.to_numpy().copy()
    last = np.zeros(groups.max() + 1, dtype=np.int64)
    np.maximum.at(last, groups, sides)
    sides[sides != last[groups]] = LEFT_OUT
    has_val = images.filter(pl.col("fold") == "val")["source"].unique()
    open_to_val = ~images["source"].is_in(has_val.implode()).to_numpy() & (sides == TRAIN)
    bound = np.zeros(len(last), dtype=bool)
    bound[groups[(sides == TRAIN) & ~open_to_val]] = True  # near-duplicates of a source that has its own val
    rows = np.flatnonzero(open_to_val & ~bound[groups])
    if len(rows):
        strata, names = _strata(images[rows])
        share = fractions[: VAL + 1] / fractions[: VAL + 1].sum()
        sides[rows] = stratified_group_split(strata, names, groups[rows], share, seed)
    return sides


def _limited(images: pl.DataFrame, limit: Mapping[str, int], seed: int) -> pl.DataFrame:
    """Keep at most `limit[label]` images of a label, chosen by the seed; the order stays."""
    drawn = images.with_columns(_draw=pl.Series(np.random.default_rng([seed, 1]).permutation(images.height)))
    for label, most in limit.items():
        rank = pl.col("_draw").rank().over("label")
        drawn = drawn.filter((pl.col("label") != label) | (rank <= most))
    return drawn.drop("_draw")


def split_images(images: pl.DataFrame, split: Split, seed: int, classes: tuple[str, ...] = BINARY) -> SplitResult:
    """Split a manifest's images into train, val and test.

    Args:
        images: rows with image_id, source, label, fold and `GROUP_COLUMNS`.
        split: shares, rule of near-duplicates, whether folders give the splits, most images of a class.
        seed: of the shuffling.
        classes: names of the classes.

    Returns:
        The table of splits, and counts for the user.

    Raises:
        FacesiftError: when a split would lack a class, or the splits are to be taken from folders and an image is in
            none of them.
    """
    images = _limited(images.sort("image_id"), split.limit, seed)
    kept = group_images(images, LinkRule.of(split))
    groups = kept.groups
    fractions = np.array([split.fractions.train, split.fractions.val, split.fractions.test])
    if split.predefined:
        sides = _predefined(images, groups, fractions, seed)
    else:
        strata, names = _strata(images)
        sides = stratified_group_split(strata, names, groups, fractions, seed)
    table = images.select("image_id", "source", "label").with_columns(
        group=pl.Series(groups, dtype=pl.UInt32), split=pl.Series(sides).replace_strict(
            {LEFT_OUT: None, **dict(enumerate(SPLITS))}, return_dtype=pl.String)
    )  # fmt: skip
    result = SplitResult(table.drop_nulls("split"), kept.report(), int((sides == LEFT_OUT).sum()))
    _check_all_classes(result.table, classes, kept)
    return result


def _check_all_classes(table: pl.DataFrame, classes: tuple[str, ...], kept: ImageGroups) -> None:
    counts = {
        (split, label): table.filter((pl.col("split") == split) & (pl.col("label") == label)).height
        for split in SPLITS
        for label in classes
    }
    if all(counts.values()):
        return
    each = {split: ", ".join(f"{counts[split, label]} {label}" for label in classes) for split in SPLITS}
    said = "; ".join(f"{split}: {found}" for split, found in each.items())
    lacking = [label for label in classes if not all(counts[split, label] for split in SPLITS)]
    hints = "".join(_blocking_group(table, label, kept) for label in lacking)
    raise FacesiftError(
        f"every split needs images of each class, but {said}. {hints}Add images or change split.fractions"
    )


def _blocking_group(table: pl.DataFrame, label: str, kept: ImageGroups) -> str:
    """Say which group holds the most images of a label, and why they stay together; "" if none holds several."""
    sizes = table.filter(label=label).group_by("group").len().sort("len", "group", descending=[True, False])
    if sizes.is_empty() or sizes["len"][0] == 1:
        return ""
    reasons = " and ".join(kept.reasons(sizes["group"][0]))
    return f"{sizes['len'][0]:,} of the {sizes['len'].sum():,} {label} images stay together: {reasons}. "


def summarise_split(result: SplitResult) -> dict[str, Any]:
    """Count images by split, source and label, groups and removed leaks, for `data/figures/split.json`."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    grouped = result.table.group_by("split", "source", "label").len().sort("split", "source", "label")
    for split, source, label, number in grouped.rows():
        counts.setdefault(split, {}).setdefault(source, {})[label] = number
    return {
        "images": counts,
        "removed_leaks": result.removed_leaks,
    } | result.groups
