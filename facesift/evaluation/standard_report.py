"""The standard figures of one split as metrics/standard.json holds them: by voter, source, kind of attack and rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.rules import RULES
from facesift.core.scores import STACKER
from facesift.evaluation.attack_kinds import Kinds, against_reals, attack_kinds
from facesift.evaluation.curves import ranking
from facesift.evaluation.decision_errors import report_errors
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.evaluation.standard_figures import report_standard

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]


def report_predictions(predicted: LabelledPredictions, facts: pl.DataFrame) -> dict[str, Any]:
    """Report all standard figures of one split.

    Args:
        predicted: what every voter predicts for the images of the split.
        facts: image_id and `facesift.evaluation.attack_kinds.FACTS` of the manifest.

    Returns:
        Numbers of `fakes` and `reals`; `voters`: the standard figures of each voter on all images; `within`: those of
        the stacker inside each source that holds fakes and reals, with their numbers; `kinds`: those of the stacker for
        each kind of attack (`report_kinds`); `decisions`: error rates (`report_errors`) of `rules`, each voting
        rule, and of `voters`, each voter's own vote for the more probable class.
    """
    scores, fakes = predicted.positive_probabilities(), predicted.positives
    kinds = attack_kinds(predicted.images, facts, fakes)
    decided = {
        "rules": {name: predicted.decide(rule) for name, rule in RULES.items()},
        "voters": {voter: predicted.votes[:, column] for column, voter in enumerate(predicted.voters)},
    }
    groups = predicted.images["group"].to_numpy()
    return {
        **_counts(fakes),
        "voters": {voter: report_standard(fakes, each, groups) for voter, each in scores.items()},
        "within": {source: _inside(predicted.within(source)) for source in predicted.mixed_sources()},
        "kinds": report_kinds(kinds, predicted.images, fakes, scores[STACKER]),
        "decisions": {
            who: {
                name: report_errors(predicted.labels, codes, predicted.classes, kinds, groups)
                for name, codes in each.items()
            }
            for who, each in decided.items()
        },
    }


def _inside(predicted: LabelledPredictions) -> dict[str, Any]:
    """Figures of the stacker on the images of one source."""
    scores, fakes = predicted.positive_probabilities()[STACKER], predicted.positives
    return _counts(fakes) | report_standard(fakes, scores, predicted.images["group"].to_numpy())


def _counts(fakes: Labels) -> dict[str, int]:
    return {"fakes": int(fakes.sum()), "reals": int((fakes == 0).sum())}


def report_ranking(fakes: Labels, scores: Scores, groups: NDArray[Any]) -> dict[str, Any]:
    """Report how well a score ranks: AUC, average precision, and the standard figures, with intervals.

    Args:
        fakes: 1 for fakes, 0 for others, (n,).
        scores: higher for fakes, (n,).
        groups: near-duplicate groups (n,).

    Returns:
        Numbers of `fakes` and `reals`, the keys of `facesift.evaluation.curves.ranking`, and `standard`.
    """
    figures = {"standard": report_standard(fakes, scores, groups)}
    return _counts(fakes) | ranking(fakes, scores, groups) | figures


def report_kinds(kinds: Kinds, images: pl.DataFrame, fakes: Labels, scores: Scores) -> dict[str, Any]:
    """Report how well a score ranks each kind of attack among the reals of its own sources.

    Args:
        kinds: the fakes of each kind, (n,) each.
        images: source and group of each image (n,).
        fakes: 1 for fakes, 0 for others, (n,).
        scores: higher for fakes, (n,).

    Returns:
        By dimension and kind what `report_ranking` gives.
    """
    groups = images["group"].to_numpy()
    report: dict[str, Any] = {dimension: {} for dimension in kinds}
    for dimension, each in kinds.items():
        for name, kind in each.items():
            rows = against_reals(kind, images["source"], fakes)
            report[dimension][name] = report_ranking(fakes[rows], scores[rows], groups[rows])
    return report
