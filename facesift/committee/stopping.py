"""The stopping rule: a calibrated threshold below which a cascade passes an image before it has asked all members.

A rule that counts votes knows when further votes change nothing; that is rare where members agree. The stopping rule
accepts a small risk instead: an image whose scores so far are low is passed. Among the validation images that the whole
committee stops or refers, take each one's lowest score on the way. The threshold is so low an order statistic of these
that a new image of their kind falls below it with at most the risk that was chosen (split conformal prediction: Vovk,
Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Angelopoulos and Bates, arXiv 2107.07511, sec. 1).
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


def needed(risk: float) -> int:
    """How many flagged validation images a threshold of this `risk` in (0, 1) takes at the least.

    >>> needed(0.05)
    19
    """
    return math.ceil(1 / risk - 1e-9) - 1


def fit_threshold(scale: Scale, flagged: Margins, risk: float) -> float | None:
    """Find the threshold by the validation images that the whole committee stops or refers.

    Of new such images, drawn as these were, at most a share `risk` is expected to be passed early.

    >>> margins = np.repeat(np.arange(40.0)[:, None], 2, axis=1)
    >>> fit_threshold(Scale(np.zeros(2), np.ones(2)), margins, 0.05)
    1.0

    Args:
        scale: of the members' margins.
        flagged: margins (n, members) of those images.
        risk: in (0, 1).

    Returns:
        The threshold; None where n is less than `needed`, and with a single member, as there is none to save.
    """
    images, members = flagged.shape
    rank = math.floor(risk * (images + 1) + 1e-9)  # images * risk may be a whole number that floats fall short of
    if rank < 1 or members < 2:
        return None
    lowest = scale.scores(flagged[:, :-1]).min(axis=1)  # after the last member the decision is known
    return float(np.sort(lowest)[rank - 1])
