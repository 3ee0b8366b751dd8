"""Figures of a cross-fitted committee: over all images of the study, each judged by a committee that never saw it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.cross_fit import CrossFitted
from facesift.committee.sources import mixed_sources
from facesift.core.intervals import clopper_pearson, design_effect_of
from facesift.core.scores import STACKER, class_probabilities
from facesift.evaluation.attack_kinds import attack_kinds
from facesift.evaluation.decision_report import count_decisions
from facesift.evaluation.standard_report import report_kinds, report_ranking

Scores = NDArray[np.float64]


def report_cross_fit(fitted: CrossFitted, facts: pl.DataFrame) -> dict[str, Any]:
    """Report a cross-fitted committee.

    Args:
        fitted: scores and decisions of all n images.
        facts: image_id and `facesift.evaluation.attack_kinds.FACTS` of the manifest.

    Returns:
        `images`, `fakes` and `folds`; `voters`: AUC, average precision and the standard figures of each member and of
        the stacker (`report_ranking`); `rules`: counts and figures of every voting rule and operating point; `within`:
        the stacker inside each source that holds fakes and others; `kinds`: the stacker on each kind of fakes against
        the reals of their sources (`report_kinds`); `pairs`: how often a fake scores above its own original.
    """
    held, classes, fakes = fitted.held, fitted.held.classes, fitted.held.positives
    scores = {voter: class_probabilities(each)[:, classes.number] for voter, each in held.logits.items()}
    inside = {name: (held.images["source"] == name).to_numpy() for name in mixed_sources(held.images["source"], fakes)}
    return {
        "images": len(fakes),
        "fakes": int(fakes.sum()),
        "folds": int(fitted.folds.max()) + 1,
        "voters": {voter: report_ranking(fakes, each, held.groups) for voter, each in scores.items()},
        "rules": {
            name: count_decisions(held.labels, codes, classes, held.groups).report()
            for name, codes in fitted.decisions.items()
        },
        "within": {
            source: report_ranking(fakes[rows], scores[STACKER][rows], held.groups[rows])
            for source, rows in inside.items()
        },
        "kinds": report_kinds(attack_kinds(held.images, facts, fakes), held.images, fakes, scores[STACKER]),
        "pairs": count_pairs(held.groups, fakes, scores[STACKER]),
    }


def count_pairs(groups: NDArray[np.integer], fakes: NDArray[np.int64], scores: Scores) -> dict[str, Any]:
    """Count how often a fake scores above a real image of its own group: the photo that it was made from.

    Args:
        groups: of near-duplicates (n,).
        fakes: 1 for fakes, 0 for others, (n,).
        scores: higher for fakes, (n,).

    Returns:
        `pairs`, `fake_above` and their `share` with its interval; None without pairs.
    """
    above, total, sizes = 0, 0, []
    for group in np.intersect1d(groups[fakes == 1], groups[fakes == 0]):
        rows = groups == group
        high, low = scores[rows & (fakes == 1)], scores[rows & (fakes == 0)]
        above += int((high[:, None] > low[None]).sum())
        total += len(high) * len(low)
        sizes.append(len(high) * len(low))
    share, effect = above / total if total else None, design_effect_of(np.repeat(np.arange(len(sizes)), sizes))
    interval = clopper_pearson(above, total, design_effect=effect)
    return {"pairs": total, "fake_above": above, "share": share, "share_interval": interval}
