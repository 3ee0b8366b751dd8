"""Which operating points are offered: none that would send most images to a person, or call most real images fake.

Thresholds of least cost are exact and may still be of no use: where misses are dear and scores say little, reviewing
everything is cheapest. Such a point is listed with the reason and with what would have to change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facesift.committee.operating_points import ThresholdCounts, cheapest_highs, highest_lo
from facesift.committee.rules import Thresholds
from facesift.config.committee import Cost, Operating
from facesift.core.formatting import percent

# What lowers the share, by the share that is too large and by point. The upper threshold of `target_recall` and of
# `guarantee` is chosen by the costs of a review and of a false alarm alone: fewer of the one are more of the other.
_BY_COST = "raise cost.false_alarm or lower cost.miss"
_BY_REVIEW = "raise cost.false_alarm or lower cost.review, at the price of more reviews"
REMEDIES = {
    "review": {
        "cost": "set prevalence to the share of fakes that you expect, raise cost.review or lower cost.miss",
        "max_review": "lower operating.max_review",
        "guarantee": "raise operating.guarantee.miss or, at the price of more false alarms, raise cost.review or lower "
        "cost.false_alarm",
    },
    "false_alarms": {
        "cost": _BY_COST,
        "max_review": _BY_COST,
        "target_recall": _BY_REVIEW,
        "guarantee": _BY_REVIEW,
    },
}


@dataclass(frozen=True)
class PointShares:
    """What a point does on validation, in [0, 1].

    Attributes:
        review: share of the images that it sends to a person, at the prevalence that costs are computed for.
        false_alarms: share of the real images that it calls fake.
    """

    review: float
    false_alarms: float

    @classmethod
    def of(cls, point: Thresholds, counts: ThresholdCounts) -> PointShares:
        """Count the images that a point decides so; its thresholds may be those of fewer images than were counted."""
        low, high = np.searchsorted(counts.values, [point.lo, point.hi])  # scores below each
        return cls(float(counts.below[high] - counts.below[low]), float(1 - counts.reals[high] / counts.reals[-1]))


@dataclass(frozen=True)
class NotOffered:
    """A point that is not offered.

    Attributes:
        shares: what it would do on validation.
        why: the share that is too large, its limit, and what would have to change; a sentence.
    """

    shares: PointShares
    why: str


def withhold(
    points: Mapping[str, Thresholds], counts: ThresholdCounts, operating: Operating, cost: Cost
) -> dict[str, NotOffered]:
    """Find the points beyond the limits of `operating.offer_up_to`.

    Args:
        points: by name.
        counts: of the validation images.
        operating: its limits, and the target that a remedy is looked for.
        cost: decides the upper threshold of other targets.

    Returns:
        By name, the points that are not offered, and why.
    """
    found = {name: PointShares.of(point, counts) for name, point in points.items()}
    reasons = {name: _reason(name, shares, counts, operating, cost) for name, shares in found.items()}
    return {name: NotOffered(found[name], why) for name, why in reasons.items() if why}


def _reason(name: str, shares: PointShares, counts: ThresholdCounts, operating: Operating, cost: Cost) -> str:
    """Why a point is not offered; empty for one that is."""
    limits = operating.offer_up_to
    if shares.review > limits.review:
        is_recall = name == "target_recall"
        remedy = _reachable_recall(counts, operating, cost) if is_recall else REMEDIES["review"][name]
        return (
            f"on validation it sends {percent(shares.review)} of the images to a person, more than "
            f"{percent(limits.review)}. {_sentence(remedy)} or allow {_allow('review', shares.review)}"
        )
    if shares.false_alarms > limits.false_alarms:
        remedy = REMEDIES["false_alarms"][name]
        return (
            f"on validation it calls {percent(shares.false_alarms)} of the real images fake, more than "
            f"{percent(limits.false_alarms)}. {_sentence(remedy)} or allow "
            f"{_allow('false_alarms', shares.false_alarms)}"
        )
    return ""


def _reachable_recall(counts: ThresholdCounts, operating: Operating, cost: Cost) -> str:
    """What lets `target_recall` be offered: a lower target, or more fakes where not one may be missed now."""
    fakes, target, limits = int(counts.fakes[-1]), operating.target_recall, operating.offer_up_to
    highs = cheapest_highs(counts, cost)
    lows = np.array([highest_lo(counts, missed) for missed in range(fakes)])
    reviewed = counts.below[highs[lows]] - counts.below[lows]
    alarmed = 1 - counts.reals[highs[lows]] / counts.reals[-1]
    within = np.flatnonzero((reviewed <= limits.review) & (alarmed <= limits.false_alarms))
    if not len(within):
        return "no operating.target_recall keeps within that: the scores tell too little"
    reached = math.floor(1000 * (1 - int(within[0]) / fakes)) / 1000
    remedy = f"set operating.target_recall to {reached:g} or less"
    if target < 1 and (1 - target) * fakes < 1:
        enough = math.ceil(1 / (1 - target) - 1e-9)
        remedy += f", try with about {enough} validation fakes (of {fakes}, not one may be missed)"
    return remedy


def _allow(key: str, share: float) -> str:
    return f"operating.offer_up_to.{key}: {min(1.0, math.ceil(1000 * share) / 1000):g}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ","
