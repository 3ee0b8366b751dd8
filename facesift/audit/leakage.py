"""Leaks between splits: near-duplicate images that lie in two splits, searched anew from hashes and thumbnails.

The search links images by the rule that the split was made by, but does not use its groups. These only tell the pairs
that the split had to part, because the group of both would have been too wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import ceil
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.classes import SPLITS
from facesift.datasets.hash_search import Rows, close_pairs, hash_words
from facesift.datasets.near_duplicates import LOOKS, LinkRule, Pictures, diameter

LOOSER = 1.5  # times as many bits for the looser search
MOST_BITS = 64  # of 256; beyond, unrelated aligned faces are alike too
SHOWN = 5  # pairs named in a report


@dataclass(frozen=True)
class DuplicatePairs:
    """Pairs of near-duplicate images that differ in split or in label.

    Attributes:
        bits: hash bits (of 256) that the images of a pair may differ in.
        between: number of pairs by pair of splits.
        across_classes: number of pairs of different labels.
        examples: some pairs in two splits, as (image_id, image_id, differing bits).
    """

    bits: int
    between: dict[str, int]
    across_classes: int
    examples: list[tuple[str, str, int]]

    @property
    def across_splits(self) -> int:
        """Pairs of images that lie in two splits."""
        return sum(self.between.values())

    def report(self) -> dict[str, Any]:
        """Counts for a metrics file."""
        return {
            "bits": self.bits, "across_splits": self.across_splits, "between": self.between,
            "across_classes": self.across_classes, "examples": [list(pair) for pair in self.examples],
        }  # fmt: skip


@dataclass(frozen=True)
class Leakage:
    """What a search for copies across the splits found.

    Attributes:
        images: number of images searched.
        copies_across_splits: image_ids that lie in several splits.
        groups_across_splits: near-duplicate groups that lie in several splits.
        kept_groups: groups of several images.
        kept_images: images in these groups.
        near: pairs at the study's own limit; none may lie in two splits.
        parted: pairs beside these in two splits whose groups together were wider than a group may be.
        looser: pairs at a looser limit, which are information and not a fault.
    """

    images: int
    copies_across_splits: int
    groups_across_splits: int
    kept_groups: int
    kept_images: int
    near: DuplicatePairs
    parted: int
    looser: DuplicatePairs

    @property
    def clean(self) -> bool:
        """Whether nothing lies on both sides by the study's own limit."""
        return not (self.copies_across_splits or self.groups_across_splits or self.near.across_splits)

    def report(self) -> dict[str, Any]:
        """Counts for a metrics file; `looser` has the pairs beyond the study's limit in `more_...`."""
        more = {
            "more_across_splits": self.looser.across_splits - self.near.across_splits - self.parted,
            "more_across_classes": self.looser.across_classes - self.near.across_classes,
        }
        return {
            "clean": self.clean, "images": self.images,
            "copies_across_splits": self.copies_across_splits, "groups_across_splits": self.groups_across_splits,
            "kept_together": {"groups": self.kept_groups, "images": self.kept_images},
            "near": self.near.report(), "parted": self.parted, "looser": self.looser.report() | more,
        }  # fmt: skip


def find_leakage(images: pl.DataFrame, rule: LinkRule) -> Leakage:
    """Search for near-duplicates across splits and classes at the study's limit, and at a looser one.

    Both come from one search at the looser limit, `LOOSER` times as many bits within `MOST_BITS`. Thumbnails have to
    agree as the rule says at both limits.

    Args:
        images: image_id, label, phash, thumbnail, group, split; one row for each image and split.
        rule: when two images are near-duplicates, by the parameters of the split.

    Returns:
        The counts.
    """
    splits_of = pl.col("split").n_unique()
    sizes = images.group_by("group").agg(pl.len().alias("images"), splits_of)
    several = sizes.filter(pl.col("images") > 1)
    looser = max(rule.bits, min(MOST_BITS, ceil(LOOSER * rule.bits)))
    found = _NearPairs.among(images, looser, Pictures.among(images, rule))
    near = found.where(found.apart <= rule.bits)
    parted = near.too_wide(images, rule.diameter)
    return Leakage(
        images=images.height,
        copies_across_splits=images.group_by("image_id").agg(splits_of).filter(pl.col("split") > 1).height,
        groups_across_splits=sizes.filter(pl.col("split") > 1).height,
        kept_groups=several.height,
        kept_images=int(several["images"].sum()),
        near=near.where(~parted).count(rule.bits),
        parted=near.where(parted).count(rule.bits).across_splits,
        looser=found.count(looser),
    )


@dataclass(frozen=True)
class _NearPairs:
    """Near pairs (n,) of two *cells*: images of one look, split, label and group, of which `image_id` is the first."""

    cells: pl.DataFrame  # phash, thumbnail, split, label, group, image_id, images
    left: Rows
    right: Rows
    apart: Rows

    @classmethod
    def among(cls, images: pl.DataFrame, bits: int, pictures: Pictures) -> _NearPairs:
        cell = (*LOOKS, "split", "label", "group")
        counted = images.group_by(cell).agg(pl.col("image_id").min(), pl.len().alias("images"))
        cells = counted.sort(cell)
        kinds = cells.select(pl.struct("split", "label").rank("dense")).to_series().to_numpy()
        left, right, apart = close_pairs(hash_words(cells["phash"]), bits, kinds)
        picture = pictures.rows_of(cells)
        linked = pictures.likeness.linked(picture[left], picture[right])
        return cls(cells, left[linked], right[linked], apart[linked])

    def where(self, chosen: NDArray[np.bool_]) -> _NearPairs:
        """Return some of the pairs."""
        return _NearPairs(self.cells, self.left[chosen], self.right[chosen], self.apart[chosen])

    def too_wide(self, images: pl.DataFrame, limit: int) -> NDArray[np.bool_]:
        """Mark the pairs of two groups in two splits that together would be wider than `limit` bits."""
        group, split = (self.cells[column].to_numpy() for column in ("group", "split"))
        differ = (group[self.left] != group[self.right]) & (split[self.left] != split[self.right])
        wide = np.zeros(len(differ), dtype=bool)
        known: dict[frozenset[int], bool] = {}
        for row in np.flatnonzero(differ):
            both = frozenset((int(group[self.left[row]]), int(group[self.right[row]])))
            if both not in known:
                hashes = images.filter(pl.col("group").is_in(list(both)))["phash"].unique().sort()
                known[both] = diameter(hash_words(hashes)) > limit
            wide[row] = known[both]
        return wide

    def count(self, bits: int) -> DuplicatePairs:
        """Count the pairs, which are at most `bits` apart."""
        ends = [
            self.cells[side].select(pl.all().name.suffix(str(number)))
            for number, side in enumerate((self.left, self.right))
        ]
        pairs = pl.concat(ends, how="horizontal").with_columns(
            apart=pl.Series(self.apart), pairs=pl.col("images0").cast(pl.Int64) * pl.col("images1")
        )
        divided = pairs.filter(pl.col("split0") != pl.col("split1")).sort("apart", "image_id0", "image_id1")
        between = {
            f"{a}-{b}": int(
                divided.filter(pl.col("split0").is_in([a, b]) & pl.col("split1").is_in([a, b]))["pairs"].sum()
            )
            for a, b in combinations(SPLITS, 2)
        }
        classes = int(pairs.filter(pl.col("label0") != pl.col("label1"))["pairs"].sum())
        return DuplicatePairs(
            bits, between, classes, divided.select("image_id0", "image_id1", "apart").head(SHOWN).rows()
        )
