"""The risk guarantee: with probability 1 - delta, misses (and reviews, if asked) among new images stay within limits.

Learn then test (Angelopoulos et al. 2022) with binomial tails, which are exact for losses of 0 or 1. Misses only rise
with `lo`. So, of all thresholds that would break the guarantee, the lowest one has the fewest misses on validation: a
test that goes up from the safest threshold passes any of them only if it passes that one, which happens with
probability delta at most. Therefore every validation score may be a candidate: the order of the tests is fixed in
advance, not by the labels, and nothing is paid for their number (the order-statistic limits of Wilks 1941).

The review rate has no such order, as `hi` is chosen by cost on the same images. Its guarantee holds for all pairs of
thresholds at once: see `allowed_reviews`.

MAPIE's BinaryClassificationController comes to the same thresholds for misses alone (a test compares). It is not used,
as its `fixed_sequence` refuses two risks, Bonferroni-Holm over 100 thresholds asks for 66 fakes where 22 are enough,
and it holds a table of images times thresholds.

The probability is over validation sets, those that allow no guarantee included: with probability delta at most, a
guarantee is given and does not hold. What is assumed: new groups of near-duplicates come from where the validation
groups came from, and validation scores are like those of new images. Out-of-fold scores of the stacker, and members
whose epoch was chosen on validation, meet this nearly, not exactly: compare with the test split's figures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.committee.calibration import Fakes, Scores
from facesift.committee.operating_points import ThresholdCounts, cheapest_highs, highest_lo
from facesift.committee.rules import Thresholds
from facesift.config.committee import Cost, Guarantee
from facesift.core.formatting import counted, percent

REVIEW_SHARE = 0.1  # of delta: reviews are counted over all images, misses over the few fakes, which need the rest
MOST_MISSES = 10**4  # an estimate beyond is no help


@dataclass(frozen=True)
class RiskGuarantee:
    """What can be guaranteed about new images, or what it would take.

    Attributes:
        asked: the limits and delta that were asked for.
        images: independent validation images.
        fakes: independent fakes among them.
        fakes_needed: the fewest fakes with which a guarantee is possible at all.
        fakes_estimated: fakes that would do if errors go on as they are; None: unknown, or not needed.
        lacking: what stood in the way, `fakes` (too few), `review` (too much to review) or `offer_up_to` (its point
            is not offered, see `offered_points`); None: nothing.
        thresholds: the operating point that keeps the guarantee; None where none can be given.
        sources: the sources that new images must come from, where validation images of others were left out; (): all.
        why_withheld: why its point is not offered; empty where it is.
    """

    asked: Guarantee
    images: int
    fakes: int
    fakes_needed: int
    fakes_estimated: int | None
    lacking: str | None
    thresholds: Thresholds | None
    sources: tuple[str, ...] = ()
    why_withheld: str = ""

    def withheld(self, why: str) -> RiskGuarantee:
        """The same without thresholds, because their point is not offered."""
        return replace(self, thresholds=None, lacking="offer_up_to", why_withheld=why)

    def sentence(self) -> str:
        """What is guaranteed, or what it would take, for people."""
        asked = self.asked
        review = "" if asked.review is None else f" and at most {percent(asked.review)} of the images reviewed"
        limits = (
            f"at most {percent(asked.miss)} of the fakes missed{review}, with probability {percent(1 - asked.delta)}"
        )
        if self.thresholds is not None:
            about = f" It is about images like those of {', '.join(self.sources)}." if self.sources else ""
            basis = f"It rests on {self.fakes:,} independent validation fakes."
            return f"Guaranteed (learn then test): {limits}. {basis}{about}"
        if self.lacking == "fakes":
            return (
                f"No guarantee can be given of {limits}: validation has {counted(self.fakes, 'independent fake')}, and "
                f"at least {self.fakes_needed:,} without a single miss would be needed."
            )
        if self.lacking == "offer_up_to":
            return f"No guarantee is offered of {limits}: {self.why_withheld}."
        more = self.fakes_estimated
        way_out = f" With errors as they are now, about {more:,} validation fakes would do." if more else ""
        return f"No guarantee can be given of {limits}: keeping the misses down takes more review than that.{way_out}"

    def report(self) -> dict[str, Any]:
        """What was asked, promised (None: nothing) and needed, for a metrics file."""
        limits = {"miss": self.asked.miss, "review": self.asked.review}
        kept = None if self.thresholds is None else limits | {"probability": 1 - self.asked.delta}
        return {
            "asked": limits | {"delta": self.asked.delta}, "promised": kept, "lacking": self.lacking,
            "images": self.images, "fakes": self.fakes,
            "fakes_needed": self.fakes_needed, "fakes_estimated": self.fakes_estimated, "sentence": self.sentence(),
        }  # fmt: skip


def independent(groups: NDArray[np.integer], fakes: Fakes) -> NDArray[np.int64]:
    """Rows, rising, of one image a group of near-duplicates (n,): the first fake if there is one, else the first image.

    Copies of one picture err together; counted each, they would guarantee more than is known.

    >>> independent(np.array([7, 7, 3, 3]), np.array([0, 1, 0, 0])).tolist()
    [1, 2]
    """
    order = np.lexsort((1 - fakes, groups))  # stable: within a group fakes first, then as they come
    _, firsts = np.unique(groups[order], return_index=True)
    return np.sort(order[firsts])


def count_independent(
    log_odds: Scores, fakes: Fakes, groups: NDArray[np.integer], prevalence: float | None
) -> ThresholdCounts:
    """Count calibrated log-odds (n,) of fakes (n,), one image of each group (n,); see `ThresholdCounts.of`."""
    rows = independent(groups, fakes)
    return ThresholdCounts.of(log_odds[rows], fakes[rows], prevalence)


def find_guarantee(counts: ThresholdCounts, asked: Guarantee, cost: Cost) -> RiskGuarantee:
    """Find the highest `lo` that keeps the guarantee, with the `hi` of least cost.

    Args:
        counts: of independent validation images, see `count_independent`.
        asked: the limits on misses and reviews, and delta.
        cost: decides between thresholds that both keep the limits.

    Returns:
        The guarantee with its thresholds, or what stood in the way.
    """
    images, fakes = int(counts.fakes[-1] + counts.reals[-1]), int(counts.fakes[-1])
    delta = asked.delta if asked.review is None else asked.delta * (1 - REVIEW_SHARE)
    highs = cheapest_highs(counts, cost)
    reviewed = (counts.fakes + counts.reals)[highs] - (counts.fakes + counts.reals)
    within = np.full(len(highs), fill_value=True)
    if asked.review is not None:
        within = reviewed <= allowed_reviews(images, asked.review, asked.delta * REVIEW_SHARE)
    misses = allowed_misses(fakes, asked.miss, delta)
    low = highest_lo(counts, misses) if misses >= 0 else None
    thresholds = counts.at(low, int(highs[low])) if low is not None and within[low] else None
    lacking = "fakes" if low is None else "review" if thresholds is None else None
    return RiskGuarantee(
        asked=asked,
        images=images,
        fakes=fakes,
        fakes_needed=enough_fakes(0.0, asked.miss, delta) or 0,
        fakes_estimated=None if thresholds else _estimate(counts, within, asked.miss, delta),
        lacking=lacking,
        thresholds=thresholds,
    )


def allowed_misses(fakes: int, miss: float, delta: float) -> int:
    """Most misses among so many fakes that still show a miss rate of at most `miss`; -1: not even none would.

    It is the largest k with P(Binomial(fakes, miss) <= k) <= delta: more misses than the limit allows would show so
    few with probability delta at most.

    >>> allowed_misses(21, 0.1, 0.1), allowed_misses(22, 0.1, 0.1), allowed_misses(200, 0.1, 0.1)
    (-1, 0, 14)
    """
    if not fakes:
        return -1
    from scipy.stats import binom  # noqa: PLC0415  a second to import

    reached = int(binom.ppf(delta, fakes, miss))  # the first with a tail of delta or more
    return reached if binom.cdf(reached, fakes, miss) <= delta else reached - 1


def allowed_reviews(images: int, review: float, delta: float) -> int:
    """Most reviewed of so many images that still show a review rate of at most `review`, whatever the thresholds.

    A stretch of scores with more than `review` of all images but only k of these lies in one between a score and the
    (k + 1)-th after it, whose share is Beta(k + 1, n - k); there are at most n + 1 such. So delta is divided by them.
    """
    return allowed_misses(images, review, delta / (images + 1))


def enough_fakes(rate: float, miss: float, delta: float) -> int | None:
    """Fewest fakes with which the share `rate` missed would do; None: none, or one with over `MOST_MISSES` misses.

    >>> enough_fakes(0.0, 0.1, 0.1), enough_fakes(0.05, 0.1, 0.1), enough_fakes(0.1, 0.1, 0.1)
    (22, 78, None)
    """
    if rate >= miss:
        return None
    from scipy.stats import nbinom  # noqa: PLC0415  a second to import

    for most in (1, MOST_MISSES // 100, MOST_MISSES):  # nearly always few are enough, and many take a while
        misses = np.arange(most + 1)
        fakes = misses + 1 + nbinom.ppf(1 - delta, misses + 1, miss)  # the fewest that allow so many misses
        enough = np.flatnonzero(misses >= rate * fakes)
        if len(enough):
            return int(fakes[enough[0]])
    return None


def _estimate(counts: ThresholdCounts, within: NDArray[np.bool_], miss: float, delta: float) -> int | None:
    """Fakes needed if errors go on as at the safest useful threshold: it decides images real, and keeps the reviews."""
    useful = np.flatnonzero(within & (counts.fakes + counts.reals > 0))
    if not len(useful):
        return None
    return enough_fakes(float(counts.fakes[useful[0]] / counts.fakes[-1]), miss, delta)
