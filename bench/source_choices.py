"""Figures of every choice of `stack.sources` and `operating.sources`: on all test images, and within sources.

They need score tables alone. Everything is fitted and chosen on validation; the test split is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.calibration import Fakes, margins_of
from facesift.committee.decision import DecisionCodes, Predictions, decide
from facesift.committee.out_of_fold import out_of_fold
from facesift.committee.sources import mixed_sources, own_images
from facesift.committee.stacking import Features, fit_stacker, stack_features
from facesift.committee.threshold_selection import Selection, ValidationScores, select_thresholds
from facesift.config.committee import Operating, Stack
from facesift.config.params import Params
from facesift.core.bootstrap import bootstrap_rankings, percentile_interval
from facesift.core.scores import STACKER, LabelledLogits, class_probabilities
from facesift.evaluation.curves import areas
from facesift.evaluation.decision_report import count_decisions

POOLED = "all"  # where: all test images
STACK = get_args(Stack.model_fields["sources"].annotation)
OPERATING = get_args(Operating.model_fields["sources"].annotation)
FIGURES = ("recall", "caught", "review_rate")  # of a point, each with its interval

Logits = NDArray[np.float64]  # (images, classes), of the stacker
Rows = NDArray[np.bool_]  # (images,), those to look at


@dataclass(frozen=True)
class SplitScores:
    """What the stacker is fitted or measured on: n images of one split.

    Attributes:
        features: stacking features of the voting members (n, k).
        labels: class numbers (n,).
        fakes: 1 for the positive class, 0 for the rest, (n,).
        sources: names of the sources (n,).
        groups: near-duplicate groups (n,).
    """

    features: Features
    labels: NDArray[np.int64]
    fakes: Fakes
    sources: pl.Series
    groups: NDArray[np.integer]

    @classmethod
    def of(cls, held: LabelledLogits, params: Params) -> SplitScores:
        """Take the labels of a split and the stacking features of its voting members.

        Args:
            held: labels, and logits of all voting members.
            params: parameters of the study.

        Returns:
            The split's scores.
        """
        features = stack_features([held.logits[member] for member in params.voting])
        return cls(features, held.labels, held.positives, held.images["source"], held.groups)

    def places(self) -> dict[str, Rows]:
        """Return which images to look at, by name: all first, then each source that holds positives and others."""
        inside = {source: (self.sources == source).to_numpy() for source in mixed_sources(self.sources, self.fakes)}
        return {POOLED: np.full(len(self.labels), fill_value=True)} | inside


def compare(held: Mapping[str, LabelledLogits], params: Params) -> list[dict[str, Any]]:
    """Measure every pair of `stack.sources` and `operating.sources` on the logits of `val` and `test`.

    The stacker is fitted on validation, whatever `stack.fit_on` says.

    Args:
        held: logits of every voting member, by split.
        params: parameters of the study.

    Returns:
        One row for each pair and place: `stack`, `operating`, `where` (`all`, or a source), `images`, `fakes`; `auc`
        and `ap`, `auc_gain` and `ap_gain` over `stack: as_they_come` (paired bootstrap), each with `_interval`;
        `points`: by operating point `recall` (of the fakes that were decided), `caught` (review counts) and
        `review_rate`, each with `_interval`, and `false_alarms`.

    Raises:
        FacesiftError: validation has no source with fakes and others.
    """
    val, test = (SplitScores.of(held[split], params) for split in ("val", "test"))
    rows, places, first = [], test.places(), None
    for stack in STACK:
        logits = _stack(val, test, params.stack.model_copy(update={"sources": stack, "fit_on": "val"}), params)
        ranked = class_probabilities(logits["test"])[:, params.class_names.number]
        first = ranked if first is None else first
        rankings = {where: _ranking(test, place, ranked, first) for where, place in places.items()}
        for operating in OPERATING:
            choice = _choose(val, logits["val"], operating, params)
            predictions = Predictions.of({STACKER: logits["test"]}, params.class_names, choice.calibrator)
            decisions = {name: decide(predictions, point).decisions for name, point in choice.points.items()}
            for where, place in places.items():
                named = {"stack": stack, "operating": operating, "where": where}
                counts = {"images": int(place.sum()), "fakes": int(test.fakes[place].sum())}
                points = {name: _point(each[place], test.labels[place], params) for name, each in decisions.items()}
                rows.append(named | counts | rankings[where] | {"points": points})
    return rows


def _stack(val: SplitScores, test: SplitScores, spec: Stack, params: Params) -> dict[str, Logits]:
    """Logits of both splits by a stacker that is fitted on validation, where they are out-of-fold."""
    own, classes = own_images(val.sources, val.fakes), params.class_names
    stacker = fit_stacker(val.features, val.labels, spec, classes, own)
    return {
        "val": out_of_fold(val.features, val.labels, val.groups, spec, classes, own),
        "test": stacker.logits(test.features),
    }


def _choose(val: SplitScores, logits: Logits, operating: str, params: Params) -> Selection:
    seen = ValidationScores(margins_of(logits, params.class_names), val.fakes, val.groups, val.sources)
    chosen = params.operating.model_copy(update={"sources": operating})
    return select_thresholds(seen, params.model_copy(update={"operating": chosen}))


def _ranking(test: SplitScores, place: Rows, ranked: NDArray[np.float64], first: NDArray[np.float64]) -> dict[str, Any]:
    """AUC and average precision of scores in a place, and what they gain over the `first` scores."""
    fakes, groups = test.fakes[place], test.groups[place]
    found, before = (asdict(areas(fakes, scores[place])) for scores in (ranked, first))
    draws, draws_before = (bootstrap_rankings(fakes, scores[place], groups) for scores in (ranked, first))
    report: dict[str, Any] = {}
    for number, name in enumerate(found):
        now, then = found[name], before[name]
        report |= {
            name: now,
            f"{name}_interval": percentile_interval(draws[number]),
            f"{name}_gain": None if now is None or then is None else now - then,
            f"{name}_gain_interval": percentile_interval(draws[number] - draws_before[number]),
        }
    return report


def _point(decisions: DecisionCodes, labels: NDArray[np.int64], params: Params) -> dict[str, Any]:
    figures = count_decisions(labels, decisions, params.class_names).report()
    kept = {name: figures[name] for figure in FIGURES for name in (figure, f"{figure}_interval")}
    return kept | {"false_alarms": figures["fp"]}
