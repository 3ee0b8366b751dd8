"""Asking the members one after the other, and no further than the decision can still change.

By a rule that counts votes, an image is decided when no votes that are still to come, the stacker's among them, could
change its decision: then it leaves the batch. So the decisions are those of the whole committee. What is not asked is
not known: such an image has no votes of the members behind, no stacker's vote and no probability.

Votes that agree decide nothing by `any_fake` and `unanimous`: an image on which all members agree costs as much as
ever, and so do most images where fakes are few. `majority` is decided when more than half of the voters agree.

A jury with a stopping rule (`stopping`) also passes images that scored low so far, whatever it decides by; those may be
decided otherwise than by the whole committee, with the risk that the rule was fitted for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.committee.calibration import margins_of
from facesift.committee.decision import Jury, MemberLogits, Verdict
from facesift.committee.rules import RULES, Decisions, Votes
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.scores import votes_of

COUNTING = ("any_fake", "majority", "unanimous")  # rules that look at votes alone, and at nobody's vote in particular
OPEN = -2  # beside the class numbers and REVIEW

Pixels = NDArray[np.generic]  # (images, ...), of any kind that is asked about
Ask = Callable[[Any, Sequence[str]], MemberLogits]  # the logits of the members named about such pixels


@dataclass(frozen=True)
class Hearing:
    """What came of asking about n images.

    Of `verdict` only the votes of those `heard` (n, voters) are known, and the log-odds where the stacker, the last
    voter, was heard. Where a score is not `finite` (n,), nothing is known.
    """

    verdict: Verdict
    heard: NDArray[np.bool_]
    finite: NDArray[np.bool_]


def hear_all(jury: Jury, logits: MemberLogits) -> Hearing:
    """Decide by what all members said: logits (n, classes) each."""
    finite = np.all([np.isfinite(each).all(axis=1) for each in logits.values()], axis=0)
    verdict = jury.judge({name: np.where(finite[:, None], each, 0) for name, each in logits.items()})
    return Hearing(verdict, np.full(verdict.votes.shape, fill_value=True), finite)


def check_cascade(jury: Jury) -> None:
    """Raise `FacesiftError` when the jury decides by more than the number of votes and has no stopping rule."""
    if jury.stopping is None and not counts_votes(jury):
        what = "an operating point" if jury.policy is not None else f"rule {jury.rule}"
        raise FacesiftError(
            f"cascade: {what} weighs the scores of all members, so no image is decided before the last one is asked; "
            f"rules that count votes: {', '.join(COUNTING)}; or let the bundle's stopping rule pass images early"
        )


def counts_votes(jury: Jury) -> bool:
    """Whether the jury decides by the number of votes alone."""
    return jury.policy is None and jury.rule in COUNTING


def hear_in_turn(jury: Jury, ask: Ask, pixels: Pixels) -> Hearing:
    """Ask the members in voting order about the images that are still open, and decide as the whole committee does.

    With a stopping rule, images whose scores are low are passed on the way, as the likeliest of the other classes.
    A score that is not finite ends the hearing of its image; one of a member that is not asked is not seen. The jury
    is one that `check_cascade` lets pass.
    """
    images, voters = len(pixels), len(jury.voters)
    verdict = Verdict(np.full(images, OPEN), np.full(images, np.nan), np.zeros((images, voters), np.int64))
    heard, finite = np.zeros((images, voters), np.bool_), np.full(images, fill_value=True)
    logits = {member: np.zeros((images, len(jury.classes.names)), np.float32) for member in jury.members}
    rows = np.arange(images)
    for column, member in enumerate(jury.members):
        logits[member][rows] = said = ask(pixels[rows], [member])[member]
        heard[rows, column], finite[rows] = True, np.isfinite(said).all(axis=1)
        verdict.votes[rows, column] = votes_of(said, jury.classes)
        last = column == len(jury.members) - 1
        verdict.decisions[rows] = _decide_so_far(jury, logits, verdict.votes, rows, column + 1)
        rows = rows[finite[rows] & (last | (verdict.decisions[rows] == OPEN))]
        if not len(rows):
            return Hearing(verdict, heard, finite)
    _fill(verdict, rows, jury.judge({member: each[rows] for member, each in logits.items()}))
    heard[rows, -1] = True  # the stacker costs nothing once all members have spoken
    return Hearing(verdict, heard, finite)


def _decide_so_far(jury: Jury, logits: MemberLogits, votes: Votes, rows: NDArray[np.intp], heard: int) -> Decisions:
    """Decisions of the `rows` after the first `heard` members; `OPEN` where more must be heard."""
    decisions = np.full(len(rows), OPEN)
    if counts_votes(jury):
        decisions = settled(jury.rule, votes[rows, :heard], len(jury.voters) - heard, jury.classes)
    if jury.stopping is None or heard == len(jury.members):
        return decisions
    said = [logits[member][rows] for member in jury.members[:heard]]
    low = jury.stopping.passes(np.stack([margins_of(each, jury.classes) for each in said], axis=1))
    others = np.mean(said, axis=0)
    others[:, jury.classes.number] = -np.inf
    return np.where(low & (decisions == OPEN), others.argmax(axis=1), decisions)


def settled(rule: str, votes: Votes, left: int, classes: Classes) -> Decisions:
    """Decisions (n,) by votes (n, k) of `COUNTING` rules that no `left` further votes change; `OPEN` elsewhere.

    It is enough to give all further votes to one class, and to try each: a class that could win with some of them also
    wins with all of them.

    >>> fake = Classes(("real", "fake"), "fake")
    >>> settled("any_fake", np.array([[0, 0], [0, 1]]), 3, fake).tolist()
    [-2, 1]
    >>> settled("majority", np.array([[0, 0, 0], [0, 0, 1]]), 2, fake).tolist()
    [0, -2]
    """
    ends = [
        RULES[rule](np.pad(votes, ((0, 0), (0, left)), constant_values=number), np.empty(0), classes)
        for number in range(len(classes.names))
    ]
    return np.where(np.all(np.array(ends) == ends[0], axis=0), ends[0], OPEN)


def _fill(verdict: Verdict, rows: NDArray[np.intp], part: Verdict) -> None:
    verdict.decisions[rows], verdict.log_odds[rows], verdict.votes[rows] = part.decisions, part.log_odds, part.votes
