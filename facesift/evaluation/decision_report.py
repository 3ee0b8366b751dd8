"""The figures of decisions with known labels: of every rule, every voter, every class, and within each source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.calibration import Calibrator
from facesift.committee.decision import REVIEW, REVIEW_NAME, DecisionCodes, DecisionRule, Predictions, decide
from facesift.committee.rules import RULES
from facesift.committee.sources import mixed_sources
from facesift.committee.stability import CheckedDecisions, DamagedCopies
from facesift.core.classes import Classes
from facesift.core.counts import Confusion, DecisionCounts, DesignEffects, class_report
from facesift.core.scores import LabelledLogits
from facesift.evaluation.curves import ranking


def count_decisions(
    labels: NDArray[np.int64], decisions: DecisionCodes, classes: Classes, groups: NDArray[Any] | None = None
) -> DecisionCounts:
    """Count decisions against labels, the positive class against the rest; images sent to a person apart.

    Args:
        labels: class numbers (n,).
        decisions: class numbers, or `REVIEW`; (n,).
        classes: the classes, and which of them is the positive one.
        groups: groups of images that are no independent evidence (n,), which widen the intervals; None: there are none.

    Returns:
        The counts of all n images.
    """
    review, fake, called = decisions == REVIEW, classes.is_positive(labels), classes.is_positive(decisions)
    return DecisionCounts(
        decided=Confusion.of(fake[~review], called[~review], None if groups is None else groups[~review]),
        review_fake=int((review & (fake == 1)).sum()),
        review_real=int((review & (fake == 0)).sum()),
        effects=DesignEffects.of(fake == 1, called == 1, groups),
    )


@dataclass(frozen=True)
class LabelledPredictions:
    """What every voter predicts for n images of one split, beside their labels.

    Attributes:
        images: image_id, split, source, label, group, a row an image.
        labels: class numbers (n,).
        predictions: votes, probabilities and log-odds of the n images.
        referred: whether a person decides the image whatever the votes (n,), because no face was found in it.
        copies: what the same voters predict for damaged copies of the images, which decisions must survive; None: no
            copies are looked at.
    """

    images: pl.DataFrame
    labels: NDArray[np.int64]
    predictions: Predictions
    referred: NDArray[np.bool_]
    copies: DamagedCopies | None = None

    @classmethod
    def of(cls, held: LabelledLogits, copies: DamagedCopies | None = None) -> LabelledPredictions:
        """Make them from the logits of all voters, the stacker's last; not calibrated."""
        return cls(held.images, held.labels, Predictions.of(held.logits, held.classes), held.referred, copies)

    def calibrated(self, calibrator: Calibrator) -> LabelledPredictions:
        """The same predictions with calibrated log-odds."""
        return replace(self, predictions=self.predictions.calibrated(calibrator))

    @property
    def classes(self) -> Classes:
        """The classes that the numbers stand for."""
        return self.predictions.classes

    @property
    def voters(self) -> list[str]:
        """Names of the voters."""
        return list(self.predictions.voters)

    @property
    def votes(self) -> NDArray[np.int64]:
        """Class numbers (n, voters)."""
        return self.predictions.votes

    @property
    def positives(self) -> NDArray[np.int64]:
        """1 where the image is of the positive class, 0 elsewhere; (n,)."""
        return self.classes.is_positive(self.labels)

    @property
    def groups(self) -> NDArray[Any]:
        """Group of each image (n,): images of a group are no independent evidence."""
        return self.images["group"].to_numpy()

    def positive_probabilities(self) -> dict[str, NDArray[np.float64]]:
        """Each voter's probability of the positive class, (n,) in [0, 1]; not calibrated."""
        probabilities = self.predictions.probabilities[:, :, self.classes.number]
        return {voter: probabilities[:, column] for column, voter in enumerate(self.voters)}

    def within(self, source: str) -> LabelledPredictions:
        """Only the images of one source."""
        rows = (self.images["source"] == source).to_numpy()
        return replace(
            self,
            images=self.images.filter(rows),
            labels=self.labels[rows],
            predictions=self.predictions.of_images(rows),
            referred=self.referred[rows],
            copies=None if self.copies is None else self.copies.of_images(rows),
        )

    def without(self, voter: str) -> LabelledPredictions:
        """The same predictions without one voter."""
        copies = None if self.copies is None else self.copies.without(voter)
        return replace(self, predictions=self.predictions.without(voter), copies=copies)

    def mixed_sources(self) -> list[str]:
        """Sources that hold positives and others: only within them is recognising the source no help."""
        return mixed_sources(self.images["source"], self.positives)

    def decide(self, rule: DecisionRule) -> DecisionCodes:
        """Decisions (n,): class numbers, or `REVIEW`."""
        return self.check(rule).decisions

    def check(self, rule: DecisionRule) -> CheckedDecisions:
        """Decide by a rule, and check the decisions on the damaged copies if there are any."""
        decisions = decide(self.predictions, rule, self.referred).decisions
        if self.copies is None:
            return CheckedDecisions(decisions, [None] * len(decisions))
        return self.copies.check(decisions, rule)

    def count(self, rule: DecisionRule) -> DecisionCounts:
        """Count the decisions of one rule against the labels."""
        return count_decisions(self.labels, self.decide(rule), self.classes, self.groups)

    def report_rules(self) -> dict[str, Any]:
        """Counts and figures of every rule; review figures for those that send images to a person."""
        report = {}
        for name, rule in RULES.items():
            counts = self.count(rule)
            reviews = rule.abstains or self.referred.any() or self.copies is not None
            report[name] = counts.report() if reviews else counts.decided.report()
        return report

    def report_voters(self) -> dict[str, Any]:
        """Counts, figures and ranking quality of every voter by itself."""
        return {
            voter: Confusion.of(self.positives, self.classes.is_positive(self.votes[:, column]), self.groups).report()
            | ranking(self.positives, probabilities, self.groups)
            for column, (voter, probabilities) in enumerate(self.positive_probabilities().items())
        }

    def report_classes(self) -> dict[str, Any]:
        """Accuracy, macro averages and figures by class, of every voter and of every rule that decides all images.

        Images that are referred to a person, or whose decision flips on a damaged copy, are decided by the votes here.
        """
        decisions = {voter: self.votes[:, column] for column, voter in enumerate(self.voters)}
        decisions |= {
            name: decide(self.predictions, rule).decisions for name, rule in RULES.items() if not rule.abstains
        }
        names, groups = self.classes.names, self.groups
        return {name: class_report(self.labels, each, names, groups) for name, each in decisions.items()}

    def report_within(self) -> dict[str, Any]:
        """All figures once more inside each source that holds positives and others: `{source: {rules, voters}}`."""
        inside = {source: self.within(source) for source in self.mixed_sources()}
        return {
            source: {"rules": each.report_rules(), "voters": each.report_voters()} for source, each in inside.items()
        }

    def decisions_table(self, rule: DecisionRule) -> pl.DataFrame:
        """One row an image: image_id, split, source, label, vote_<voter> ..., decision (class names, or review).

        With damaged copies there is also `flipped_by`, the damage after which the decision is another one, or null.
        """
        names = np.array([*self.classes.names, REVIEW_NAME])  # REVIEW is -1: the last
        votes = {f"vote_{voter}": pl.Series(names[self.votes[:, column]]) for column, voter in enumerate(self.voters)}
        checked = self.check(rule)
        flips = {} if self.copies is None else {"flipped_by": pl.Series(checked.flipped_by, dtype=pl.String)}
        decisions = pl.Series(names[checked.decisions])
        return self.images.drop("group").with_columns(**votes, decision=decisions, **flips)

    def confusion_table(self, rule: DecisionRule) -> pl.DataFrame:
        """Columns actual, decided, images: all combinations, also those that did not occur."""
        decisions = self.decide(rule)
        columns = [*enumerate(self.classes.names), (REVIEW, REVIEW_NAME)]
        rows = [
            (actual, decided, int(((self.labels == label) & (decisions == decision)).sum()))
            for label, actual in enumerate(self.classes.names)
            for decision, decided in columns
        ]
        return pl.DataFrame(rows, schema=["actual", "decided", "images"], orient="row")
