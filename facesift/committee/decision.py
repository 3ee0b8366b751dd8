"""THE decision engine: what the voters predict, what a decision rule is, and the decisions that come of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from facesift.committee.calibration import UNCALIBRATED, Calibrator, margins_of
from facesift.core.classes import Classes
from facesift.core.scores import class_probabilities, votes_of

REVIEW = -1  # beside the class numbers: a person decides
REVIEW_NAME = "review"  # how tables and reports call it

Votes = NDArray[np.int64]  # (images, voters), class numbers
Probabilities = NDArray[np.float64]  # (images, voters, classes)
DecisionCodes = NDArray[np.int64]  # (images,), class numbers or REVIEW
VoterLogits = Mapping[str, NDArray[np.floating]]  # voter -> (images, classes)


@dataclass(frozen=True)
class Predictions:
    """What every voter predicts for n images.

    Attributes:
        voters: names of the k voters; the last one, the stacker, is calibrated.
        classes: the classes that the numbers stand for.
        votes: class numbers (n, k), each voter's likeliest class.
        probabilities: softmax of the logits (n, k, classes), not calibrated.
        margins: log-odds of the positive class (n,) by the last voter, not calibrated.
        other_class: the likeliest class but the positive one (n,), by the last voter.
        calibrator: makes calibrated log-odds of the margins.
    """

    voters: tuple[str, ...]
    classes: Classes
    votes: Votes
    probabilities: Probabilities
    margins: NDArray[np.float64]
    other_class: NDArray[np.int64]
    calibrator: Calibrator = UNCALIBRATED

    @classmethod
    def of(cls, logits: VoterLogits, classes: Classes, calibrator: Calibrator = UNCALIBRATED) -> Predictions:
        """Make them from every voter's logits (n, classes), the stacker's last.

        >>> said = Predictions.of({"one": np.array([[0.0, 2.0]])}, Classes(("real", "fake"), "fake"))
        >>> said.votes.tolist(), said.margins.tolist(), said.other_class.tolist()
        ([[1]], [2.0], [0])
        """
        scores = list(logits.values())
        together = np.stack([each.astype(np.float64) for each in scores], axis=1)  # one call for all voters is quicker
        others = together[:, -1].copy()
        others[:, classes.number] = -np.inf
        return cls(
            voters=tuple(logits),
            classes=classes,
            votes=votes_of(together, classes),
            probabilities=class_probabilities(together),
            margins=margins_of(scores[-1], classes),
            other_class=others.argmax(axis=1),
            calibrator=calibrator,
        )

    @property
    def log_odds(self) -> NDArray[np.float64]:
        """Calibrated log-odds of the positive class (n,)."""
        return self.calibrator.log_odds(self.margins)

    @property
    def probability(self) -> NDArray[np.float64]:
        """Calibrated probability of the positive class (n,), in [0, 1]."""
        return expit(self.log_odds)

    def calibrated(self, calibrator: Calibrator) -> Predictions:
        """The same predictions with the log-odds of another calibrator."""
        return replace(self, calibrator=calibrator)

    def of_images(self, rows: NDArray[np.bool_]) -> Predictions:
        """Keep the images where `rows` (n,) is true."""
        return replace(
            self,
            votes=self.votes[rows],
            probabilities=self.probabilities[rows],
            margins=self.margins[rows],
            other_class=self.other_class[rows],
        )

    def without(self, voter: str) -> Predictions:
        """Leave out one voter's vote and probabilities; margins and other class stay."""
        kept = [column for column, name in enumerate(self.voters) if name != voter]
        return replace(
            self,
            voters=tuple(self.voters[column] for column in kept),
            votes=self.votes[:, kept],
            probabilities=self.probabilities[:, kept],
        )


class DecisionRule(Protocol):
    """How predictions become decisions; see `rules` for those that there are."""

    @property
    def name(self) -> str:
        """What the rule is called in parameters and tables."""

    @property
    def abstains(self) -> bool:
        """Whether it leaves some images to a person."""

    @property
    def counts_votes(self) -> bool:
        """Whether it looks at the number of votes alone, not at scores, and at nobody's vote in particular."""

    def apply(self, predictions: Predictions) -> DecisionCodes:
        """Decide n images: class numbers, or `REVIEW`; (n,)."""


@dataclass(frozen=True)
class BatchDecisions:
    """The decisions on n images and what they rest on.

    Attributes:
        decisions: class numbers, or `REVIEW`; (n,).
        votes: class numbers (n, voters), the stacker's last.
        log_odds: calibrated log-odds of the positive class (n,).
        probabilities: each voter's probability of the positive class (n, voters), not calibrated.
    """

    decisions: DecisionCodes
    votes: Votes
    log_odds: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def probability(self) -> NDArray[np.float64]:
        """Calibrated probability of the positive class (n,), in [0, 1]."""
        return expit(self.log_odds)

    def names(self, classes: Sequence[str]) -> list[str]:
        """Return the decisions as words: names of `classes`, which stand in the order of their numbers, or `review`.

        >>> one = np.zeros((2, 1))
        >>> BatchDecisions(np.array([1, REVIEW]), one.astype(np.int64), one[:, 0], one).names(["real", "fake"])
        ['fake', 'review']
        """
        return [REVIEW_NAME if code == REVIEW else classes[code] for code in self.decisions.tolist()]


def decide(predictions: Predictions, rule: DecisionRule, referred: NDArray[np.bool_] | None = None) -> BatchDecisions:
    """Decide n images: the one place where predictions become decisions, in the pipeline and in screening.

    Args:
        predictions: what the voters predict, see `Predictions.of`.
        rule: one of `rules.RULES`, or `rules.Thresholds` of an operating point.
        referred: whether a person decides the image whatever the rule says (n,); None: none of them.

    Returns:
        Decisions, votes and calibrated log-odds of the n images.
    """
    decisions = rule.apply(predictions)
    if referred is not None:
        decisions = np.where(referred, REVIEW, decisions)
    said = predictions.probabilities[:, :, predictions.classes.number]
    return BatchDecisions(decisions, predictions.votes, predictions.log_odds, said)
