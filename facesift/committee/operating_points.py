"""Operating points: the two thresholds of least cost, within a review budget, or for a share of fakes to catch.

All are exact over every pair of thresholds that decides the validation images differently, in O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.committee.calibration import Fakes, Scores
from facesift.committee.thresholds import BEYOND, Policy
from facesift.config.committee import Cost, Operating

ROUNDING = 1e-9  # shares are sums of floats: a budget of 20 % admits 20 of 100


@dataclass(frozen=True)
class Tally:
    """Rising thresholds (m,), and how many fakes and reals lie below each.

    The first and the last lie beyond all scores, the others half-way between neighbouring ones: a decision does not
    hang on the last digit of one image's score. `prevalence` is the share of fakes that costs are reckoned at.
    """

    thresholds: Scores
    fakes: NDArray[np.int64]
    reals: NDArray[np.int64]
    prevalence: float

    @classmethod
    def of(cls, log_odds: Scores, fakes: Fakes, prevalence: float | None = None) -> Tally:
        """Tally calibrated log-odds (n,) of fakes and reals (n,), both present; prevalence None: as they come."""
        values, places = np.unique(log_odds, return_inverse=True)
        lower, upper = values[:-1], values[1:]
        middles = lower + (upper - lower) / 2
        inner = np.where(middles > lower, middles, upper)  # neighbours in floating point have no middle
        fakes_at = np.bincount(places, weights=fakes, minlength=len(values)).astype(np.int64)
        images_at = np.bincount(places, minlength=len(values))
        return cls(
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

    def policy(self, low: int, high: int) -> Policy:
        """The policy of two places in `thresholds`."""
        return Policy(float(self.thresholds[low]), float(self.thresholds[high]))


def by_cost(tally: Tally, cost: Cost) -> Policy:
    """The policy of least expected cost; of equal ones that with the fewest reviews."""
    # miss * missed[lo] + review * (below[hi] - below[lo]) + false_alarm * alarmed[hi] is a part of lo and a part of hi
    of_lo = cost.miss * tally.missed - cost.review * tally.below
    least = np.minimum.accumulate(of_lo)
    lows = np.maximum.accumulate(np.where(of_lo == least, np.arange(len(of_lo)), 0))  # best lo for each hi
    totals = least + _cost_of_hi(tally, cost)
    high = _first(totals, tally.below - tally.below[lows])
    return tally.policy(int(lows[high]), high)


def by_review_budget(tally: Tally, max_review: float, cost: Cost) -> Policy:
    """The policy of least cost of misses and false alarms that reviews at most the share `max_review`."""
    lows = np.searchsorted(tally.below, tally.below - max_review - ROUNDING)  # a lower lo misses less
    without_a_miss_more = np.searchsorted(tally.fakes, tally.fakes[lows], side="right") - 1
    lows = np.minimum(without_a_miss_more, np.arange(len(lows)))
    totals = cost.miss * tally.missed[lows] + cost.false_alarm * tally.alarmed
    high = _first(totals, tally.below - tally.below[lows])
    return tally.policy(int(lows[high]), high)


def by_target_recall(tally: Tally, target: float, cost: Cost) -> Policy:
    """The highest `lo` that catches the share `target` of the fakes (review counts as caught), `hi` by cost.

    Least review alone would be no review at all, with an alarm for everything above `lo`: the costs of a review and
    of a false alarm decide between the two.
    """
    most_missed = int((1 - target) * tally.fakes[-1] + ROUNDING)
    return above(tally, highest_lo(tally, most_missed), cost)


def highest_lo(tally: Tally, most_missed: int) -> int:
    """Place of the highest threshold that leaves at most so many fakes below."""
    return int(np.searchsorted(tally.fakes, most_missed, side="right")) - 1


def above(tally: Tally, low: int, cost: Cost) -> Policy:
    """The policy of least cost whose `lo` is given by its place."""
    return tally.policy(low, int(cheapest_highs(tally, cost)[low]))


def cheapest_highs(tally: Tally, cost: Cost) -> NDArray[np.int64]:
    """For each place (m,) as `lo`, the place of the `hi` of least cost at or above it; of equal ones the lowest."""
    backwards = _cost_of_hi(tally, cost)[::-1]
    least = np.minimum.accumulate(backwards)
    places = np.maximum.accumulate(np.where(backwards == least, np.arange(len(least)), 0))
    return (len(least) - 1 - places)[::-1]


def fit_points(tally: Tally, operating: Operating, cost: Cost) -> dict[str, Policy]:
    """The three operating points by name."""
    return {
        "cost": by_cost(tally, cost),
        "max_review": by_review_budget(tally, operating.max_review, cost),
        "target_recall": by_target_recall(tally, operating.target_recall, cost),
    }


def _cost_of_hi(tally: Tally, cost: Cost) -> Scores:
    return cost.review * tally.below + cost.false_alarm * tally.alarmed


def _first(totals: Scores, reviews: Scores) -> int:
    """Place of the least total; of equal ones that with the fewest reviews."""
    return int(np.lexsort((reviews, totals))[0])
