"""Operating points: the two thresholds of least cost, within a review budget, or for a share of fakes to catch.

All are exact over every pair of thresholds that decides the validation images differently, in O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.committee.calibration import Fakes, Scores
from facesift.committee.rules import BEYOND, Thresholds
from facesift.config.committee import Cost, Operating

ROUNDING = 1e-9  # shares are sums of floats: a budget of 20 % admits 20 of 100


@dataclass(frozen=True)
class ThresholdCounts:
    """How many fakes and reals lie below each of the thresholds that decide the images differently.

    The first and the last threshold lie beyond all scores, the others half-way between neighbouring ones: a decision
    does not depend on the last digit of one image's score.

    Attributes:
        values: the calibrated log-odds that images have (m - 1,), rising.
        thresholds: calibrated log-odds (m,), rising.
        fakes: fakes below each (m,).
        reals: reals below each (m,).
        prevalence: the share of fakes at which costs are computed, in (0, 1).
    """

    values: Scores
    thresholds: Scores
    fakes: NDArray[np.int64]
    reals: NDArray[np.int64]
    prevalence: float

    @classmethod
    def of(cls, log_odds: Scores, fakes: Fakes, prevalence: float | None = None) -> ThresholdCounts:
        """Count calibrated log-odds (n,) of fakes (n,): 1 for a fake, 0 for a real, both present.

        `prevalence` None: the share of fakes as it is here.
        """
        values, places = np.unique(log_odds, return_inverse=True)
        lower, upper = values[:-1], values[1:]
        middles = lower + (upper - lower) / 2
        inner = np.where(middles > lower, middles, upper)  # neighbours in floating point have no middle
        fakes_at = np.bincount(places, weights=fakes, minlength=len(values)).astype(np.int64)
        images_at = np.bincount(places, minlength=len(values))
        return cls(
            values=values,
            thresholds=np.concatenate([[-BEYOND], inner, [BEYOND]]),
            fakes=np.concatenate([[0], fakes_at.cumsum()]),
            reals=np.concatenate([[0], (images_at - fakes_at).cumsum()]),
            prevalence=float(fakes.mean()) if prevalence is None else prevalence,
        )

    @property
    def missed(self) -> Scores:
        """Share of all images that are fakes below each threshold (m,), at the prevalence."""
        return self.prevalence * self.fakes / self.fakes[-1]

    @property
    def alarmed(self) -> Scores:
        """Share of all images that are reals at or above each threshold (m,), at the prevalence."""
        return (1 - self.prevalence) * (1 - self.reals / self.reals[-1])

    @property
    def below(self) -> Scores:
        """Share of all images below each threshold (m,), at the prevalence."""
        return self.missed + (1 - self.prevalence) * self.reals / self.reals[-1]

    def at(self, low: int, high: int) -> Thresholds:
        """The operating point of two indices into `thresholds`."""
        return Thresholds(float(self.thresholds[low]), float(self.thresholds[high]))


def by_cost(counts: ThresholdCounts, cost: Cost) -> Thresholds:
    """The thresholds of least expected cost; of equal ones that with the fewest reviews."""
    # miss * missed[lo] + review * (below[hi] - below[lo]) + false_alarm * alarmed[hi] is a part of lo and a part of hi
    of_lo = cost.miss * counts.missed - cost.review * counts.below
    least = np.minimum.accumulate(of_lo)
    lows = np.maximum.accumulate(np.where(of_lo == least, np.arange(len(of_lo)), 0))  # best lo for each hi
    totals = least + _cost_of_hi(counts, cost)
    high = _first(totals, counts.below - counts.below[lows])
    return counts.at(int(lows[high]), high)


def by_review_budget(counts: ThresholdCounts, max_review: float, cost: Cost) -> Thresholds:
    """The thresholds of least cost of misses and false alarms that reviews at most the share `max_review`."""
    lows = np.searchsorted(counts.below, counts.below - max_review - ROUNDING)  # a lower lo misses less
    without_a_miss_more = np.searchsorted(counts.fakes, counts.fakes[lows], side="right") - 1
    lows = np.minimum(without_a_miss_more, np.arange(len(lows)))
    totals = cost.miss * counts.missed[lows] + cost.false_alarm * counts.alarmed
    high = _first(totals, counts.below - counts.below[lows])
    return counts.at(int(lows[high]), high)


def by_target_recall(counts: ThresholdCounts, target: float, cost: Cost) -> Thresholds:
    """The highest `lo` that catches the share `target` of the fakes (review counts as caught), `hi` by cost.

    Least review alone would be no review at all, with an alarm for everything above `lo`: the costs of a review and
    of a false alarm decide between the two.
    """
    most_missed = int((1 - target) * counts.fakes[-1] + ROUNDING)
    return above(counts, highest_lo(counts, most_missed), cost)


def highest_lo(counts: ThresholdCounts, most_missed: int) -> int:
    """Index of the highest threshold that leaves at most so many fakes below."""
    return int(np.searchsorted(counts.fakes, most_missed, side="right")) - 1


def above(counts: ThresholdCounts, low: int, cost: Cost) -> Thresholds:
    """The thresholds of least cost whose `lo` is given by its index."""
    return counts.at(low, int(cheapest_highs(counts, cost)[low]))


def cheapest_highs(counts: ThresholdCounts, cost: Cost) -> NDArray[np.int64]:
    """For each index (m,) as `lo`, the index of the `hi` of least cost at or above it; of equal ones the lowest."""
    backwards = _cost_of_hi(counts, cost)[::-1]
    least = np.minimum.accumulate(backwards)
    places = np.maximum.accumulate(np.where(backwards == least, np.arange(len(least)), 0))
    return (len(least) - 1 - places)[::-1]


def fit_points(counts: ThresholdCounts, operating: Operating, cost: Cost) -> dict[str, Thresholds]:
    """The three operating points by name."""
    return {
        "cost": by_cost(counts, cost),
        "max_review": by_review_budget(counts, operating.max_review, cost),
        "target_recall": by_target_recall(counts, operating.target_recall, cost),
    }


def _cost_of_hi(counts: ThresholdCounts, cost: Cost) -> Scores:
    return cost.review * counts.below + cost.false_alarm * counts.alarmed


def _first(totals: Scores, reviews: Scores) -> int:
    """Index of the least total; of equal ones that with the fewest reviews."""
    return int(np.lexsort((reviews, totals))[0])
