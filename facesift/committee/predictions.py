"""All votes on all images of a split, and what each rule and each voter makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.rules import REVIEW, RULES, screen
from facesift.committee.sources import mixed_sources
from facesift.core.classes import Classes
from facesift.core.counts import Confusion, class_report
from facesift.core.scores import class_probabilities, labels_from, logits_from, votes_of
from facesift.evaluation.curves import ranking


@dataclass(frozen=True)
class Ballot:
    """Votes (images, voters) and probabilities (images, voters, classes) on images with known labels (images,).

    `referred` (images,): a person decides these whatever the votes, because no face was found in them.
    """

    classes: Classes
    images: pl.DataFrame  # image_id, split, source, label, group
    voters: list[str]
    labels: NDArray[np.int64]
    votes: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    referred: NDArray[np.bool_]

    @classmethod
    def of(cls, joined: pl.DataFrame, voters: list[str], classes: Classes) -> Ballot:
        """Take the votes from a table that `scores.join_scores` made, on a truth with near-duplicate groups.

        Its column `referred`, if it has one, says which images a person decides anyway.
        """
        logits = [logits_from(joined, voter, classes) for voter in voters]
        return cls(
            classes=classes,
            images=joined.select("image_id", "split", "source", "label", "group"),
            voters=voters,
            labels=labels_from(joined, classes),
            votes=np.stack([votes_of(each, classes) for each in logits], axis=1),
            probabilities=np.stack([class_probabilities(each) for each in logits], axis=1),
            referred=joined["referred"].to_numpy() if "referred" in joined else np.zeros(joined.height, np.bool_),
        )

    @property
    def positives(self) -> NDArray[np.int64]:
        """1 where the image is of the positive class, 0 elsewhere; (images,)."""
        return self.classes.is_positive(self.labels)

    def suspicion(self) -> dict[str, NDArray[np.float64]]:
        """Each voter's probability of the positive class, (images,) in [0, 1]."""
        return {voter: self.probabilities[:, column, self.classes.number] for column, voter in enumerate(self.voters)}

    def within(self, source: str) -> Ballot:
        """Only the images of one source."""
        rows = (self.images["source"] == source).to_numpy()
        return replace(
            self,
            images=self.images.filter(rows),
            labels=self.labels[rows],
            votes=self.votes[rows],
            probabilities=self.probabilities[rows],
            referred=self.referred[rows],
        )

    def mixed_sources(self) -> list[str]:
        """Sources that hold positives and others: only within them is recognising the source no help."""
        return mixed_sources(self.images["source"], self.positives)

    def decide(self, rule: str) -> NDArray[np.int64]:
        """Decisions (images,) by one of the `RULES`: class numbers, or `REVIEW`."""
        return np.where(self.referred, REVIEW, self._by_votes(rule))

    def _by_votes(self, rule: str) -> NDArray[np.int64]:
        return RULES[rule](self.votes, self.probabilities, self.classes)

    def report_rules(self) -> dict[str, Any]:
        """Counts and figures of every rule; review figures for those that send images to a person."""
        report = {}
        for rule in RULES:
            screening = screen(self.labels, self.decide(rule), self.classes)
            reviews = rule == "unanimous" or self.referred.any()
            report[rule] = screening.report() if reviews else screening.decided.report()
        return report

    def report_voters(self) -> dict[str, Any]:
        """Counts, figures and ranking quality of every voter by itself."""
        groups = self.images["group"].to_numpy()
        return {
            voter: Confusion.of(self.positives, self.classes.is_positive(self.votes[:, column])).report()
            | ranking(self.positives, suspicion, groups)
            for column, (voter, suspicion) in enumerate(self.suspicion().items())
        }

    def report_classes(self) -> dict[str, Any]:
        """Accuracy, macro averages and figures by class, of every voter and of every rule that decides all images.

        Images that are referred to a person are decided by the votes here.
        """
        decisions = {voter: self.votes[:, column] for column, voter in enumerate(self.voters)}
        decisions |= {rule: self._by_votes(rule) for rule in RULES if rule != "unanimous"}
        return {name: class_report(self.labels, each, self.classes.names) for name, each in decisions.items()}

    def report_within(self) -> dict[str, Any]:
        """All figures once more inside each source that holds positives and others: `{source: {rules, voters}}`."""
        inside = {source: self.within(source) for source in self.mixed_sources()}
        return {
            source: {"rules": each.report_rules(), "voters": each.report_voters()} for source, each in inside.items()
        }

    def decisions_table(self, rule: str) -> pl.DataFrame:
        """One row an image: image_id, split, source, label, vote_<voter> ..., decision (class names, or review)."""
        names = np.array([*self.classes.names, "review"])
        votes = {f"vote_{voter}": pl.Series(names[self.votes[:, column]]) for column, voter in enumerate(self.voters)}
        return self.images.drop("group").with_columns(**votes, decision=pl.Series(names[self.decide(rule)]))

    def confusion_table(self, rule: str) -> pl.DataFrame:
        """Columns actual, decided, images: all combinations, also those that did not occur."""
        decisions = self.decide(rule)
        columns = [*enumerate(self.classes.names), (REVIEW, "review")]
        rows = [
            (actual, decided, int(((self.labels == label) & (decisions == decision)).sum()))
            for label, actual in enumerate(self.classes.names)
            for decision, decided in columns
        ]
        return pl.DataFrame(rows, schema=["actual", "decided", "images"], orient="row")
