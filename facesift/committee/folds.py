"""Folds of images: groups stay together, classes are spread evenly, and no class may be missing where it is needed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray


def groups_of_classes(labels: NDArray[np.int64], groups: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Count the groups of near-duplicates (n,) with an image of each class, by labels (n,) -> (classes,).

    Images of one group stay together, so a class with five images in one group is in one fold alone.

    >>> groups_of_classes(np.array([0, 0, 1, 1, 1]), np.array([3, 4, 5, 5, 5]), 2).tolist()
    [2, 1]
    """
    return np.array([len(np.unique(groups[labels == label])) for label in range(classes)])


def assign_groups(strata: NDArray[np.int64], groups: NDArray[Any], folds: int, seed: int) -> NDArray[np.int64]:
    """Assign n images to folds by scikit-learn's `StratifiedGroupKFold`.

    Args:
        strata: what the folds are to have equal shares of (n,), such as class numbers.
        groups: of near-duplicates (n,); they stay together.
        folds: how many.
        seed: of the order in which groups are dealt.

    Returns:
        Fold numbers (n,). A stratum of few groups may be missing in a fold: see `lacking_class`.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415  a second to import

    numbers = np.empty(len(strata), np.int64)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # a stratum may be small: not every fold needs one of each
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for fold, (_, held) in enumerate(splitter.split(strata, strata, groups)):
            numbers[held] = fold
    return numbers


def lacking_class(labels: NDArray[np.int64], classes: int) -> int | None:
    """Return the first class that no label (n,) has; None: each class is there.

    >>> lacking_class(np.array([0, 2]), 3), lacking_class(np.array([1, 0]), 2)
    (1, None)
    """
    missing = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    return int(missing[0]) if len(missing) else None
