"""The stopping rule of a bundle: fitted on validation scores for each way to decide, its saving measured on test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesift.bundle.card import StoppingCard, StoppingWay
from facesift.committee.calibration import margins_of
from facesift.committee.cascade import hear_in_turn
from facesift.committee.decision import Jury, MemberLogits
from facesift.committee.rules import REVIEW, Decisions
from facesift.committee.stopping import Scale, Stopping, fit_threshold


def describe_stopping(
    rules: dict[str, Jury], points: dict[str, Jury], validation: MemberLogits, test: MemberLogits, risk: float
) -> StoppingCard:
    """Fit a threshold for every jury on the `validation` logits (n, classes) of the members, and try it on `test`.

    `risk`, in (0, 1): see `stopping.fit_threshold`. The juries are of the same members.
    """
    jury = next(iter(rules.values()))
    scale = Scale.of(_margins(jury, validation))

    def ways(juries: dict[str, Jury]) -> dict[str, StoppingWay]:
        return {name: _describe_way(each, scale, validation, test, risk) for name, each in juries.items()}

    return StoppingCard(
        risk=risk,
        centre=dict(zip(jury.members, scale.centre.tolist(), strict=True)),
        spread=dict(zip(jury.members, scale.spread.tolist(), strict=True)),
        rules=ways(rules),
        points=ways(points),
    )


def _describe_way(jury: Jury, scale: Scale, validation: MemberLogits, test: MemberLogits, risk: float) -> StoppingWay:
    flagged = _flagged(jury, jury.judge(validation).decisions)
    threshold = fit_threshold(scale, _margins(jury, validation)[flagged], risk)
    whole = jury.judge(test).decisions
    asked, decisions = len(whole) * len(jury.members), whole
    if threshold is not None:
        asked, decisions = _try_out(replace(jury, stopping=Stopping(scale, threshold)), test)
    of_test = _flagged(jury, whole)
    return StoppingWay(
        flagged=int(flagged.sum()),
        threshold=threshold,
        test_asked=asked,
        test_of=len(whole) * len(jury.members),
        test_flagged=int(of_test.sum()),
        test_passed=int((of_test & ~_flagged(jury, decisions)).sum()),
    )


def _try_out(jury: Jury, logits: MemberLogits) -> tuple[int, Decisions]:
    """How often members are asked, and the decisions (n,)."""

    def ask(rows: NDArray[np.generic], members: Sequence[str]) -> MemberLogits:
        return {member: logits[member][rows] for member in members}

    hearing = hear_in_turn(jury, ask, np.arange(len(logits[jury.members[0]])))
    return int(hearing.heard[:, : len(jury.members)].sum()), hearing.verdict.decisions


def _margins(jury: Jury, logits: MemberLogits) -> NDArray[np.floating]:
    return np.stack([margins_of(logits[member], jury.classes) for member in jury.members], axis=1)


def _flagged(jury: Jury, decisions: Decisions) -> NDArray[np.bool_]:
    """Whether an image is stopped or referred (n,)."""
    return (decisions == jury.classes.number) | (decisions == REVIEW)
