"""Leave-one-attack-out: what a committee of heads makes of a kind of fakes that it has never seen.

The committee is cross-fitted once with all fakes, and once without each kind: heads, stacker, calibrator and thresholds
see neither fakes of the kind nor, as in every fold, the images that they judge and their near-duplicates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.cross_fit import CrossFitted, FeatureTable, assign_folds, cross_fit
from facesift.committee.decision import REVIEW
from facesift.committee.folds import groups_of_classes
from facesift.committee.sources import own_images
from facesift.config.evaluation import LeaveOut
from facesift.config.params import Params
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted
from facesift.core.scores import STACKER, class_probabilities, labels_from
from facesift.evaluation.attack_kinds import FEWEST, Mask, against_reals, attack_kinds
from facesift.evaluation.comparison import compare_scores, judge_together
from facesift.evaluation.decision_errors import ErrorShare
from facesift.evaluation.standard_figures import too_few
from facesift.evaluation.standard_report import report_ranking

KEY = "evaluation.leave_out"


def report_leave_out(
    tables: Mapping[str, FeatureTable], truth: pl.DataFrame, facts: pl.DataFrame, params: Params, asked: LeaveOut
) -> dict[str, Any]:
    """Cross-fit the committee without each kind of fakes, and report its figures on that kind.

    Args:
        tables: the features by the `input` of the members.
        truth: image_id, split, source, label, group of all images, sorted by image_id.
        facts: image_id and `facesift.evaluation.attack_kinds.FACTS` of the manifest.
        params: the study's parameters.
        asked: how the fakes are divided into kinds, and the number of folds.

    Returns:
        `by`, `folds`, and `kinds`: of each kind its number of `fakes`, the fakes `learned_from` without it, and the
        `reason` why it is not left out. Else `left_out`: figures of the stacker that never saw the kind, on its fakes
        among the reals of their sources (`report_ranking`), and `learned`: those of the stacker that did; the `auc` of
        both compared; `apcer`: the share of its fakes that each rule and operating point misses, of both committees;
        `not_offered`: the operating points that the committee without the kind does not offer in every fold.

    Raises:
        FacesiftError: as `facesift.committee.cross_fit.cross_fit`, of the committee that learns from all fakes.
    """
    labels, groups = labels_from(truth, params.class_names), truth["group"].to_numpy()
    fakes = params.class_names.is_positive(labels)
    folds = assign_folds(labels, groups, asked.folds, params.seed, KEY)
    kinds = attack_kinds(truth, facts, fakes).get(asked.by, {})
    reasons = {name: _reason(kind, truth, folds, params) for name, kind in kinds.items()}
    learned = cross_fit(tables, truth, params, asked.folds) if None in reasons.values() else None
    report: dict[str, Any] = {"by": asked.by, "folds": asked.folds, "kinds": {}}
    for name, kind in kinds.items():
        entry = {"fakes": int(kind.sum()), "learned_from": int(fakes.sum() - kind.sum()), "reason": reasons[name]}
        if learned is not None and reasons[name] is None:
            try:
                entry |= _compare(cross_fit(tables, truth, params, asked.folds, kind), learned, kind)
            except FacesiftError as error:  # without this kind alone a fold lacks something: judge the others
                entry["reason"] = str(error)
        report["kinds"][name] = entry
    compared = [kind for kind in report["kinds"].values() if "auc" in kind]
    for kind, auc in zip(compared, judge_together([kind["auc"] for kind in compared]), strict=True):
        kind["auc"] = asdict(auc)
    return report


def _reason(kind: Mask, truth: pl.DataFrame, folds: NDArray[np.int64], params: Params) -> str | None:
    """Say why a kind cannot be left out: it is too small, or too few other fakes are left to fit the stacker on."""
    if small := too_few("fake", truth["group"].to_numpy()[kind], FEWEST):
        return small
    classes, needed = params.class_names, 2 if params.stack.fewer_folds else params.stack.folds  # see `choose_folds`
    counts = [_counted(truth.filter(pl.Series(~kind & (folds == fold))), params) for fold in np.unique(folds)]
    fewest = np.min(counts, axis=0)
    if fewest.min() >= needed:
        return None
    rarest = classes.number if fewest[classes.number] < needed else int(fewest.argmin())
    images = "other fakes" if rarest == classes.number else classes.names[rarest]
    where = "" if params.stack.sources == "as_they_come" else f" in sources that hold {classes.positive} and others"
    return f"a fold has {counted(fewest[rarest], 'group')} of {images}{where}; the stacker needs {needed} (stack.folds)"


def _counted(val: pl.DataFrame, params: Params) -> NDArray[np.int64]:
    """Count the groups of each class that count in the fit of the stacker on the images of a fold, (classes,)."""
    classes, labels = params.class_names, labels_from(val, params.class_names)
    rows = np.full(val.height, fill_value=True)
    if params.stack.sources != "as_they_come":
        rows = own_images(val["source"], classes.is_positive(labels))
    return groups_of_classes(labels[rows], val["group"].to_numpy()[rows], len(classes.names))


def _compare(left_out: CrossFitted, learned: CrossFitted, kind: Mask) -> dict[str, Any]:
    held, fitted = learned.held, {"left_out": left_out, "learned": learned}
    rows = against_reals(kind, held.images["source"], held.positives)
    fakes, groups, positive = held.positives[rows], held.groups[rows], held.classes.number
    scores = {name: class_probabilities(each.held.logits[STACKER])[rows, positive] for name, each in fitted.items()}
    report: dict[str, Any] = {name: report_ranking(fakes, each, groups) for name, each in scores.items()}
    report["auc"] = compare_scores(fakes, groups, [(scores["left_out"], scores["learned"])])[0].auc
    report["apcer"] = {
        rule: {name: asdict(_missed(each, rule, kind, positive)) for name, each in fitted.items()}
        for rule in learned.decisions
        if rule in left_out.decisions
    }
    report["not_offered"] = [rule for rule in learned.decisions if rule not in left_out.decisions]
    return report


def _missed(fitted: CrossFitted, rule: str, kind: Mask, positive: int) -> ErrorShare:
    decisions = fitted.decisions[rule][kind]
    return ErrorShare.of((decisions != positive) & (decisions != REVIEW), fitted.held.groups[kind])
