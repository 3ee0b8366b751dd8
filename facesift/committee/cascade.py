"""The cascade: members are asked one after the other, until the decision can no longer change.

With a rule that counts votes, an image is decided once no votes that are still to come, the stacker's among them, could
change its decision. It then leaves the batch. So the decisions are those of the whole committee. What is not asked is
not known: such an image has no votes of the members behind, no stacker's vote and no probability.

Where fakes are few, most members agree on most images. Then `any_fake` and `unanimous` ask all of them, and `majority`
asks until more than half of the voters agree: 3 of 4 members, 4 of 6, 5 of 8. The command refuses a cascade that would
ask more than 1 in `WORTH` of them: asking members one by one has its cost, too. Even so it pays only for large members:
reading a file takes as long with it as without.

A stopping rule (`stopping`) also passes images that scored low so far, whatever the decision rule. The whole committee
might decide those otherwise; the stopping rule was fitted for that risk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facesift.committee.calibration import margins_of
from facesift.committee.decision import BatchDecisions, DecisionCodes, VoterLogits, Votes
from facesift.committee.ensemble import Ensemble
from facesift.committee.rules import RULES, VotingRule
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.scores import class_probabilities, votes_of

WORTH = 1.6  # times fewer members asked where they agree: about 1.5 times as fast, of which some is lost
OPEN = -2  # beside the class numbers and REVIEW: not decided yet

Ask = Callable[[Any, Sequence[str]], VoterLogits]  # the logits of the members named about some images


class ImageRows(Protocol):
    """Images of any kind that members are asked about; an array, for example."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> Any: ...


@dataclass(frozen=True)
class CascadeDecisions:
    """Decisions on n images about which not all voters were asked.

    Attributes:
        batch: decisions, votes, probabilities and log-odds; votes and probabilities are known where `asked`, log-odds
            where the stacker was asked.
        asked: whether the voter was asked about the image (n, voters), the stacker last.
        finite: whether all scores are numbers (n,); where not, nothing is known.
        flipped_by: damage that changed the decision to review, None for most (n,); None: decisions were not checked.
    """

    batch: BatchDecisions
    asked: NDArray[np.bool_]
    finite: NDArray[np.bool_]
    flipped_by: list[str | None] | None = None


def decide_at_once(ensemble: Ensemble, logits: VoterLogits) -> CascadeDecisions:
    """Decide n images by the logits (n, classes) of all members."""
    finite = np.all([np.isfinite(each).all(axis=1) for each in logits.values()], axis=0)
    batch = ensemble.decide({name: np.where(finite[:, None], each, 0) for name, each in logits.items()})
    return CascadeDecisions(batch, np.full(batch.votes.shape, fill_value=True), finite)


def check_cascade(ensemble: Ensemble) -> None:
    """Check that a cascade can decide before the last member is asked.

    Raises:
        FacesiftError: when the rule looks at scores and there is no stopping rule.
    """
    if ensemble.stopping is None and not ensemble.rule.counts_votes:
        voting = isinstance(ensemble.rule, VotingRule)
        what = f"rule {ensemble.rule.name}" if voting else f"an {ensemble.rule.name}"
        counting = ", ".join(name for name, rule in RULES.items() if rule.counts_votes)
        raise FacesiftError(
            f"cascade: {what} weighs the scores of all members, so no image is decided before the last one is asked; "
            f"rules that count votes: {counting}; or let the bundle's stopping rule pass images early"
        )


def check_worthwhile(ensemble: Ensemble) -> None:
    """Check that a cascade saves enough where members agree: most images, where fakes are few.

    Raises:
        FacesiftError: when there is no stopping rule, and too many of the members that agree are asked.
    """
    rule, members = ensemble.rule, len(ensemble.members)
    if ensemble.stopping is not None or not isinstance(rule, VotingRule):
        return
    asked = _asked_where_they_agree(rule, members, ensemble.classes)
    if members < WORTH * asked:
        raise FacesiftError(
            f"cascade: by rule {rule.name}, {asked} of {members} members that agree are asked, which is hardly faster "
            "than all at once, or slower: leave --cascade out, or let the bundle's stopping rule pass images early "
            "(--stop-early). By rule majority it pays for eight large members or more"
        )


def _asked_where_they_agree(rule: VotingRule, members: int, classes: Classes) -> int:
    """Count the members that are asked where all of them agree on another class than the positive one.

    >>> fake = Classes(("real", "fake"), "fake")
    >>> [_asked_where_they_agree(RULES["majority"], members, fake) for members in (2, 4, 6, 8)]
    [2, 3, 4, 5]
    >>> _asked_where_they_agree(RULES["any_fake"], 8, fake)
    8
    """
    other = next(number for number in range(len(classes.names)) if number != classes.number)
    for asked in range(1, members):
        votes = np.full((1, asked), other, np.int64)
        if settled(rule, votes, members + 1 - asked, classes)[0] != OPEN:  # the stacker votes, too
            return asked
    return members


