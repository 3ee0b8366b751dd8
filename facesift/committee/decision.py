"""From the members' logits to votes, a calibrated probability and a decision: the pipeline's arithmetic, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesift.bundle.card import STACKER as STACKER_FILE
from facesift.bundle.card import Card
from facesift.committee.calibration import Calibration, margins_of
from facesift.committee.rules import REVIEW, RULES, Decisions, Votes
from facesift.committee.stacker_file import load_stacker
from facesift.committee.stacking import Stacker, stack_features
from facesift.committee.stopping import Scale, Stopping, needed
from facesift.committee.thresholds import Policy
from facesift.core.classes import FAKE, Classes
from facesift.core.errors import FacesiftError
from facesift.core.scores import class_probabilities, votes_of

STACKER = "stacker"  # the last voter
MemberLogits = Mapping[str, NDArray[np.floating]]  # member -> (images, classes)


@dataclass(frozen=True)
class Verdict:
    """Decisions (n,), calibrated log-odds of the positive class (n,), and votes (n, voters), the stacker's last."""

    decisions: Decisions
    log_odds: NDArray[np.float64]
    votes: Votes


@dataclass(frozen=True)
class Jury:
    """How a committee decides: by a voting rule over all voters, or by a policy on the calibrated log-odds.

    `members` stand in voting order. With a `policy` the `rule` is not asked. `stopping` is for a committee that hears
    its members one after the other (`cascade`); `judge` hears all.
    """

    members: tuple[str, ...]
    classes: Classes
    stacker: Stacker
    calibration: Calibration
    rule: str
    policy: Policy | None = None
    stopping: Stopping | None = None

    @property
    def voters(self) -> tuple[str, ...]:
        """Names of the members, and the stacker's."""
        return (*self.members, STACKER)

    def voices(self, logits: MemberLogits) -> dict[str, NDArray[np.floating]]:
        """Logits (n, classes) of every voter: the members' as given, and what the stacker makes of them."""
        members = {name: logits[name] for name in self.members}
        # float32 as in the score table, so that the vote is that of the pipeline
        stacked = self.stacker.logits(stack_features(list(members.values()))).astype(np.float32)
        return members | {STACKER: stacked}

    def judge(self, logits: MemberLogits) -> Verdict:
        """Decide n images by the members' logits (n, classes)."""
        voices = self.voices(logits)
        votes = np.stack([votes_of(each, self.classes) for each in voices.values()], axis=1)
        log_odds = self.calibration.log_odds(margins_of(voices[STACKER], self.classes))
        if self.policy is None:
            probabilities = np.stack([class_probabilities(each) for each in voices.values()], axis=1)
            decisions = RULES[self.rule](votes, probabilities, self.classes)
        else:
            decisions = self._by_policy(self.policy, log_odds, voices[STACKER])
        return Verdict(decisions, log_odds, votes)

    def _by_policy(self, policy: Policy, log_odds: NDArray[np.float64], stacked: NDArray[np.floating]) -> Decisions:
        """Turn `not the positive class` into the likeliest of the others."""
        others = stacked.astype(np.float64)
        others[:, self.classes.number] = -np.inf
        said = policy.decide(log_odds)
        return np.where(said == FAKE, self.classes.number, np.where(said == REVIEW, REVIEW, others.argmax(axis=1)))


def make_jury(
    folder: Path, card: Card, rule: str | None = None, point: str | None = None, *, stop_early: bool = False
) -> Jury:
    """Set up how the bundle in `folder` decides; by its own rule unless a `rule` or an operating `point` is given.

    `stop_early`: with the bundle's stopping rule; `FacesiftError` where there is none for this way to decide.
    """
    if rule is not None and point is not None:
        raise FacesiftError(f"rule {rule} and point {point}: images are decided by one of them, give one")
    if rule is not None and rule not in RULES:
        raise FacesiftError(f"rule {rule!r} is none; there are {', '.join(RULES)}")
    if point is not None and point not in card.points:
        raise FacesiftError(f"point {point!r} is none of this bundle; there are {', '.join(card.points) or 'none'}")
    classes, fitted = card.class_names, card.calibration
    return Jury(
        members=tuple(card.member_names),
        classes=classes,
        stacker=load_stacker(folder / STACKER_FILE, card.member_names, classes.names),
        calibration=Calibration(fitted.temperature, fitted.bias),
        rule=rule or card.rule,
        policy=None if point is None else Policy(card.points[point].lo, card.points[point].hi),
        stopping=_stopping(card, rule or card.rule, point) if stop_early else None,
    )


def _stopping(card: Card, rule: str, point: str | None) -> Stopping:
    """Take the card's stopping rule for a voting rule or an operating point."""
    fitted = card.stopping
    way = None if fitted is None else fitted.rules.get(rule) if point is None else fitted.points.get(point)
    if fitted is None or way is None or way.threshold is None:
        what = f"rule {rule}" if point is None else f"point {point}"
        why = "this bundle was made without one"
        if fitted is not None and way is not None:
            least, found = needed(fitted.risk), way.flagged
            why = f"at risk {fitted.risk:g} it takes two members and {least} validation images that they stop or refer"
            why += f", and there are {len(card.members)} and {found}"
        raise FacesiftError(f"no stopping rule for {what}: {why}; ask all members, or try --cascade")
    centre, spread = (np.array([each[name] for name in card.member_names]) for each in (fitted.centre, fitted.spread))
    return Stopping(Scale(centre, spread), way.threshold)
