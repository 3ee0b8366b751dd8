"""Near-duplicates: which images are copies of one photo, and the groups that they form.

Two images are linked if their perceptual hashes are close and their thumbnails agree. Links join groups from the
closest pair upwards; no group may hold two images whose hashes are further apart than twice the limit of a link. So a
photo and all its copies fit into one group, but a chain of look-alikes does not grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from facesift.config.data import Split
from facesift.datasets.hash_search import SLAB, Rows, Words, bits_apart, close_pairs, hash_words
from facesift.datasets.look_alikes import Likeness

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
        look_alikes: pictures in clusters of look-alikes, which are compared by what tells them apart (`Likeness`).
    """

    groups: Rows
    largest: int
    largest_bits: int
    refused_by_thumbnail: int
    refused_by_diameter: int
    look_alikes: int


@dataclass(frozen=True)
class Pictures:
    """The different pictures among images, and which of them have close hashes.

    Attributes:
        looks: `phash` and `thumbnail` of n pictures, and their row as `picture`.
        words: their hashes, (n, words).
        left: rows of the first picture of each pair with close hashes, the closest pair first.
        right: rows of the second.
        likeness: tells which pairs are linked.
    """

    looks: pl.DataFrame
    words: Words
    left: Rows
    right: Rows
    likeness: Likeness

    @classmethod
    def among(cls, images: pl.DataFrame, rule: LinkRule) -> Pictures:
        """Find them by `phash` and `thumbnail` of images, and by the rule when two of them are linked."""
        looks = images.select(LOOKS).unique().sort(LOOKS).with_row_index("picture")
        words = hash_words(looks["phash"])
        left, right, apart = close_pairs(words, rule.bits)
        order = np.argsort(apart, kind="stable")
        left, right = left[order], right[order]
        return cls(looks, words, left, right, Likeness.of(looks["thumbnail"], left, right, rule.agreement))

    def rows_of(self, images: pl.DataFrame) -> Rows:
        """Return the row of each image's picture (images,)."""
        joined = images.select(LOOKS).join(self.looks, on=LOOKS, nulls_equal=True, maintain_order="left")
        return joined["picture"].to_numpy().astype(np.int64)


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
    pictures = Pictures.among(images, rule)
    links = _Linking(pictures.words, rule.diameter)
    links.take_closest_first(pictures)
    groups = as_they_appear(links.group[pictures.rows_of(images)])
    sizes = np.bincount(groups)
    largest = int(sizes.argmax()) if len(sizes) else -1
    return NearDuplicates(
        groups,
        largest=int(sizes.max(initial=0)),
        largest_bits=diameter(np.unique(hash_words(images["phash"].filter(pl.Series(groups == largest))), axis=0)),
        refused_by_thumbnail=links.between_groups(links.unlike),
        refused_by_diameter=links.between_groups(links.too_far),
        look_alikes=int((pictures.likeness.cluster >= 0).sum()),
    )


class _Linking:
    """Pictures that are joined link by link.

    Attributes:
        group: number of each picture's group.
        unlike: pairs of pictures that do not look alike.
        too_far: pairs that do, but would have made a group too wide.
    """

    def __init__(self, words: Words, widest: int) -> None:
        self.words, self.widest = words, widest
        self.group = np.arange(len(words))
        self.unlike: list[Rows] = []
        self.too_far: list[Rows] = []
        self._members: dict[int, Rows] = {}  # of groups of several pictures
        self._apart: dict[int, set[int]] = {}  # groups that a group cannot be joined with; this stays so as both grow

    def take_closest_first(self, pictures: Pictures) -> None:
        """Judge the candidates, the closest first, and join what is linked."""
        candidates = np.stack([pictures.left, pictures.right])
        for start in range(0, candidates.shape[1], BATCH):
            pairs = candidates[:, start : start + BATCH]
            pairs = pairs[:, self.group[pairs[0]] != self.group[pairs[1]]]
            agreed = pictures.likeness.linked(*pairs)
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
        if _widest(self.words[mine], self.words[theirs]) > self.widest:
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
