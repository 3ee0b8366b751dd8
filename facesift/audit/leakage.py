"""Leaks between splits: near-duplicate images that lie in two splits, searched anew from their perceptual hashes.

The search does not use the groups that the split was made by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import ceil
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.classes import SPLITS
from facesift.datasets.near_duplicates import Groups, Words, hash_words, search_tables

LOOSER = 1.5  # times as many bits for the looser search
MOST_BITS = 64  # of 256; beyond, unrelated aligned faces are alike too
SHOWN = 5  # pairs named in a report
PENDING = 1 << 20  # pairs gathered before repeated ones are dropped, which bounds the memory


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
        looser: pairs at a looser limit, which are information and not a fault.
    """

    images: int
    copies_across_splits: int
    groups_across_splits: int
    kept_groups: int
    kept_images: int
    near: DuplicatePairs
    looser: DuplicatePairs

    @property
    def clean(self) -> bool:
        """Whether nothing lies on both sides by the study's own limit."""
        return not (self.copies_across_splits or self.groups_across_splits or self.near.across_splits)

    def report(self) -> dict[str, Any]:
        """Counts for a metrics file; `looser` has the pairs beyond the study's limit in `more_...`."""
        more = {
            "more_across_splits": self.looser.across_splits - self.near.across_splits,
            "more_across_classes": self.looser.across_classes - self.near.across_classes,
        }
        return {
            "clean": self.clean, "images": self.images,
            "copies_across_splits": self.copies_across_splits, "groups_across_splits": self.groups_across_splits,
            "kept_together": {"groups": self.kept_groups, "images": self.kept_images},
            "near": self.near.report(), "looser": self.looser.report() | more,
        }  # fmt: skip


def find_leakage(images: pl.DataFrame, bits: int) -> Leakage:
    """Search for near-duplicates across splits and classes at the study's limit, and at a looser one.

    Both come from one search at the looser limit, `LOOSER` times as many bits within `MOST_BITS`. So among more than
    `duplicates.ALL_PAIRS` images it draws other buckets than the split did, and finds nearly all pairs that the split
    may have missed.

    Args:
        images: image_id, label, phash, group, split; one row for each image and split.
        bits: the study's limit, `split.near_duplicate_bits`.

    Returns:
        The counts.
    """
    splits_of = pl.col("split").n_unique()
    sizes = images.group_by("group").agg(pl.len().alias("images"), splits_of)
    several = sizes.filter(pl.col("images") > 1)
    looser = max(bits, min(MOST_BITS, ceil(LOOSER * bits)))
    found = _NearPairs.among(images, looser)
    return Leakage(
        images=images.height,
        copies_across_splits=images.group_by("image_id").agg(splits_of).filter(pl.col("split") > 1).height,
        groups_across_splits=sizes.filter(pl.col("split") > 1).height,
        kept_groups=several.height,
        kept_images=int(several["images"].sum()),
        near=found.within(bits),
        looser=found.within(looser),
    )


@dataclass(frozen=True)
class _NearPairs:
    """Near pairs (n,) of two *cells*: the images of one hash, split and label, of which `image_id` is the first."""

    cells: pl.DataFrame  # phash, split, label, image_id, images
    left: Groups
    right: Groups
    apart: NDArray[np.int64]

    @classmethod
    def among(cls, images: pl.DataFrame, limit: int) -> _NearPairs:
        counted = images.group_by("phash", "split", "label").agg(pl.col("image_id").min(), pl.len().alias("images"))
        cells = counted.sort("phash", "split", "label")
        words = hash_words(cells["phash"])
        kinds = cells.select(pl.struct("split", "label").rank("dense")).to_series().to_numpy()
        left, right = np.divmod(_distinct(words, kinds, limit), max(1, len(words)))
        return cls(cells, left, right, np.bitwise_count(words[left] ^ words[right]).sum(axis=1, dtype=np.int64))

    def within(self, bits: int) -> DuplicatePairs:
        """Count the pairs at most `bits` apart."""
        near = self.apart <= bits
        ends = [
            self.cells[side[near]].select(pl.all().name.suffix(str(number)))
            for number, side in enumerate((self.left, self.right))
        ]
        pairs = pl.concat(ends, how="horizontal").with_columns(
            apart=pl.Series(self.apart[near]), pairs=pl.col("images0").cast(pl.Int64) * pl.col("images1")
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


def _distinct(words: Words, kinds: NDArray[Any], limit: int) -> Groups:
    """Find the near pairs of rows (a, b), a < b, of two kinds, each once, as sorted numbers a * n + b."""
    known, fresh, pending = np.empty(0, np.int64), [], 0
    for codes in _codes(words, kinds, limit):
        fresh.append(codes)
        pending += len(codes)
        if pending > PENDING:
            known, fresh, pending = np.unique(np.concatenate([known, *fresh])), [], 0
    return np.unique(np.concatenate([known, *fresh]))


def _codes(words: Words, kinds: NDArray[Any], limit: int) -> Iterator[Groups]:
    for table in search_tables(words, limit) if len(words) else ():
        for a, b in table:
            differ = kinds[a] != kinds[b]
            yield (np.minimum(a, b) * len(words) + np.maximum(a, b))[differ]
