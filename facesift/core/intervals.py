"""Exact confidence intervals of proportions."""

from __future__ import annotations

CONFIDENCE = 0.95  # of all intervals that the program writes, unless they say otherwise

Interval = tuple[float, float]


def clopper_pearson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Compute the two-sided exact confidence interval of a proportion (Clopper and Pearson 1934).

    It covers the true proportion with at least the given confidence, whatever that proportion is and however few the
    trials are.

    Args:
        successes: from 0 to `trials`.
        trials: 0 or more.
        confidence: in (0, 1).

    Returns:
        Lower and upper end, in [0, 1]; None without trials.

    >>> [round(end, 3) for end in clopper_pearson(6, 6)]
    [0.541, 1.0]
    """
    # `scipy.stats.binomtest(...).proportion_ci()` gives the same ends, but searches for them: ninety times slower, and
    # its import takes half a second.
    from scipy.special import betaincinv  # noqa: PLC0415  not every user of the metrics wants intervals

    if not trials:
        return None
    tail, misses = (1 - confidence) / 2, trials - successes
    low = float(betaincinv(successes, misses + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, misses, 1 - tail)) if misses else 1.0
    return low, high
