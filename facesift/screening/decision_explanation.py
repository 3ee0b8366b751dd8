"""Retells one logged decision in words: when, by what, by which votes and rule, and what would have changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facesift.bundle.card import Card, bundle_hash, read_card
from facesift.bundle.decision_words import point_in_words, probability_text, rule_in_words, share_text
from facesift.bundle.drift_reference import Reference, listed_reference
from facesift.committee.decision import REVIEW_NAME
from facesift.core.classes import Classes
from facesift.screening.counterfactuals import ruled, what_would_change
from facesift.screening.logged_decision import MOST, LoggedDecision, printable, read_logged


@dataclass(frozen=True)
class KnownBundle:
    """The bundle that a decision is compared with.

    Attributes:
        folder: where it is.
        card: its card.
        hash: see `bundle.card.bundle_hash`.
    """

    folder: Path
    card: Card
    hash: str

    @classmethod
    def of(cls, folder: Path) -> KnownBundle:
        """Read a bundle's card; `FacesiftError` where there is none."""
        return cls(folder, read_card(folder), bundle_hash(folder))

    @property
    def classes(self) -> Classes:
        """Its classes."""
        return self.card.class_names


def explain_decision(decisions: Path, image_id: str, bundle: Path) -> list[str]:
    """Retell the decision on an image.

    Args:
        decisions: a decisions table, as `facesift screen` writes it; it is not trusted.
        image_id: of the image, or its name in the table, or an end of the name that no other image has.
        bundle: folder of the bundle that is believed to have decided.

    Returns:
        Lines of text; all rows of the image, one after the other, if it is in the table more than once.

    Raises:
        FacesiftError: for a file that is no such table, an image that is not in it, and an impossible value.
    """
    known = KnownBundle.of(bundle)
    rows = read_logged(decisions, image_id, known.classes)
    lines = [] if len(rows) == 1 else [f"{len(rows)}{'+' if len(rows) == MOST else ''} rows are of this image.", ""]
    for row in rows:
        lines += [*retell(row, known), ""]
    return lines[:-1]


def retell(row: LoggedDecision, bundle: KnownBundle) -> list[str]:
    """Retell one row, see `explain_decision`."""
    lines = [*_image(row), *_origin(row, bundle)]
    if row.decision is None:
        return [*lines, f"It could not be scored, so there is no decision: {printable(row.reason or 'no reason')}."]
    return [
        *lines,
        "",
        *_voters(row, bundle.classes),
        *_probability(row, bundle.classes),
        *_rule(row, bundle.classes),
        "",
        *_outcome(row, bundle.classes),
        *_quality(row, bundle),
        "",
        "What would have changed it:",
        *(f"  {sentence}" for sentence in what_would_change(row, bundle.classes)),
    ]


def _image(row: LoggedDecision) -> list[str]:
    size = "" if row.width is None or row.height is None else f", {row.width:.0f} x {row.height:.0f} pixels"
    size += "" if row.bytes is None else f", {row.bytes:,.0f} bytes"
    name = "It has no id, as it could not be read." if row.image_id is None else f"Its id is {printable(row.image_id)}."
    return [f"Image {printable(row.image)}{size}.", name]


def _origin(row: LoggedDecision, bundle: KnownBundle) -> list[str]:
    when = "at a time that was not recorded" if row.time is None else f"at {printable(row.time)}"
    version = printable(row.facesift or "of an unknown version")
    lines = [f"Decided {when} by facesift {version} with the bundle {printable(row.bundle)}."]
    if row.bundle == bundle.hash:
        return [*lines, f"This bundle is {bundle.folder}, of the study {bundle.card.study}."]
    return [
        *lines,
        f"WARNING: {bundle.folder} is another bundle, {bundle.hash}. What follows is what the row says; only the",
        "names of the classes are taken from that other bundle.",
    ]


