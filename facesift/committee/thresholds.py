"""Two thresholds turn a calibrated score into a decision: real, review or fake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from facesift.committee.calibration import Fakes, Scores
from facesift.committee.rules import REVIEW, Decisions, screen
from facesift.core.classes import FAKE, REAL, Classes
from facesift.core.counts import DecisionCounts

EITHER = Classes(("real", "fake"), "fake")  # the positive class against the rest, whatever their names
BEYOND = 1e9  # log-odds that no image has: thresholds at -BEYOND and BEYOND have all images on one side, also in JSON


@dataclass(frozen=True)
class Policy:
    """Real below `lo`, fake at or above `hi`, review between; calibrated log-odds, lo <= hi.

    lo = -BEYOND decides nothing real, hi = BEYOND nothing fake.

    >>> Policy(-1.0, 2.0).decide(np.array([-1.5, -1.0, 1.9, 2.0])).tolist()
    [0, -1, -1, 1]
    """

    lo: float
    hi: float

    def decide(self, log_odds: Scores) -> Decisions:
        """Decisions (n,) on calibrated log-odds (n,): `REAL`, `FAKE` or `REVIEW`."""
        return np.where(log_odds < self.lo, REAL, np.where(log_odds >= self.hi, FAKE, REVIEW))

    def screen(self, log_odds: Scores, fakes: Fakes, referred: NDArray[np.bool_] | None = None) -> DecisionCounts:
        """Count the decisions on calibrated log-odds (n,) against fakes (n,); `referred` ones are reviewed anyway."""
        decisions = self.decide(log_odds)
        return screen(fakes, decisions if referred is None else np.where(referred, REVIEW, decisions), EITHER)

    def probabilities(self) -> dict[str, float]:
        """Both thresholds as calibrated probabilities, for people."""
        return {"lo": float(expit(self.lo)), "hi": float(expit(self.hi))}

    def thresholds(self) -> dict[str, float]:
        """Both thresholds as calibrated log-odds, for machines: rounded probabilities near 0 would lose the order."""
        return {"lo": self.lo, "hi": self.hi}
