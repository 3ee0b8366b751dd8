"""The stopping rule: a calibrated threshold below which a cascade passes an image before it has asked all members.

A rule that counts votes knows when further votes change nothing; that is rare where members agree. The stopping rule
accepts a small risk instead: an image whose scores so far are low is passed. Among the validation images that the whole
committee stops or refers, take each one's lowest score on the way. The threshold is so low an order statistic of these
that a new image of their kind falls below it with at most the risk that was chosen. There are two promises:

- The mean over validation sets keeps to the risk (split conformal prediction: Vovk, Gammerman and Shafer, Algorithmic
  Learning in a Random World, 2005; Angelopoulos and Bates, arXiv 2107.07511, sec. 1). With the validation set at hand
  the share may be larger: with 19 flagged images and risk 5 % it is in 38 % of the sets.
- With high probability, the share with the validation set at hand keeps to the risk (order-statistic limits: Wilks
  1941; Vovk 2012, Conditional validity of inductive conformal predictors).

One image of each group of near-duplicates counts, the lowest: copies score alike, and would promise more than is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Margins = NDArray[np.floating]  # (images, members so far), log-odds of the positive class before calibration


@dataclass(frozen=True)
class Scale:
    """Puts the members' margins on one scale.

    Attributes:
        centre: mean of each member's margins on validation, in voting order (members,).
        spread: their standard deviations (members,).
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, margins: Margins) -> Scale:
        """Measure it on margins (n, members); a member with the same margin for all images keeps its own unit."""
        spread = margins.std(axis=0, dtype=np.float64)
        return cls(margins.mean(axis=0, dtype=np.float64), np.where(spread > 0, spread, 1.0))

    def scores(self, margins: Margins) -> NDArray[np.float64]:
        """Mean of the standardised margins up to each member: (n, k) of the first k members -> (n, k).

        >>> Scale(np.zeros(2), np.array([1.0, 2.0])).scores(np.array([[1.0, 6.0]])).tolist()
        [[1.0, 2.0]]
        """
        asked = margins.shape[1]
        alike = (margins - self.centre[:asked]) / self.spread[:asked]
        return np.cumsum(alike, axis=1) / np.arange(1, asked + 1)


@dataclass(frozen=True)
class StoppingRule:
    """Passes an image once its score is below `threshold`; see `Scale.scores`."""

    scale: Scale
    threshold: float

    def passes(self, margins: Margins) -> NDArray[np.bool_]:
        """Whether margins (n, k) of the first k members are low enough (n,); never where one is not a number."""
        return self.scale.scores(margins)[:, -1] < self.threshold


@dataclass(frozen=True)
class StoppingPromise:
    """What is promised of the images that the whole committee stops or refers.

    Attributes:
        risk: at most this share of new such images is passed early, in (0, 1).
        confidence: with at least this probability over validation sets, in (0, 1); None: in the mean over them.
    """

    risk: float
    confidence: float | None = None

    @property
    def needed(self) -> int:
        """How many flagged validation images a threshold takes at the least.

        >>> StoppingPromise(0.05).needed, StoppingPromise(0.05, 0.9).needed
        (19, 45)
        """
        if self.confidence is None:
            return math.ceil(1 / self.risk - 1e-9) - 1
        return math.ceil(math.log(1 - self.confidence) / math.log(1 - self.risk) - 1e-9)

    def rank(self, images: int) -> int:
        """Which of so many flagged images, from the lowest score on, gives the threshold; 0: none is low enough.

        The share below the k-th lowest of n scores is Beta(k, n + 1 - k): its mean is k / (n + 1), and it exceeds the
        risk as often as less than k of n images fall into the share at risk.

        >>> StoppingPromise(0.05).rank(100), StoppingPromise(0.05, 0.9).rank(100)
        (5, 2)
        """
        if self.confidence is None:
            return math.floor(self.risk * (images + 1) + 1e-9)  # the product may be a whole number that floats miss
        from facesift.committee.risk_guarantee import allowed_misses  # noqa: PLC0415  scipy.stats: a second to import

        return allowed_misses(images, self.risk, 1 - self.confidence) + 1

    def sentence(self) -> str:
        """The promise in words.

        >>> StoppingPromise(0.05, 0.9).sentence()
        'with probability 90 %, at most 5 % of such images are passed'
        """
        if self.confidence is None:
            return f"in the mean over validation sets, at most {100 * self.risk:g} % of such images are passed"
        return f"with probability {100 * self.confidence:g} %, at most {100 * self.risk:g} % of such images are passed"


def fit_threshold(
    scale: Scale, flagged: Margins, promise: StoppingPromise, groups: NDArray[np.integer] | None = None
) -> float | None:
    """Find the threshold by the validation images that the whole committee stops or refers.

    New such images, drawn as these were, are passed early no more often than is promised.

    >>> margins = np.repeat(np.arange(40.0)[:, None], 2, axis=1)
    >>> fit_threshold(Scale(np.zeros(2), np.ones(2)), margins, StoppingPromise(0.05))
    1.0

    Args:
        scale: of the members' margins.
        flagged: margins (n, members) of those images.
        promise: the risk, and how surely it is kept to.
        groups: of near-duplicates (n,), of which one image counts each; None: all images do.

    Returns:
        The threshold; None where there are less than `needed`, and with a single member, as there is none to save.
    """
    if flagged.shape[1] < 2:
        return None
    lowest = scale.scores(flagged[:, :-1]).min(axis=1)  # after the last member the decision is known
    if groups is not None:
        order = np.lexsort((lowest, groups))
        lowest = lowest[order][np.unique(groups[order], return_index=True)[1]]
    rank = promise.rank(len(lowest))
    return float(np.sort(lowest)[rank - 1]) if rank >= 1 else None
