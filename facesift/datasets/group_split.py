"""Dealing images to splits: exact quotas by source and label, groups whole, in seeded order."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def split_quotas(sizes: Ints, labels: list[str], fractions: Floats) -> Ints:
    """Round each stratum's share of each split to whole images.

    Largest remainder: every entry is within one image of its exact share. What one stratum's rounding owes a split
    goes to the next stratum of the same label; and a label whose share of a split, over all strata, is at least
    half an image gets an image there.

    Args:
        sizes: images in each of s strata.
        labels: the s strata's labels.
        fractions: the k splits' shares, summing to 1.

    Returns:
        Images of each stratum in each split, shape (s, k); rows sum to `sizes`.

    >>> quotas(np.array([100, 5, 5]), ["real", "fake", "fake"], np.array([0.8, 0.1, 0.1])).tolist()
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
            lucky = order[: sizes[row] - counts[row].sum()]
            counts[row, lucky] += 1
            owed[lucky] -= 1
        _ensure_one_each(counts, rows, exact[rows].sum(axis=0))
    return counts


def _ensure_one_each(counts: Ints, rows: list[int], exact: Floats) -> None:
    """Give a split without an image of a label one from the split that has most, if at least half is its due."""
    for split in np.flatnonzero((counts[rows].sum(axis=0) == 0) & (exact >= 0.5 - 1e-9)):
        richest = int(counts[rows].sum(axis=0).argmax())
        row = rows[int(counts[rows, richest].argmax())]
        if counts[row, richest] > 1:
            counts[row, richest] -= 1
            counts[row, split] += 1


def _best_split(group: Ints, free: Ints, quota: Ints) -> int:
    """Choose the split that a group (images per stratum) overfills least, then the one relatively emptiest."""
    overfull = np.maximum(group[:, None] - free, 0).sum(axis=0)
    emptiness = (group[:, None] * free / np.maximum(quota, 1)).sum(axis=0)
    return int(np.lexsort((-emptiness, overfull))[0])


def _split_group_types(kinds: Ints, numbers: Ints, quota: Ints, fractions: Floats) -> tuple[Ints, Ints]:
    """Decide how many groups of each kind each split gets: largest kinds first, in proportion, then one by one.

    Args:
        kinds: images per stratum of each kind of group, shape (kinds, s).
        numbers: how many groups of each kind there are.
        quota: images wanted of each stratum in each split, shape (s, k).
        fractions: the splits' shares, shape (k,).

    Returns:
        Groups of each kind in each split, shape (kinds, k); and what is left of `quota`, negative where overfull.
    """
    dealt, free = np.zeros((len(kinds), len(fractions)), dtype=np.int64), quota.copy()
    for kind in np.argsort(-kinds.sum(axis=1), kind="stable"):
        group = kinds[kind]
        fits = np.maximum(free[group > 0] // group[group > 0, None], 0).min(axis=0)
        dealt[kind] = np.minimum(np.floor(numbers[kind] * fractions).astype(np.int64), fits)
        free -= group[:, None] * dealt[kind]
        for _ in range(numbers[kind] - dealt[kind].sum()):
            side = _best_split(group, free, quota)
            dealt[kind, side] += 1
            free[:, side] -= group
    return dealt, free


def _assign_shuffled(rows: Ints, counts: Ints, *seed: int) -> tuple[Ints, Ints]:
    """Return `rows` in seeded order and the split of each, `counts[k]` of them in split k."""
    order = np.random.default_rng(np.random.SeedSequence(seed)).permutation(rows)
    return order, np.repeat(np.arange(len(counts)), counts)


def _scale_quota(free: Ints, images: int) -> Ints:
    """Scale what splits still want down to the `images` there are; groups may have overfilled one split."""
    wanted = np.maximum(free, 0)
    if wanted.sum() == images:
        return wanted
    share = wanted / wanted.sum() if wanted.any() else np.eye(len(free))[0]
    return split_quotas(np.array([images]), [""], share)[0]


def _split_groups(strata: Ints, group: Ints, quota: Ints, fractions: Floats, seed: int) -> tuple[Ints, Ints]:
    """Deal images that come in groups (numbered from 0); return their splits and what is left of `quota`."""
    cells = np.bincount(group * len(quota) + strata, minlength=(group.max() + 1) * len(quota))
    kinds, kind = np.unique(cells.reshape(-1, len(quota)), axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    dealt, free = _split_group_types(kinds, np.bincount(kind), quota, fractions)
    side = np.zeros(len(kind), dtype=np.int64)
    for number, counts in enumerate(dealt):
        order, into = _assign_shuffled(np.flatnonzero(kind == number), counts, seed, number)
        side[order] = into
    return side[group], free


def stratified_group_split(
    strata: Ints, names: list[tuple[str, str]], groups: Ints, fractions: Floats, seed: int
) -> Ints:
    """Deal images to splits: groups whole, strata in proportion; the result depends on the order of the images.

    Args:
        strata: stratum number of each of n images, at least one.
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