def decide_in_turn(ensemble: Ensemble, ask: Ask, images: ImageRows) -> CascadeDecisions:
    """Ask the members in voting order about the images that are still open, and decide as the whole committee does.

    With a stopping rule, images whose scores are low are passed on the way, as the likeliest of the other classes.
    No further member is asked about an image with a score that is not finite.

    Args:
        ensemble: one that `check_cascade` accepts.
        ask: gives the logits of the members named about some of the images.
        images: n of them; `images[rows]` are some.

    Returns:
        The decisions, and who was asked about what.
    """
    count, voters = len(images), len(ensemble.voters)
    unknown = np.full((count, voters), np.nan)
    batch = BatchDecisions(np.full(count, OPEN), np.zeros((count, voters), np.int64), np.full(count, np.nan), unknown)
    asked, finite = np.zeros((count, voters), np.bool_), np.full(count, fill_value=True)
    logits = {member: np.zeros((count, len(ensemble.classes.names)), np.float32) for member in ensemble.members}
    rows = np.arange(count)
    for column, member in enumerate(ensemble.members):
        logits[member][rows] = said = ask(images[rows], [member])[member]
        asked[rows, column], finite[rows] = True, np.isfinite(said).all(axis=1)
        batch.votes[rows, column] = votes_of(said, ensemble.classes)
        known = np.where(finite[rows, None], said, 0)
        batch.probabilities[rows, column] = class_probabilities(known)[:, ensemble.classes.number]
        last = column == len(ensemble.members) - 1
        batch.decisions[rows] = _decide_so_far(ensemble, logits, batch.votes, rows, column + 1)
        rows = rows[finite[rows] & (last | (batch.decisions[rows] == OPEN))]
        if not len(rows):
            return CascadeDecisions(batch, asked, finite)
    _fill(batch, rows, ensemble.decide({member: each[rows] for member, each in logits.items()}))
    asked[rows, -1] = True  # the stacker costs nothing once all members have scored
    return CascadeDecisions(batch, asked, finite)


def _decide_so_far(
    ensemble: Ensemble, logits: VoterLogits, votes: Votes, rows: NDArray[np.intp], asked: int
) -> DecisionCodes:
    """Decisions of the `rows` after the first `asked` members; `OPEN` where more must be asked."""
    decisions, rule = np.full(len(rows), OPEN), ensemble.rule
    if isinstance(rule, VotingRule) and rule.counts_votes:
        decisions = settled(rule, votes[rows, :asked], len(ensemble.voters) - asked, ensemble.classes)
    if ensemble.stopping is None or asked == len(ensemble.members):
        return decisions
    said = [logits[member][rows] for member in ensemble.members[:asked]]
    low = ensemble.stopping.passes(np.stack([margins_of(each, ensemble.classes) for each in said], axis=1))
    others = np.mean(said, axis=0)
    others[:, ensemble.classes.number] = -np.inf
    return np.where(low & (decisions == OPEN), others.argmax(axis=1), decisions)


def settled(rule: VotingRule, votes: Votes, left: int, classes: Classes) -> DecisionCodes:
    """Find the decisions that no further votes can change.

    It is enough to give all further votes to one class, and to try each: a class that could win with some of them also
    wins with all of them.

    >>> fake = Classes(("real", "fake"), "fake")
    >>> settled(RULES["any_fake"], np.array([[0, 0], [0, 1]]), 3, fake).tolist()
    [-2, 1]
    >>> settled(RULES["majority"], np.array([[0, 0, 0], [0, 0, 1]]), 2, fake).tolist()
    [0, -2]

    Args:
        rule: one that counts votes.
        votes: the votes so far (n, k).
        left: how many votes are to come.
        classes: of the votes.

    Returns:
        Decisions (n,); `OPEN` where further votes could change them.
    """
    ends = [
        rule.combine(np.pad(votes, ((0, 0), (0, left)), constant_values=number), np.empty(0), classes)
        for number in range(len(classes.names))
    ]
    return np.where(np.all(np.array(ends) == ends[0], axis=0), ends[0], OPEN)


def _fill(batch: BatchDecisions, rows: NDArray[np.intp], part: BatchDecisions) -> None:
    batch.decisions[rows], batch.log_odds[rows], batch.votes[rows] = part.decisions, part.log_odds, part.votes
    batch.probabilities[rows] = part.probabilities
