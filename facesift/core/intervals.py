"""Exact confidence intervals of shares."""

from __future__ import annotations

CONFIDENCE = 0.95  # of all intervals that the program writes, unless they say otherwise

Interval = tuple[float, float]


def clopper_pearson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Two-sided exact interval of a share (Clopper & Pearson 1934), in [0, 1]; None without trials.

    It covers the true share with at least `confidence`, whatever that share is and however few the trials are.

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
