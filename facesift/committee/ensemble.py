"""A committee without its networks: from the members' logits to decisions, by stacker, calibration and rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.committee.calibration import Calibrator
from facesift.committee.decision import BatchDecisions, DecisionRule, Predictions, VoterLogits, decide
from facesift.committee.stability import StabilityRule
from facesift.committee.stacking import Stacker, add_stacker
from facesift.committee.stopping import StoppingRule
from facesift.core.classes import Classes
from facesift.core.scores import STACKER


@dataclass(frozen=True)
class Ensemble:
    """How a committee decides once its members have scored.

    Attributes:
        members: their names in voting order.
        classes: the classes that they tell apart.
        stacker: the stacked ensemble over the members' logits.
        calibrator: of the stacker's log-odds.
        rule: makes decisions of all predictions.
        stopping: passes images early in a cascade (`cascade`); `decide` asks all members.
        stability: which damage decisions must survive; `decide` sees no pixels, so the program that has them checks it.
    """

    members: tuple[str, ...]
    classes: Classes
    stacker: Stacker
    calibrator: Calibrator
    rule: DecisionRule
    stopping: StoppingRule | None = None
    stability: StabilityRule | None = None

    @property
    def voters(self) -> tuple[str, ...]:
        """Names of the members, and the stacker's."""
        return (*self.members, STACKER)

    def voter_logits(self, logits: VoterLogits) -> dict[str, NDArray[np.floating]]:
        """Add the stacker's logits to those of the members (n, classes); members in voting order."""
        return add_stacker({name: logits[name] for name in self.members}, self.stacker)

    def decide(self, logits: VoterLogits) -> BatchDecisions:
        """Decide n images by the members' logits (n, classes)."""
        return decide(Predictions.of(self.voter_logits(logits), self.classes, self.calibrator), self.rule)
