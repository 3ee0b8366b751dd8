"""Stratified group split: every split gets its share of every stratum (source and label), and groups stay whole."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def split_quotas(sizes: Ints, labels: list[str], fractions: Floats) -> Ints:
    """Round each stratum's share of each split to whole images, by largest remainders.

    Every entry is within one image of its exact share. What the rounding of a stratum leaves a split short of is made
    up in the next stratum of the same label. A label whose share of a split, over all strata, is at least half an image
    gets an image there.

    Args:
        sizes: images in each of s strata.
        labels: the s strata's labels.
        fractions: the k splits' shares, summing to 1.

    Returns:
        Images of each stratum in each split, shape (s, k); rows sum to `sizes`.

    >>> split_quotas(np.array([100, 5, 5]), ["real", "fake", "fake"], np.array([0.8, 0.1, 0.1])).tolist()
    [[80, 10, 10], [4, 1, 0], [4, 0, 1]]
    """
    exact = sizes[:, None] * fractions
    counts = np.floor(exact + 1e-9).astype(np.int64)  # 0.1 * 30 is 3 with a hair missing
    for label in sorted(set(labels)):
        rows = [row for row, its_label in enumerate(labels) if its_label == label]
        owed = np.zeros(len(fractions))
        for row in rows:
            part = np.maximum(exact[row] - counts[row], 0)
            owed += exact[row] - counts[row]
            order = np.argsort(-np.where(part > 1e-9, owed, -np.inf), kind="stable")
            winners = order[: sizes[row] - counts[row].sum()]
            counts[row, winners] += 1
            owed[winners] -= 1
        _ensure_one_each(counts, rows, exact[rows].sum(axis=0))
    return counts


def _ensure_one_each(counts: Ints, rows: list[int], exact: Floats) -> None:
    """Move one image of a label to each split without any whose share is at least half an image."""
    for split in np.flatnonzero((counts[rows].sum(axis=0) == 0) & (exact >= 0.5 - 1e-9)):
        richest = int(counts[rows].sum(axis=0).argmax())
        row = rows[int(counts[rows, richest].argmax())]
        if counts[row, richest] > 1:
            counts[row, richest] -= 1
            counts[row, split] += 1


def _best_split(group: Ints, free: Ints, quota: Ints) -> int:
    """Choose the split that a group (images per stratum) exceeds least, then the one that is emptiest for it."""
    overfull = np.maximum(group[:, None] - free, 0).sum(axis=0)
    emptiness = (group[:, None] * free / np.maximum(quota, 1)).sum(axis=0)
    return int(np.lexsort((-emptiness, overfull))[0])


def _split_group_types(types: Ints, numbers: Ints, quota: Ints, fractions: Floats) -> tuple[Ints, Ints]:
    """Decide how many groups of each type each split gets: largest types first, in proportion, then one by one.

    Groups with the same number of images of every stratum are of one type.

    Args:
        types: images per stratum of each type of group, shape (types, s).
        numbers: how many groups of each type there are.
        quota: images wanted of each stratum in each split, shape (s, k).
        fractions: the splits' shares, shape (k,).

    Returns:
        Groups of each type in each split, shape (types, k); and what is left of `quota`, negative where exceeded.
    """
    assigned, free = np.zeros((len(types), len(fractions)), dtype=np.int64), quota.copy()
    for type_ in np.argsort(-types.sum(axis=1), kind="stable"):
        group = types[type_]
        fits = np.maximum(free[group > 0] // group[group > 0, None], 0).min(axis=0)
        assigned[type_] = np.minimum(np.floor(numbers[type_] * fractions).astype(np.int64), fits)
        free -= group[:, None] * assigned[type_]
        for _ in range(numbers[type_] - assigned[type_].sum()):
            side = _best_split(group, free, quota)
            assigned[type_, side] += 1
            free[:, side] -= group
    return assigned, free


def _assign_shuffled(rows: Ints, counts: Ints, *seed: int) -> tuple[Ints, Ints]:
    """Return `rows` in seeded order and the split of each, `counts[k]` of them in split k."""
    order = np.random.default_rng(np.random.SeedSequence(seed)).permutation(rows)
    return order, np.repeat(np.arange(len(counts)), counts)


def _scale_quota(free: Ints, images: int) -> Ints:
    """Scale what the splits still need to the `images` there are: groups may have exceeded a split's quota."""
    wanted = np.maximum(free, 0)
    if wanted.sum() == images:
        return wanted
    share = wanted / wanted.sum() if wanted.any() else np.eye(len(free))[0]
    return split_quotas(np.array([images]), [""], share)[0]


def _split_groups(strata: Ints, group: Ints, quota: Ints, fractions: Floats, seed: int) -> tuple[Ints, Ints]:
    """Assign images that come in groups (numbered from 0); return their splits and what is left of `quota`."""
    cells = np.bincount(group * len(quota) + strata, minlength=(group.max() + 1) * len(quota))
    types, type_ = np.unique(cells.reshape(-1, len(quota)), axis=0, return_inverse=True)
    type_ = type_.reshape(-1)
    assigned, free = _split_group_types(types, np.bincount(type_), quota, fractions)
    side = np.zeros(len(type_), dtype=np.int64)
    for number, counts in enumerate(assigned):
        order, into = _assign_shuffled(np.flatnonzero(type_ == number), counts, seed, number)
        side[order] = into
    return side[group], free


def stratified_group_split(
    strata: Ints, names: list[tuple[str, str]], groups: Ints, fractions: Floats, seed: int
) -> Ints:
    """Assign images to splits: groups stay whole, and strata are divided in proportion.

    Groups of several images are assigned first, largest types first; single images then fill each stratum's quota in
    shuffled order.

    Args:
        strata: stratum number of each of n images, at least one. The result depends on the order of the images.
        names: (source, label) of each stratum.
        groups: group number of each image, shape (n,); images with the same number stay together.
        fractions: the k splits' shares, summing to 1.
        seed: of the shuffling.

    Returns:
        The split number of each image, shape (n,).
    """
    sides = np.zeros(len(strata), dtype=np.int64)
    free = split_quotas(np.bincount(strata, minlength=len(names)), [label for _, label in names], fractions)
    together = np.bincount(groups)[groups] > 1
    if together.any():
        _, group = np.unique(groups[together], return_inverse=True)
        sides[together], free = _split_groups(strata[together], group, free, fractions, seed)
    for number, (source, label) in enumerate(names):
        rows = np.flatnonzero((strata == number) & ~together)
        order, into = _assign_shuffled(
            rows, _scale_quota(free[number], len(rows)), seed, crc32(f"{source}/{label}".encode())
        )
        sides[order] = into
    return sides
