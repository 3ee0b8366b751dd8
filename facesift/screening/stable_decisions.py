"""Decides images of a batch and checks on damaged copies whether the decisions hold, as the pipeline's vote does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesift.bundle.inputs import MemberInputs
from facesift.committee.cascade import OPEN, CascadeDecisions
from facesift.committee.decision import REVIEW, DecisionCodes
from facesift.committee.ensemble import Ensemble
from facesift.images.damage import corrupt

Decide = Callable[[MemberInputs], CascadeDecisions]


def decide_stably(
    decide: Decide, ensemble: Ensemble, inputs: MemberInputs, image_ids: Sequence[str]
) -> CascadeDecisions:
    """Decide images, and damaged copies of them where the ensemble's decisions must survive damage.

    Args:
        decide: decides images, at once or in turn.
        ensemble: has the stability rule; without one the images alone are decided.
        inputs: what the members see of n images; no heads, whose views are cut from whole images.
        image_ids: their ids (n,), from which random damage is drawn.

    Returns:
        The decisions; review where one flips, and where the scores of a copy are not finite.
    """
    found, rule = decide(inputs), ensemble.stability
    if rule is None:
        return found

    def decide_copies(name: str, rows: NDArray[np.intp]) -> DecisionCodes:
        damaged = corrupt(inputs.pixels[rows], [image_ids[row] for row in rows], rule.damages[name])
        copies = decide(MemberInputs(damaged))
        return np.where(copies.finite, copies.batch.decisions, OPEN)

    known = np.where(found.finite, found.batch.decisions, REVIEW)  # without scores there is nothing to check
    checked = rule.apply(known, ensemble.classes, decide_copies)
    return replace(found, batch=replace(found.batch, decisions=checked.decisions), flipped_by=checked.flipped_by)
