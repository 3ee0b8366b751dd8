"""Overlap with the training images: which images of another data set the committee has seen, or nearly so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from facesift.datasets.hash_search import close_pairs, hash_words
from facesift.datasets.near_duplicates import LOOKS, LinkRule, Pictures

SEEN = ("train", "val")  # splits that members, stacker and thresholds were fitted on
SHOWN = 5  # pairs named in a report


@dataclass(frozen=True)
class TrainingOverlap:
    """Images of another data set that are near-duplicates of images the committee was fitted on.

    Attributes:
        images: number of images of the other data set.
        pairs: columns image_id, seen (an image of the study), split (of that image), bits (in which the hashes differ);
            one row for each overlapping image, with the closest image of the study.
        rule: when two images are near-duplicates.
    """

    images: int
    pairs: pl.DataFrame
    rule: LinkRule

    def report(self) -> dict[str, Any]:
        """Counts for a metrics file, and some of the pairs by their image_ids."""
        return {
            "images": self.images, "excluded": self.pairs.height, "bits": self.rule.bits,
            "examples": [list(row) for row in self.pairs.head(SHOWN).rows()],
        }  # fmt: skip


def find_overlap(images: pl.DataFrame, study: pl.DataFrame, rule: LinkRule) -> TrainingOverlap:
    """Search another data set for near-duplicates of the images that a committee was fitted on.

    Args:
        images: image_id, phash and thumbnail of the other data set, a row an image.
        study: image_id, phash, thumbnail and split of the study's images; those of the test split are left out.
        rule: when two images are near-duplicates.

    Returns:
        The overlapping images.
    """
    seen = study.filter(pl.col("split").is_in(SEEN))
    columns = ["image_id", *LOOKS]
    both = pl.concat([images.select(columns, split=pl.lit("")), seen.select(*columns, "split")])
    kinds = np.arange(both.height) < images.height
    left, right, bits = close_pairs(hash_words(both["phash"]), rule.bits, kinds)  # the lower row is of the other set
    pictures = Pictures.among(both, rule)
    picture = pictures.rows_of(both)
    linked = pictures.likeness.linked(picture[left], picture[right])
    pairs = pl.DataFrame(
        {
            "image_id": both["image_id"][left[linked]],
            "seen": both["image_id"][right[linked]],
            "split": both["split"][right[linked]],
            "bits": bits[linked],
        }
    )
    closest = pairs.sort("image_id", "bits", "seen").unique("image_id", keep="first", maintain_order=True)
    return TrainingOverlap(images.height, closest, rule)
