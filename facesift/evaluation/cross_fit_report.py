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
from facesift.evaluation.curves import ranking
from facesift.evaluation.decision_report import count_decisions

FALSE_POSITIVES = (0.01, 0.05, 0.1)  # rates at which the recall is reported

Scores = NDArray[np.float64]


def report_cross_fit(fitted: CrossFitted, facts: pl.DataFrame) -> dict[str, Any]:
    """Report a cross-fitted committee.

    Args:
        fitted: scores and decisions of all n images.
        facts: image_id and, of the manifest, `difficulty` of each image.

    Returns:
        `images`, `fakes` and `folds`; `voters`: AUC, average precision and the recall at some false positive rates of
        each member and of the stacker; `rules`: counts and figures of every voting rule and operating point; `within`:
        the stacker inside each source that holds fakes and others; `difficulty`: the stacker on the fakes of one
        difficulty against all other images of their sources; `pairs`: how often a fake scores above its own original.
    """
    held, classes, fakes = fitted.held, fitted.held.classes, fitted.held.positives
    scores = {voter: class_probabilities(each)[:, classes.number] for voter, each in held.logits.items()}
    inside = {name: (held.images["source"] == name).to_numpy() for name in mixed_sources(held.images["source"], fakes)}
    return {
        "images": len(fakes),
        "fakes": int(fakes.sum()),
        "folds": int(fitted.folds.max()) + 1,
        "voters": {voter: _ranked(fakes, each, held.groups) for voter, each in scores.items()},
        "rules": {
            name: count_decisions(held.labels, codes, classes, held.groups).report()
            for name, codes in fitted.decisions.items()
        },
        "within": {
            source: _ranked(fakes[rows], scores[STACKER][rows], held.groups[rows]) for source, rows in inside.items()
        },
        "difficulty": _by_difficulty(fitted, scores[STACKER], facts),
        "pairs": count_pairs(held.groups, fakes, scores[STACKER]),
    }


def _ranked(fakes: NDArray[np.int64], scores: Scores, groups: NDArray[np.integer]) -> dict[str, Any]:
    recalls = {f"recall_at_{rate:g}": recall_at(fakes, scores, rate) for rate in FALSE_POSITIVES}
    return ranking(fakes, scores, groups) | recalls


def recall_at(fakes: NDArray[np.int64], scores: Scores, rate: float) -> float | None:
    """Compute the recall at the lowest threshold with at most a share `rate` of false positives.

    Args:
        fakes: 1 for fakes, 0 for others, (n,).
        scores: higher for fakes, (n,).
        rate: highest share of the others that score at or above the threshold.

    Returns:
        Share of the fakes at or above the threshold, in [0, 1]; None without fakes or others.

    >>> recall_at(np.array([0, 0, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.8, 0.5, 0.9]), 0.25)
    1.0
    >>> recall_at(np.array([0, 0, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.8, 0.5, 0.9]), 0.0)
    0.5
    """
    others = np.sort(scores[fakes == 0])[::-1]
    if not len(others) or not (fakes == 1).any():
        return None
    allowed = int(np.floor(rate * len(others) + 1e-9))
    bound = others[allowed] if allowed < len(others) else -np.inf  # this one may not be flagged
    return float((scores[fakes == 1] > bound).mean())


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


def _by_difficulty(fitted: CrossFitted, scores: Scores, facts: pl.DataFrame) -> dict[str, Any]:
    held = fitted.held
    values = held.images.join(facts, on="image_id", how="left", maintain_order="left")["difficulty"]
    found = {}
    for value in sorted(values.drop_nulls().unique()):
        chosen = (values == value).fill_null(value=False).to_numpy()
        sources = held.images.filter(pl.Series(chosen))["source"].unique()
        rows = chosen | (held.images["source"].is_in(sources.implode()).to_numpy() & (held.positives == 0))
        found[str(value)] = _ranked(held.positives[rows], scores[rows], held.groups[rows])
    return found
