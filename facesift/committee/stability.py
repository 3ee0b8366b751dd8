"""The stability rule: an image whose decision is another one on a mildly damaged copy goes to a person.

An honest photo that is compressed once more stays the same photo. A decision that depends on such a difference is near
the border, or rests on traces that the next service on the way removes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.decision import REVIEW, DecisionCodes, DecisionRule, Predictions
from facesift.committee.rules import VotingRule
from facesift.config.committee import Vote
from facesift.config.damage import Corruption
from facesift.core.classes import Classes
from facesift.core.files import read_parquet
from facesift.core.scores import LabelledLogits, label_logits, logit_columns, score_table

# Decisions (k,) on copies of k of the images, given the name of the damage and the numbers of the images.
DecideCopies = Callable[[str, NDArray[np.intp]], DecisionCodes]


@dataclass(frozen=True)
class CheckedDecisions:
    """Decisions on n images after the check of their stability.

    Attributes:
        decisions: class numbers, or `REVIEW`; (n,).
        flipped_by: name of the first damage after which the image was decided otherwise; None for all others (n,).
    """

    decisions: DecisionCodes
    flipped_by: list[str | None]


@dataclass(frozen=True)
class StabilityRule:
    """Which damage decisions must survive.

    Attributes:
        damages: the mild damages by name.
        must_hold: which decisions are checked: `all`, those of the `positive` class, or those of the `others`.
    """

    damages: Mapping[str, Corruption]
    must_hold: str = "all"

    @classmethod
    def of(cls, vote: Vote) -> StabilityRule | None:
        """Take it from the section `vote` of the parameters; None for `stability: ignore`."""
        return cls(vote.mild_damage, vote.must_hold) if vote.stability == "review" else None

    def apply(self, decisions: DecisionCodes, classes: Classes, decide_copies: DecideCopies) -> CheckedDecisions:
        """Check n decisions, one damage after the other; only copies of images that are still decided are asked for.

        >>> rule = StabilityRule({"jpeg90": Corruption(kind="jpeg", strength=90)})
        >>> found = rule.apply(np.array([0, 1, -1]), Classes(("real", "fake"), "fake"), lambda name, rows: rows * 0)
        >>> found.decisions.tolist(), found.flipped_by
        ([0, -1, -1], [None, 'jpeg90', None])

        Args:
            decisions: of the undamaged images: class numbers, or a number below 0 for what no class was decided for.
            classes: of the decisions.
            decide_copies: decides the damaged copies.

        Returns:
            The decisions, `REVIEW` where one has flipped.
        """
        checked, flipped_by = decisions.copy(), np.full(len(decisions), None, object)
        for name in self.damages:
            rows = np.flatnonzero(self._concerns(checked, classes))
            if len(rows):
                flipped = rows[decide_copies(name, rows) != checked[rows]]
                checked[flipped], flipped_by[flipped] = REVIEW, name
        return CheckedDecisions(checked, flipped_by.tolist())

    def _concerns(self, decisions: DecisionCodes, classes: Classes) -> NDArray[np.bool_]:
        chosen = {"all": decisions >= 0, "positive": decisions == classes.number}
        return chosen.get(self.must_hold, (decisions >= 0) & (decisions != classes.number))


@dataclass(frozen=True)
class DamagedCopies:
    """What all voters predict for damaged copies of the images.

    Attributes:
        rule: the damages, and which decisions must survive them.
        predictions: of the copies of all images, by the name of the damage.
    """

    rule: StabilityRule
    predictions: Mapping[str, Predictions]

    def check(self, decisions: DecisionCodes, rule: DecisionRule) -> CheckedDecisions:
        """Check decisions (n,) that a rule made; those of an operating point stay as they are.

        An operating point has its own thresholds for review, whose number of reviews may be guaranteed.
        """
        if not isinstance(rule, VotingRule):
            return CheckedDecisions(decisions, [None] * len(decisions))
        classes = next(iter(self.predictions.values())).classes
        return self.rule.apply(decisions, classes, lambda name, rows: rule.apply(self.predictions[name])[rows])

    def of_images(self, rows: NDArray[np.bool_]) -> DamagedCopies:
        """Keep the images where `rows` (n,) is true."""
        return replace(self, predictions={name: each.of_images(rows) for name, each in self.predictions.items()})

    def without(self, voter: str) -> DamagedCopies:
        """Leave out one voter's vote and probabilities."""
        return replace(self, predictions={name: each.without(voter) for name, each in self.predictions.items()})


def copies_table(copies: Mapping[str, LabelledLogits]) -> pl.DataFrame:
    """Put the scores of damaged copies of the images of one split into a table.

    Args:
        copies: what every voter scored on the copies, by the name of the damage.

    Returns:
        Columns damage, voter, image_id, split and a logit a class.
    """
    tables = []
    for damage, each in copies.items():
        ids, split = each.images["image_id"].to_list(), each.images["split"][0]
        for voter, logits in each.logits.items():
            table = score_table(ids, split, logits, each.classes.names)
            tables.append(table.with_columns(damage=pl.lit(damage), voter=pl.lit(voter)))
    return pl.concat(tables).select("damage", "voter", pl.exclude("damage", "voter"))


def no_copies(classes: Classes) -> pl.DataFrame:
    """The table of `copies_table` without rows."""
    texts = dict.fromkeys(("damage", "voter", "image_id", "split"), pl.String)
    return pl.DataFrame(schema=texts | dict.fromkeys(logit_columns(classes.names), pl.Float32))


def read_copies(path: Path, held: LabelledLogits, vote: Vote) -> DamagedCopies | None:
    """Read the damaged copies of the images of one split from `data/stability.parquet`.

    Args:
        path: the table, see `copies_table`.
        held: the scores of the images as they are.
        vote: the section `vote` of the parameters.

    Returns:
        What the voters of `held` predict for the copies; None for `stability: ignore`.

    Raises:
        FacesiftError: for a table that is missing or lacks an image.
    """
    rule = StabilityRule.of(vote)
    if rule is None:
        return None
    table = read_parquet(path, no_copies(held.classes).columns).filter(
        pl.col("split").is_in(held.images["split"].unique().implode())
    )
    predictions = {}
    for damage in rule.damages:
        scores = {voter: table.filter(pl.col("damage") == damage, pl.col("voter") == voter) for voter in held.logits}
        predictions[damage] = Predictions.of(label_logits(held.images, scores, held.classes).logits, held.classes)
    return DamagedCopies(rule, predictions)
