"""All votes on all images of a split, and what each rule and each voter makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.curves import ranking
from facesift.committee.scores import called_fake, fake_probability, labels_from, logits_from
from facesift.committee.voting import DECISIONS, RULES, screen
from facesift.metrics import FAKE, Confusion


@dataclass(frozen=True)
class Ballot:
    """Votes and probabilities of fake, (images, voters), on images with known labels (images,)."""

    images: pl.DataFrame  # image_id, split, source, label
    voters: list[str]
    labels: NDArray[np.int64]
    votes: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    @classmethod
    def of(cls, joined: pl.DataFrame, voters: list[str]) -> Ballot:
        """Take the votes from a table that `scores.join_scores` made."""
        logits = [logits_from(joined, voter) for voter in voters]
        return cls(
            images=joined.select("image_id", "split", "source", "label"),
            voters=voters,
            labels=labels_from(joined),
            votes=np.stack([called_fake(each) for each in logits], axis=1),
            probabilities=np.stack([fake_probability(each) for each in logits], axis=1),
        )

    def within(self, source: str) -> Ballot:
        """Only the images of one source."""
        rows = (self.images["source"] == source).to_numpy()
        return Ballot(
            self.images.filter(rows), self.voters, self.labels[rows], self.votes[rows], self.probabilities[rows]
        )

    def mixed_sources(self) -> list[str]:
        """Sources that hold both fakes and reals: only within them is recognising the source no help."""
        mixed = self.images.group_by("source").agg(pl.col("label").n_unique()).filter(pl.col("label") > 1)
        return sorted(mixed["source"])

    def decide(self, rule: str) -> NDArray[np.int64]:
        """Decisions (images,) by one of the `RULES`, as indices into `DECISIONS`."""
        return RULES[rule](self.votes, self.probabilities)

    def report_rules(self) -> dict[str, Any]:
        """Counts and figures of every rule; review figures for those that send images to a person."""
        report = {}
        for rule in RULES:
            screening = screen(self.labels, self.decide(rule))
            report[rule] = screening.report() if rule == "unanimous" else screening.decided.report()
        return report

    def report_voters(self) -> dict[str, Any]:
        """Counts, figures and ranking quality of every voter by itself."""
        return {
            voter: Confusion.of(self.labels, self.votes[:, column]).report()
            | ranking(self.labels, self.probabilities[:, column])
            for column, voter in enumerate(self.voters)
        }

    def report_within(self) -> dict[str, Any]:
        """All figures once more inside each source that holds both fakes and reals: `{source: {rules, voters}}`."""
        inside = {source: self.within(source) for source in self.mixed_sources()}
        return {
            source: {"rules": each.report_rules(), "voters": each.report_voters()} for source, each in inside.items()
        }

    def decisions_table(self, rule: str) -> pl.DataFrame:
        """One row an image: image_id, split, source, label, vote_<voter> ..., decision."""
        votes = {f"vote_{voter}": self.votes[:, column] == FAKE for column, voter in enumerate(self.voters)}
        decision = np.array(DECISIONS)[self.decide(rule)]
        return self.images.with_columns(
            **{name: pl.Series(vote) for name, vote in votes.items()}, decision=pl.Series(decision)
        )

    def confusion_table(self, rule: str) -> pl.DataFrame:
        """Columns actual, decided, images: all six combinations, also those that did not occur."""
        decisions = self.decide(rule)
        rows = [
            (actual, decided, int(((self.labels == label) & (decisions == decision)).sum()))
            for label, actual in ((1, "fake"), (0, "real"))
            for decision, decided in ((1, "fake"), (0, "real"), (2, "review"))
        ]
        return pl.DataFrame(rows, schema=["actual", "decided", "images"], orient="row")
