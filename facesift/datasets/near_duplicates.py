"""Near-duplicates: which images are copies of one photo, and the groups that they form.

Two images are linked if their perceptual hashes are close and their thumbnails agree. Links join groups from the
closest pair upwards; no group may hold two images whose hashes are further apart than twice the limit of a link. So a
photo and all its copies fit into one group, but a chain of look-alikes does not grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.data import Split
from facesift.datasets.hash_search import SLAB, Rows, Words, bits_apart, close_pairs, hash_words
from facesift.images.likeness import agreement, thumbnail_pixels

LOOKS = ("phash", "thumbnail")  # columns of a manifest; images that are equal in them are one picture
BATCH = 1 << 14  # candidate links whose thumbnails are compared at a time
WIDER = 2  # times the limit of a link: how far apart two images of a group may be


@dataclass(frozen=True)
class LinkRule:
    """When two images are linked as near-duplicates.

    Attributes:
        bits: most hash bits (of 256) in which they differ.
        agreement: least agreement of their thumbnails, from 0 to 1 (`likeness.agreement`).
    """

    bits: int
    agreement: float

    @classmethod
    def of(cls, split: Split) -> LinkRule:
        """Take the rule from the parameters."""
        return cls(split.near_duplicate_bits, split.near_duplicate_agreement)

    @property
    def diameter(self) -> int:
        """Most bits in which any two images of a group may differ."""
        return WIDER * self.bits


@dataclass(frozen=True)
class NearDuplicates:
    """Groups of near-duplicates, and which candidate links were refused. A candidate is a pair of close hashes.

    Attributes:
        groups: group number of each of n images, counted from 0 in the order in which groups first appear.
        largest: images in the largest group.
        largest_bits: most bits in which two images of that group differ.
        refused_by_thumbnail: candidates between two groups whose thumbnails do not agree.
        refused_by_diameter: candidates between two groups that agree, but would make a group too wide.
    """

    groups: Rows
    largest: int
    largest_bits: int
    refused_by_thumbnail: int
    refused_by_diameter: int


def thumbnails_agree(thumbnails: pl.Series, left: Rows, right: Rows, least: float) -> NDArray[np.bool_]:
    """Tell which of p pairs of rows have agreeing thumbnails, shape (p,).

    A thumbnail that is not known (null) agrees with all, and with `least` 0 all agree.
    """
    if least <= 0:
        return np.ones(len(left), dtype=bool)
    pixels, known = thumbnail_pixels(thumbnails)
    agreed = ~(known[left] & known[right])
    rows = np.flatnonzero(~agreed)
    agreed[rows] = agreement(pixels, left[rows], right[rows]) >= least
    return agreed


def near_duplicate_groups(images: pl.DataFrame, rule: LinkRule) -> NearDuplicates:
    """Group the near-duplicates among images. The groups do not depend on the order of the images.

    Args:
        images: `phash` (hexadecimal hashes of one length, a multiple of 16 digits) and `thumbnail` (may be null).
        rule: when two images are linked.

    Returns:
        The groups.

    >>> hashes = ["00000000000000ff", "8000000000000000", "00000000000000fe"]
    >>> images = pl.DataFrame({"phash": hashes, "thumbnail": None}, schema_overrides={"thumbnail": pl.Binary})
    >>> near_duplicate_groups(images, LinkRule(bits=1, agreement=0.7)).groups.tolist()
    [0, 1, 0]
    """
    pictures = images.select(LOOKS).unique().sort(LOOKS)
    numbered = pictures.with_row_index("picture")
    owner = images.select(LOOKS).join(numbered, on=LOOKS, nulls_equal=True, maintain_order="left")["picture"].to_numpy()
    words = hash_words(pictures["phash"])
    links = _Linking(words, rule)
    links.take_closest_first(pictures["thumbnail"], *close_pairs(words, rule.bits))
    groups = as_they_appear(links.group[owner.astype(np.int64)])
    sizes = np.bincount(groups)
    largest = int(sizes.argmax()) if len(sizes) else -1
    return NearDuplicates(
        groups,
        largest=int(sizes.max(initial=0)),
        largest_bits=diameter(np.unique(hash_words(images["phash"].filter(pl.Series(groups == largest))), axis=0)),
        refused_by_thumbnail=links.between_groups(links.unlike),
        refused_by_diameter=links.between_groups(links.too_far),
    )


class _Linking:
    """Pictures that are joined link by link.

    Attributes:
        group: number of each picture's group.
        unlike: pairs of pictures whose thumbnails do not agree.
        too_far: pairs that agree, but would have made a group too wide.
    """

    def __init__(self, words: Words, rule: LinkRule) -> None:
        self.words, self.rule = words, rule
        self.group = np.arange(len(words))
        self.unlike: list[Rows] = []
        self.too_far: list[Rows] = []
        self._members: dict[int, Rows] = {}  # of groups of several pictures
        self._apart: dict[int, set[int]] = {}  # groups that a group cannot be joined with; this stays so as both grow

    def take_closest_first(self, thumbnails: pl.Series, left: Rows, right: Rows, apart: Rows) -> None:
        """Judge the candidates, the closest first, and join what is linked."""
        order = np.argsort(apart, kind="stable")
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            pairs = np.stack([left[rows], right[rows]])
            pairs = pairs[:, self.group[pairs[0]] != self.group[pairs[1]]]
            agreed = thumbnails_agree(thumbnails, pairs[0], pairs[1], self.rule.agreement)
            self.unlike.append(pairs[:, ~agreed])
            self.too_far.append(pairs[:, [i for i in np.flatnonzero(agreed) if not self._join(*pairs[:, i].tolist())]])

    def between_groups(self, pairs: list[Rows]) -> int:
        """Count the pairs whose pictures are in two groups in the end."""
        return sum(int((self.group[a] != self.group[b]).sum()) for a, b in pairs)

    def _join(self, a: int, b: int) -> bool:
        """Join the groups of two pictures; False if the joined group were too wide."""
        one, other = int(self.group[a]), int(self.group[b])
        if one == other:
            return True
        if other in self._apart.get(one, ()):
            return False
        mine, theirs = (self._members.get(each, np.array([each])) for each in (one, other))
        if _widest(self.words[mine], self.words[theirs]) > self.rule.diameter:
            self._apart.setdefault(one, set()).add(other)
            self._apart.setdefault(other, set()).add(one)
            return False
        if len(mine) < len(theirs):
            one, other, mine, theirs = other, one, theirs, mine
        self.group[theirs] = one
        self._members[one] = np.concatenate([mine, theirs])
        self._members.pop(other, None)
        for third in self._apart.pop(other, set()):
            self._apart[third].discard(other)
            self._apart[third].add(one)
            self._apart.setdefault(one, set()).add(third)
        return True


def _widest(first: Words, second: Words) -> int:
    """Return the most bits in which a hash of `first` (n, words) differs from one of `second` (m, words)."""
    step = max(1, SLAB // max(1, len(second)))
    slabs = (first[start : start + step, None] for start in range(0, len(first), step))
    return max((int(bits_apart(slab, second[None]).max(initial=0)) for slab in slabs), default=0)


def diameter(words: Words) -> int:
    """Return the most bits in which two of these hashes (n, words) differ."""
    return _widest(words, words)


def as_they_appear(labels: Rows) -> Rows:
    """Number groups from 0 in the order in which they first appear."""
    _, first, compact = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[compact.reshape(-1)]
