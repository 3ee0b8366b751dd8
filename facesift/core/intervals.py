"""Exact confidence intervals of proportions, and how many independent images groups of images are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95  # of all intervals that the program writes, unless they say otherwise

Interval = tuple[float, float]


def clopper_pearson(
    successes: int, trials: int, confidence: float = CONFIDENCE, design_effect: float = 1.0
) -> Interval | None:
    """Compute the two-sided exact confidence interval of a proportion (Clopper and Pearson 1934).

    It covers the true proportion with at least the given confidence, whatever that proportion is and however few the
    trials are. Where trials come in groups whose members turn out alike, both counts are divided by the design effect
    (Korn and Graubard 1998).

    Args:
        successes: from 0 to `trials`.
        trials: 0 or more.
        confidence: in (0, 1).
        design_effect: trials that are worth one independent trial, at least 1; see `design_effect_of`.

    Returns:
        Lower and upper end, in [0, 1]; None without trials.

    >>> [round(end, 3) for end in clopper_pearson(6, 6)]
    [0.541, 1.0]
    >>> clopper_pearson(12, 12, design_effect=2.0) == clopper_pearson(6, 6)
    True
    """
    # `scipy.stats.binomtest(...).proportion_ci()` gives the same ends, but searches for them: ninety times slower, and
    # its import takes half a second. It also takes no fractions, which effective numbers are.
    from scipy.special import betaincinv  # noqa: PLC0415  not every user of the metrics wants intervals

    if not trials:
        return None
    tail, hits, misses = (1 - confidence) / 2, successes / design_effect, (trials - successes) / design_effect
    low = float(betaincinv(hits, misses + 1, tail)) if successes else 0.0
    high = float(betaincinv(hits + 1, misses, 1 - tail)) if misses else 1.0
    return low, high


def design_effect_of(groups: NDArray[Any]) -> float:
    """Compute how many images are worth one independent image where the images of a group turn out alike.

    Kish (1965), "Survey Sampling", at the worst intra-group correlation of 1: the sum of the squared group sizes over
    the number of images. The correlation is not estimated: with few errors the estimate is often far too low, and the
    interval then misses the truth (a test computes how often).

    Args:
        groups: group of each image, (n,).

    Returns:
        The design effect, at least 1; exactly 1 where each group has one image, and without images.

    >>> design_effect_of(np.array([1, 2, 3])), design_effect_of(np.array([1, 1, 2, 2]))
    (1.0, 2.0)
    """
    if not len(groups):
        return 1.0
    _, sizes = np.unique(groups, return_counts=True)
    return float((sizes.astype(np.float64) ** 2).sum() / len(groups))
