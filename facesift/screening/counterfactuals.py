"""What would have changed a decision: other votes, other probabilities, in words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from facesift.bundle.decision_words import probability_text
from facesift.committee.cascade import settled
from facesift.committee.decision import REVIEW, REVIEW_NAME, Probabilities, Votes
from facesift.committee.rules import RULES, VotingRule
from facesift.core.classes import Classes
from facesift.screening.logged_decision import LoggedDecision, printable

ROUNDING = 1e-7  # relative error of the probabilities in a table
NO_VOTES = np.empty((1, 0), np.int64)
EVEN = 0.5  # probability at which a vote turns, where there are two classes


def ruled(row: LoggedDecision, classes: Classes) -> str | None:
    """Decide again by what the row says, without images.

    Args:
        row: a scored one.
        classes: of the votes.

    Returns:
        A class, `review`, or None where the row does not tell enough: not all voters were asked, the rule weighs the
        probabilities of more than two classes, or a probability or their mean is too near to a threshold to tell
        after rounding.
    """
    if row.point is not None:
        return _by_thresholds(row, classes)
    rule = RULES[row.rule]
    if rule.counts_votes:
        numbers = [classes.names.index(vote) for vote in row.votes.values() if vote is not None]
        (code,) = settled(rule, np.array([numbers], np.int64).reshape(1, -1), len(row.unasked), classes)
        return _name(int(code), classes)
    known = [value for value in row.probabilities.values() if value is not None]
    if len(known) < len(row.votes) or len(classes.names) > 2:
        return None
    if abs(sum(known) / len(known) - EVEN) <= ROUNDING:
        return None  # too close to tell after rounding
    return _name(int(rule.combine(NO_VOTES, _of_two(known, classes), classes)[0]), classes)


def _by_thresholds(row: LoggedDecision, classes: Classes) -> str | None:
    if row.probability is None or row.lo is None or row.hi is None:
        return None
    for end in (row.lo, row.hi):
        if abs(row.probability - end) <= ROUNDING * end:
            return None  # too close to tell after rounding
    if row.probability < row.lo:
        others = [name for name in classes.names if name != classes.positive]
        return others[0] if len(others) == 1 else None
    return classes.positive if row.probability >= row.hi else REVIEW_NAME


def _of_two(positive: list[float], classes: Classes) -> Probabilities:
    """Probabilities (1, voters, 2) of both classes, from those of the positive one."""
    both = np.array([[1 - value, value] for value in positive])
    return (both if classes.number else both[:, ::-1])[None]


def _name(code: int, classes: Classes) -> str | None:
    if code == REVIEW:
        return REVIEW_NAME
    return classes.names[code] if code >= 0 else None  # OPEN: not settled


def what_would_change(row: LoggedDecision, classes: Classes) -> list[str]:
    """Say what else the voters would have had to say for another decision.

    Args:
        row: a scored one.
        classes: of the votes.

    Returns:
        Sentences; at least one.
    """
    if row.point is not None:
        return list(_other_side(row, classes)) or ["The image was passed before its probability was known."]
    if row.unasked:
        names = ", ".join(map(printable, row.unasked))
        return [f"How far it was from another decision is not known, as these were not asked: {names}."]
    rule = RULES[row.rule]
    found = _by_votes(row, rule, classes) if rule.counts_votes else _by_mean(row, classes)
    return list(found) or ["No other votes would have changed it."]


def _other_side(row: LoggedDecision, classes: Classes) -> Iterator[str]:
    """Sentences about the thresholds that the probability did not reach, or reached."""
    value, lo, hi = row.probability, row.lo, row.hi
    if value is None or lo is None or hi is None:
        return
    was = f"it was {probability_text(value)}"
    others = [name for name in classes.names if name != classes.positive]
    other = others[0] if len(others) == 1 else "another class"
    if value < hi < 1:
        yield f"For {classes.positive}, the probability would have had to be at least {probability_text(hi)}; {was}."
    if value >= lo > 0:
        yield f"For {other}, the probability would have had to be below {probability_text(lo)}; {was}."
    if lo < hi and (value < lo or value >= hi):
        ends = f"from {probability_text(lo)} to {probability_text(hi)}"
        yield f"For a person to decide, the probability would have had to be {ends}; {was}."


def _by_votes(row: LoggedDecision, rule: VotingRule, classes: Classes) -> Iterator[str]:
    """Sentences about the fewest votes that lead to each other decision."""
    votes = np.array([classes.names.index(vote) for vote in row.votes.values() if vote is not None])
    now, told = ruled(row, classes), set[str | None]()
    for number, target in product(range(1, len(votes) + 1), range(len(classes.names))):
        if number > (votes != target).sum():
            continue
        changed = votes.copy()
        changed[_nearest(row, votes, target, classes)[:number]] = target
        outcome = _name(int(rule.combine(changed[None], np.empty(0), classes)[0]), classes)
        if outcome == now or outcome in told:
            continue
        told.add(outcome)
        have, name = int((votes == target).sum()), classes.names[target]
        yield (
            f"With {number} more {'vote' if number == 1 else 'votes'} for {name} ({have + number} of {len(votes)} "
            f"instead of {have}) it would have been {_outcome(outcome)}."
        )
        if number == 1 and len(classes.names) == 2:
            yield _closest(row, _nearest(row, votes, target, classes)[0], name, classes)


def _nearest(row: LoggedDecision, votes: Votes, target: int, classes: Classes) -> list[int]:
    """Voters that do not vote for `target`: of the class with most votes first, those nearest to it before others."""
    said = list(row.probabilities.values())
    sign = -1 if target == classes.number else 1
    counts = np.bincount(votes, minlength=len(classes.names))
    others = [voter for voter, vote in enumerate(votes) if vote != target]
    return sorted(others, key=lambda voter: (-counts[votes[voter]], sign * (said[voter] or 0.0)))


def _closest(row: LoggedDecision, voter: int, name: str, classes: Classes) -> str:
    who, said = list(row.probabilities.items())[voter]
    if said is None:
        return f"{printable(who)} was closest."
    side = f"from {EVEN} on" if name == classes.positive else f"below {EVEN}"
    return (
        f"Closest was {printable(who)}: its probability of {classes.positive} is {probability_text(said)}, and it "
        f"votes for {name} {side}."
    )


def _by_mean(row: LoggedDecision, classes: Classes) -> Iterator[str]:
    """Sentences about the mean of all voters' probabilities, and about one voter that alone would have turned it."""
    if len(classes.names) > 2:
        yield "What would have changed it is not known: the table has the probability of one class alone."
        return
    said = {voter: value for voter, value in row.probabilities.items() if value is not None}
    mean = sum(said.values()) / len(said)
    (other,) = (name for name in classes.names if name != classes.positive)
    side = f"below {EVEN} for {other}" if mean >= EVEN else f"at least {EVEN} for {classes.positive}"
    yield f"The mean probability of {classes.positive} is {probability_text(mean)}; it would have had to be {side}."
    needed = {voter: value + len(said) * (EVEN - mean) for voter, value in said.items()}
    alone = [voter for voter, value in needed.items() if 0 <= value <= 1]
    if not alone:
        yield "No voter alone could have turned it."
    for voter in alone[:3]:
        change = f"{probability_text(needed[voter])} instead of {probability_text(said[voter])}"
        yield f"{printable(voter)} alone would have turned it with {change}."


def _outcome(decision: str | None) -> str:
    return "sent to a person (review)" if decision == REVIEW_NAME else f"decided {decision}"
