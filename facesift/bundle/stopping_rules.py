"""The bundle's stopping rules: fitted on validation scores for each way to decide, their saving measured on test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesift.bundle.card_parts import StoppingCard, StoppingWay
from facesift.committee.calibration import margins_of
from facesift.committee.cascade import decide_in_turn
from facesift.committee.decision import REVIEW, DecisionCodes, VoterLogits
from facesift.committee.ensemble import Ensemble
from facesift.committee.stopping import Scale, StoppingPromise, StoppingRule, fit_threshold
from facesift.core.scores import LabelledLogits


def describe_stopping(
    rules: Mapping[str, Ensemble],
    points: Mapping[str, Ensemble],
    validation: LabelledLogits,
    test: LabelledLogits,
    promise: StoppingPromise,
) -> StoppingCard:
    """Fit a stopping threshold for every way to decide on validation, and measure it on test.

    Args:
        rules: the committee with each voting rule.
        points: the same committee with each operating point.
        validation: what the members say of the validation images; groups of near-duplicates count once.
        test: the same of the test images; labels count the fakes among those that are passed.
        promise: how many flagged images may be passed early, and how surely.

    Returns:
        The card's entry, with what the rule saves and passes among the test images.
    """
    ensemble = next(iter(rules.values()))
    scale = Scale.of(_margins(ensemble, validation.logits))

    def ways(ensembles: Mapping[str, Ensemble]) -> dict[str, StoppingWay]:
        return {name: _describe_way(each, scale, validation, test, promise) for name, each in ensembles.items()}

    return StoppingCard(
        risk=promise.risk,
        confidence=promise.confidence,
        centre=dict(zip(ensemble.members, scale.centre.tolist(), strict=True)),
        spread=dict(zip(ensemble.members, scale.spread.tolist(), strict=True)),
        rules=ways(rules),
        points=ways(points),
    )


def _describe_way(
    ensemble: Ensemble, scale: Scale, validation: LabelledLogits, test: LabelledLogits, promise: StoppingPromise
) -> StoppingWay:
    flagged = _flagged(ensemble, ensemble.decide(validation.logits).decisions)
    groups = validation.groups[flagged]
    threshold = fit_threshold(scale, _margins(ensemble, validation.logits)[flagged], promise, groups)
    whole = ensemble.decide(test.logits).decisions
    asked, decisions = len(whole) * len(ensemble.members), whole
    if threshold is not None:
        asked, decisions = _try_out(replace(ensemble, stopping=StoppingRule(scale, threshold)), test.logits)
    of_test, fakes = _flagged(ensemble, whole), test.positives == 1
    passed = of_test & ~_flagged(ensemble, decisions)
    return StoppingWay(
        flagged=len(np.unique(groups)),
        threshold=threshold,
        test_asked=asked,
        test_of=len(whole) * len(ensemble.members),
        test_flagged=int(of_test.sum()),
        test_passed=int(passed.sum()),
        test_fakes=int((of_test & fakes).sum()),
        test_fakes_passed=int((passed & fakes).sum()),
    )


def _try_out(ensemble: Ensemble, logits: VoterLogits) -> tuple[int, DecisionCodes]:
    """How often members are asked, and the decisions (n,)."""

    def ask(rows: NDArray[np.generic], members: Sequence[str]) -> VoterLogits:
        return {member: logits[member][rows] for member in members}

    found = decide_in_turn(ensemble, ask, np.arange(len(logits[ensemble.members[0]])))
    return int(found.asked[:, : len(ensemble.members)].sum()), found.batch.decisions


def _margins(ensemble: Ensemble, logits: VoterLogits) -> NDArray[np.floating]:
    return np.stack([margins_of(logits[member], ensemble.classes) for member in ensemble.members], axis=1)


def _flagged(ensemble: Ensemble, decisions: DecisionCodes) -> NDArray[np.bool_]:
    """Whether an image is stopped or referred (n,)."""
    return (decisions == ensemble.classes.number) | (decisions == REVIEW)