def _voters(row: LoggedDecision, classes: Classes) -> list[str]:
    """One line a voter, in columns."""
    width = max(len(printable(voter)) for voter in row.votes)
    lines = [f"Votes, and each voter's own probability of {classes.positive} (not calibrated):"]
    for voter, vote in row.votes.items():
        said = row.probabilities[voter]
        shown = "" if said is None else probability_text(said)
        lines.append(f"  {printable(voter):{width}}  {vote or 'not asked':10}  {shown}".rstrip())
    return lines


def _probability(row: LoggedDecision, classes: Classes) -> list[str]:
    if row.probability is None:
        return ["The calibrated probability is not known, as not all voters were asked."]
    known = f"where {share_text(row.prevalence)} of the images are" if row.prevalence else "at no known share of"
    return [
        f"Calibrated probability of {classes.positive}: {probability_text(row.probability)}.",
        f"It holds {known} {classes.positive}.",
    ]


def _rule(row: LoggedDecision, classes: Classes) -> list[str]:
    if row.point is None or row.lo is None or row.hi is None:
        return [f"Rule {row.rule}: {rule_in_words(row.rule, classes.positive)}."]
    others = [name for name in classes.names if name != classes.positive]
    other = others[0] if len(others) == 1 else "another class"
    return [f"Operating point {printable(row.point)}: {point_in_words(row.lo, row.hi, classes.positive, other)}."]


def _outcome(row: LoggedDecision, classes: Classes) -> list[str]:
    """The decision, why a person decides it, and whether it follows from the row's votes."""
    words = "sent to a person (review)" if row.decision == REVIEW_NAME else f"decided {row.decision}"
    lines, by_rule = [f"It was {words}."], ruled(row, classes)
    if row.reason is not None:
        lines.append(f"Reason: {printable(row.reason)}.")
        if by_rule is not None and row.decision == REVIEW_NAME != by_rule:
            lines.append(f"Without this reason it would have been decided {by_rule}.")
    elif by_rule is None and row.unasked and row.decision not in (classes.positive, REVIEW_NAME):
        lines.append("Not all voters were asked: the stopping rule passed it early, because its first scores were low.")
    elif row.unasked:
        lines.append("The votes that were not asked for could not have changed it.")
    wrong = by_rule is not None and by_rule != row.decision and not (row.reason and row.decision == REVIEW_NAME)
    if wrong:
        lines.append(f"WARNING: by this rule the row's votes and probabilities give {by_rule}. The row was changed.")
    return lines


def _quality(row: LoggedDecision, bundle: KnownBundle) -> list[str]:
    """Quality figures outside the middle 80 % of the test images, where the bundle is the one that decided."""
    measured = {name: value for name, value in row.quality.items() if value is not None}
    lines = ["Image quality: " + ", ".join(f"{name} {value:g}" for name, value in measured.items()) + "."]
    if row.photo is not None:
        lines.append(f"A bad photo: {printable(row.photo)}.")
    if row.bundle != bundle.hash:
        return lines
    warnings = quality_warnings(measured, listed_reference(bundle.folder, bundle.card), bundle.classes.positive)
    return lines + [f"Quality warning: {words}." for words in warnings]


def quality_warnings(measured: Mapping[str, float], reference: Reference, positive: str) -> list[str]:
    """Say which quality figures of an image are unlike those of the test images.

    Args:
        measured: the known ones of `images.quality.QUALITIES` by name.
        reference: of the bundle that decided the image.
        positive: the positive class.

    Returns:
        Words for each figure outside the middle 80 % of the test images of the other classes.
    """
    edges, found = _edges(reference), []
    for name, value in measured.items():
        low, high = edges.get(name, (float("-inf"), float("inf")))
        if value < low or value > high:
            side = f"lower than {low:g}" if value < low else f"higher than {high:g}"
            found.append(f"{name} is {side}, unlike nine in ten test images that are not {positive}")
    return found


def _edges(reference: Reference) -> dict[str, tuple[float, float]]:
    """First and last decile of each quality column."""
    return {
        name: (column["edges"][0], column["edges"][-1])
        for name, column in reference.get("columns", {}).items()
        if column["edges"]
    }
