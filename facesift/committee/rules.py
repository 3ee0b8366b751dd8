"""The decision rules: four ways to count votes, and two thresholds on the calibrated score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from facesift.committee.decision import REVIEW, DecisionCodes, Predictions, Probabilities, Votes
from facesift.core.classes import Classes

BEYOND = 1e9  # log-odds that no image has: thresholds at -BEYOND and BEYOND have all images on one side, also in JSON


@dataclass(frozen=True)
class VotingRule:
    """A rule that makes decisions of all voters' votes or probabilities.

    Attributes:
        name: as in `vote.rule`.
        combine: makes decisions (n,) of votes (n, voters), probabilities (n, voters, classes) and the classes.
        abstains: whether it leaves some images to a person.
        counts_votes: whether it looks at the number of votes alone.
    """

    name: str
    combine: Callable[[Votes, Probabilities, Classes], DecisionCodes]
    abstains: bool = False
    counts_votes: bool = True

    def apply(self, predictions: Predictions) -> DecisionCodes:
        """Decide n images by their votes: class numbers, or `REVIEW`; (n,)."""
        return self.combine(predictions.votes, predictions.probabilities, predictions.classes)


@dataclass(frozen=True)
class Thresholds:
    """An operating point: real below `lo`, fake at or above `hi`, review between; lo <= hi.

    With more than two classes, an image below `lo` is decided as the likeliest of the others.

    Attributes:
        lo: calibrated log-odds; `-BEYOND` decides nothing real.
        hi: calibrated log-odds; `BEYOND` decides nothing fake.
    """

    lo: float
    hi: float
    name: ClassVar[str] = "operating point"
    counts_votes: ClassVar[bool] = False

    @property
    def abstains(self) -> bool:
        """Whether there is room between the thresholds."""
        return self.lo < self.hi

    def apply(self, predictions: Predictions) -> DecisionCodes:
        """Decide n images by their calibrated log-odds: class numbers, or `REVIEW`; (n,)."""
        log_odds, positive = predictions.log_odds, predictions.classes.number
        return np.where(log_odds < self.lo, predictions.other_class, np.where(log_odds >= self.hi, positive, REVIEW))

    def moved(self, by: float) -> Thresholds:
        """The same decisions on log-odds that have all moved by so much (`calibration.prior_shift`)."""
        return Thresholds(self.lo + by, self.hi + by)

    def as_probabilities(self) -> dict[str, float]:
        """Both thresholds as calibrated probabilities, for people."""
        return {"lo": float(expit(self.lo)), "hi": float(expit(self.hi))}

    def as_log_odds(self) -> dict[str, float]:
        """Both thresholds as calibrated log-odds, for machines: rounded probabilities near 0 would lose the order."""
        return {"lo": self.lo, "hi": self.hi}


def any_fake(votes: Votes, probabilities: Probabilities, classes: Classes) -> DecisionCodes:
    """The positive class if any voter says so, otherwise the majority's class.

    >>> fake = Classes(("real", "fake"), "fake")
    >>> any_fake(np.array([[0, 0], [0, 1], [1, 1]]), np.empty(0), fake).tolist()
    [0, 1, 1]
    """
    said = (votes == classes.number).any(axis=1)
    return np.where(said, classes.number, majority(votes, probabilities, classes))


def majority(votes: Votes, _: Probabilities, classes: Classes) -> DecisionCodes:
    """The class with most votes; a tie goes to the positive class (recall first), else to the first class.

    >>> fake = Classes(("real", "fake"), "fake")
    >>> majority(np.array([[0, 0, 1, 0], [0, 1, 1, 0]]), np.empty(0), fake).tolist()
    [0, 1]
    """
    counts = np.stack([(votes == number).sum(axis=1) for number in range(len(classes.names))], axis=1)
    return _largest(counts, classes)


def soft(_: Votes, probabilities: Probabilities, classes: Classes) -> DecisionCodes:
    """The class of the largest mean probability; a tie goes to the positive class."""
    return _largest(probabilities.mean(axis=1), classes)


def unanimous(votes: Votes, _: Probabilities, __: Classes) -> DecisionCodes:
    """The class on which all voters agree; otherwise a person decides.

    >>> unanimous(np.array([[0, 0], [0, 1], [1, 1]]), np.empty(0), Classes(("real", "fake"), "fake")).tolist()
    [0, -1, 1]
    """
    return np.where(votes.min(axis=1) == votes.max(axis=1), votes.max(axis=1), REVIEW)


def _largest(values: NDArray[np.generic], classes: Classes) -> DecisionCodes:
    tied = values[:, classes.number] == values.max(axis=1)
    return np.where(tied, classes.number, values.argmax(axis=1))


RULES = {
    rule.name: rule
    for rule in (
        VotingRule("any_fake", any_fake),
        VotingRule("majority", majority),
        VotingRule("soft", soft, counts_votes=False),
        VotingRule("unanimous", unanimous, abstains=True),
    )
}
