"""Groups of images that stay together: near-duplicates, united with the groups that users know of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from facesift.datasets.hash_search import Rows
from facesift.datasets.look_alikes import chains
from facesift.datasets.near_duplicates import LOOKS, LinkRule, NearDuplicates, as_they_appear, near_duplicate_groups

GROUP_COLUMNS = (*LOOKS, "known_group")  # columns of a manifest that `group_images` needs


@dataclass(frozen=True)
class ImageGroups:
    """Groups of n images.

    Attributes:
        groups: group number of each image (n,), counted from 0 in the order in which groups first appear.
        near: the groups of near-duplicates alone.
        known: `data.sources.X.group` of each image, numbered from 0; -1 where there is none.
    """

    groups: Rows
    near: NearDuplicates
    known: Rows

    def report(self) -> dict[str, Any]:
        """Count the groups of several images, for `data/figures/split.json`."""
        near = {
            "largest": self.near.largest, "largest_bits": self.near.largest_bits,
            "look_alikes": self.near.look_alikes,
            "refused": {"thumbnail": self.near.refused_by_thumbnail, "diameter": self.near.refused_by_diameter},
        }  # fmt: skip
        known = _counts(self.known[self.known >= 0])
        return {"near_duplicates": _counts(self.near.groups) | near, "known_groups": known}

    def reasons(self, group: int) -> list[str]:
        """Say what keeps the images of a group together, and which parameters would change it."""
        rows = self.groups == group
        near, known = self.near.groups[rows], self.known[rows]
        reasons = []
        if len(np.unique(near)) < len(near):
            reasons.append("near-duplicates (lower split.near_duplicate_bits or raise split.near_duplicate_agreement)")
        if _counts(known[known >= 0])["groups"]:
            reasons.append("data.sources.X.group")
        return reasons


def _counts(groups: Rows) -> dict[str, int]:
    sizes = np.unique(groups, return_counts=True)[1]
    return {"groups": int((sizes > 1).sum()), "images": int(sizes[sizes > 1].sum())}


def group_images(images: pl.DataFrame, rule: LinkRule) -> ImageGroups:
    """Group the images that have to stay together.

    Args:
        images: rows of a manifest with `GROUP_COLUMNS`.
        rule: when two images are near-duplicates.

    Returns:
        The groups. Images of one known group are together however far apart they look.
    """
    near = near_duplicate_groups(images, rule)
    known = (images["known_group"].rank("dense").fill_null(0).cast(pl.Int64) - 1).to_numpy()
    united = _united(near.groups, known) if (known >= 0).any() else near.groups
    return ImageGroups(united, near, known)


def _united(near: Rows, known: Rows) -> Rows:
    """Unite groups of near-duplicates (n,) that share a known group (n,), -1 for none."""
    rows, nodes = np.flatnonzero(known >= 0), int(near.max() + known.max()) + 2
    return as_they_appear(chains(nodes, near[rows], known[rows] + near.max() + 1)[near])
