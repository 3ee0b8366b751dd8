"""How a bundle decides: its stacker, calibration, decision rule and stopping rule, ready for the decision engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facesift.bundle.card import STACKER_FILE, Card
from facesift.committee.calibration import Calibrator, prior_shift
from facesift.committee.decision import DecisionRule
from facesift.committee.ensemble import Ensemble
from facesift.committee.rules import RULES, Thresholds
from facesift.committee.stability import StabilityRule
from facesift.committee.stacking import load_stacker
from facesift.committee.stopping import Scale, StoppingPromise, StoppingRule
from facesift.core.errors import FacesiftError


def open_ensemble(  # noqa: PLR0913  one for each way to open it
    folder: Path,
    card: Card,
    rule: str | None = None,
    point: str | None = None,
    *,
    stop_early: bool = False,
    prevalence: float | None = None,
) -> Ensemble:
    """Set up how the bundle in `folder` decides.

    Args:
        folder: the bundle.
        card: its card.
        rule: a voting rule in place of the bundle's own.
        point: an operating point of the bundle in place of a voting rule.
        stop_early: with the bundle's stopping rule for this way to decide.
        prevalence: share of the positive class that probabilities are to hold for, in (0, 1); None: the card's.
            Thresholds move with the probabilities, so decisions stay.

    Returns:
        Everything between the members' logits and the decisions.

    Raises:
        FacesiftError: for both a rule and a point, for one that does not exist, for a stacker of other members or
            classes, and where the bundle has no stopping rule for this way to decide: also where decisions must
            survive damage, as it was fitted without that check.
    """
    if rule is not None and point is not None:
        raise FacesiftError(f"rule {rule} and point {point}: images are decided by one of them, give one")
    classes, fitted, moved = card.class_names, card.calibration, _moved(card, prevalence)
    return Ensemble(
        members=tuple(card.member_names),
        classes=classes,
        rule=_voting_rule(rule or card.rule) if point is None else _operating_point(card, point).moved(moved),
        stacker=load_stacker(folder / STACKER_FILE, card.member_names, classes.names),
        calibrator=Calibrator(fitted.temperature, fitted.bias + moved),
        stopping=_stopping(card, rule or card.rule, point) if stop_early else None,
        stability=_stability(card) if point is None else None,
    )


def _voting_rule(name: str) -> DecisionRule:
    if name not in RULES:
        raise FacesiftError(f"rule {name!r} is none; there are {', '.join(RULES)}")
    return RULES[name]


def _moved(card: Card, prevalence: float | None) -> float:
    """How far log-odds move from the card's share of the positive class to another."""
    if prevalence is None:
        return 0.0
    if not 0 < prevalence < 1:
        raise FacesiftError(f"prevalence {prevalence:g}: a share of images above 0 and below 1, such as 0.001")
    fitted = card.calibration.prevalence
    if card.calibration.method != "platt" or fitted is None:
        raise FacesiftError(
            f"prevalence {prevalence:g}: this bundle is calibrated by {card.calibration.method}, which knows no share "
            f"of {card.positive}; export it with calibration.method: platt"
        )
    return prior_shift(fitted, prevalence)


def _operating_point(card: Card, name: str) -> Thresholds:
    if name in card.not_offered:
        raise FacesiftError(f"point {name!r} is not offered by this bundle: {card.not_offered[name]}")
    if name not in card.points:
        raise FacesiftError(f"point {name!r} is none of this bundle; there are {', '.join(card.points) or 'none'}")
    return Thresholds(card.points[name].lo, card.points[name].hi)


def _stability(card: Card) -> StabilityRule | None:
    checked = card.stability
    return None if checked is None else StabilityRule(checked.mild_damage, checked.must_hold)


def _stopping(card: Card, rule: str, point: str | None) -> StoppingRule:
    """Take the card's stopping rule for a voting rule or an operating point."""
    if card.stability is not None and point is None:
        raise FacesiftError(
            f"no stopping rule for rule {rule}: this bundle sends decisions that flip under mild damage to review, and "
            "its stopping rules were fitted without that; ask all members, try --cascade, or decide by a --point"
        )
    fitted = card.stopping
    way = None if fitted is None else fitted.rules.get(rule) if point is None else fitted.points.get(point)
    if fitted is None or way is None or way.threshold is None:
        what = f"rule {rule}" if point is None else f"point {point}"
        why = "this bundle was made without one"
        if fitted is not None and way is not None:
            promise, found = StoppingPromise(fitted.risk, fitted.confidence), way.flagged
            surely = "" if fitted.confidence is None else f" and confidence {fitted.confidence:g}"
            why = f"at risk {fitted.risk:g}{surely} it takes two members and {promise.needed} validation images"
            why += " that they stop or refer"
            why += f", and there are {len(card.members)} and {found}"
        raise FacesiftError(f"no stopping rule for {what}: {why}; ask all members, or try --cascade")
    centre, spread = (np.array([each[name] for name in card.member_names]) for each in (fitted.centre, fitted.spread))
    return StoppingRule(Scale(centre, spread), way.threshold)


def stopping_record(card: Card, rule: str | None = None, point: str | None = None) -> str:
    """Say what the stopping rule for a way to decide promises, and what it passed among the test images.

    Args:
        card: of a bundle with a stopping rule for this way, see `open_ensemble`.
        rule: a voting rule in place of the bundle's own.
        point: an operating point in place of a voting rule.

    Returns:
        One sentence; empty where the card has no such rule.
    """
    fitted = card.stopping
    way = None if fitted is None else fitted.points.get(point) if point else fitted.rules.get(rule or card.rule)
    if fitted is None or way is None or way.threshold is None:
        return ""
    fakes = "" if way.test_fakes is None else f", with {way.test_fakes_passed} of {way.test_fakes} fakes among them"
    promised = StoppingPromise(fitted.risk, fitted.confidence).sentence()
    return (
        f"stopping early passed {way.test_passed} of {way.test_flagged} test images that all members together stop or "
        f"refer{fakes}; promised is: {promised}"
    )
