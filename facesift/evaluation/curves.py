"""How well scores rank: AUC and average precision with intervals, curves, and the comparison of two scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from facesift.core.bootstrap import bootstrap_rankings, percentile_interval
from facesift.core.intervals import Interval

POINTS = 200  # points of a curve at most: short enough for git
FEWEST = 6  # groups of a class: with fewer not even a sign test over all of them reaches 5 %, whatever a bootstrap says

Labels = NDArray[np.int64]  # (n,), 1 for the positive class, 0 for the rest
Scores = NDArray[np.float64]  # (n,), higher for the positive class


@dataclass(frozen=True)
class Areas:
    """Areas under the curves of one score.

    Attributes:
        auc: area under the ROC curve, in [0, 1]; None when all labels are alike.
        ap: average precision, in [0, 1]; None when all labels are alike.
    """

    auc: float | None
    ap: float | None


def areas(labels: Labels, scores: Scores) -> Areas:
    """Compute the AUC and the average precision of a score.

    Args:
        labels: 0 or 1, (n,).
        scores: score of the positive class, (n,).

    Returns:
        Both areas.
    """
    if len(np.unique(labels)) < 2:
        return Areas(None, None)
    return Areas(float(roc_auc_score(labels, scores)), float(average_precision_score(labels, scores)))


def ranking(labels: Labels, probabilities: Scores, groups: NDArray[Any]) -> dict[str, Any]:
    """Compute the AUC and the average precision with their 95 % intervals, for a metrics file.

    Args:
        labels: 0 or 1, (n,).
        probabilities: score of the positive class, (n,).
        groups: near-duplicate groups (n,), which the bootstrap draws (see `facesift.core.bootstrap`).

    Returns:
        `auc`, `ap`, `auc_interval` and `ap_interval`; all None when all labels are alike.
    """
    found = asdict(areas(labels, probabilities))
    if found["auc"] is None:
        return found | {"auc_interval": None, "ap_interval": None}
    auc, ap = bootstrap_rankings(labels, probabilities, groups)
    return found | {"auc_interval": percentile_interval(auc), "ap_interval": percentile_interval(ap)}


def roc_points(labels: Labels, voters: Mapping[str, Scores]) -> pl.DataFrame:
    """Compute the ROC curve of every voter.

    Args:
        labels: 0 or 1, (n,).
        voters: score of the positive class (n,), by voter.

    Returns:
        Columns voter, row, false_positive_rate, recall; at most `POINTS` rows for each voter.
    """
    tables = []
    for voter, probabilities in voters.items():
        false_positive_rate, recall, _ = roc_curve(labels, probabilities)
        points = pl.DataFrame({"false_positive_rate": false_positive_rate, "recall": recall})
        tables.append(_thin(points).select(pl.lit(voter).alias("voter"), pl.all()))
    return pl.concat(tables)


def det_points(labels: Labels, voters: Mapping[str, Scores]) -> pl.DataFrame:
    """Compute the detection error trade-off (DET) curve of every voter (Martin et al. 1997).

    Args:
        labels: 0 or 1, (n,).
        voters: score of the positive class (n,), by voter.

    Returns:
        Columns voter, row, false_positive_rate (BPCER), miss_rate (APCER); at most `POINTS` rows for each voter. On
        probit axes, rates of 0 and 1 lie at infinity: charts draw them at their edge.
    """
    tables = []
    for voter, probabilities in voters.items():
        false_positive_rate, recall, _ = roc_curve(labels, probabilities)
        points = pl.DataFrame({"false_positive_rate": false_positive_rate, "miss_rate": 1 - recall})
        tables.append(_thin(points).select(pl.lit(voter).alias("voter"), pl.all()))
    return pl.concat(tables)


def precision_recall_points(labels: Labels, voters: Mapping[str, Scores]) -> pl.DataFrame:
    """Compute the precision-recall curve of every voter.

    Args:
        labels: 0 or 1, (n,).
        voters: score of the positive class (n,), by voter.

    Returns:
        Columns voter, row, recall, precision; at most `POINTS` rows for each voter.
    """
    tables = []
    for voter, probabilities in voters.items():
        precision, recall, _ = precision_recall_curve(labels, probabilities, drop_intermediate=True)
        points = pl.DataFrame({"recall": recall, "precision": precision})
        tables.append(_thin(points).select(pl.lit(voter).alias("voter"), pl.all()))
    return pl.concat(tables)


def _thin(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep at most `POINTS` rows, the ends among them, and number them: plots join them in this order."""
    rows = np.unique(np.linspace(0, len(frame) - 1, POINTS).round().astype(int))
    return frame[rows].with_row_index("row")


@dataclass(frozen=True)
class AreaComparison:
    """One area of two scores on the same images.

    Attributes:
        first: area of the first score; None where it is unknown.
        second: area of the second score.
        difference: first minus second.
        interval: 95 % interval of the difference.
        verdict: `better` when the whole interval is above zero and `worse` when it is below; `unknown` when all labels
            are alike.
    """

    first: float | None = None
    second: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    verdict: Literal["better", "worse", "not shown to be better", "unknown"] = "unknown"


@dataclass(frozen=True)
class ScoreComparison:
    """Which of two scores ranks the same images better.

    Attributes:
        auc: comparison of the areas under the ROC curve.
        ap: comparison of the average precisions.
        fewest_groups: near-duplicate groups of the class that has fewer.
    """

    auc: AreaComparison
    ap: AreaComparison
    fewest_groups: int

    def report(self) -> dict[str, Any]:
        """Figures for a metrics file."""
        return asdict(self)


def compare_scores(labels: Labels, groups: NDArray[Any], first: Scores, second: Scores) -> ScoreComparison:
    """Compare the AUC and the average precision of two scores on the same images by a paired bootstrap.

    Both scores are computed on the same draws of near-duplicate groups, so what makes a draw easy or hard cancels out
    (Efron and Tibshirani 1993). With fewer than `FEWEST` groups of a class, nothing is said to be better or worse.

    Args:
        labels: 0 or 1, (n,).
        groups: near-duplicate groups (n,).
        first: score of the positive class, (n,).
        second: the score to compare it with, (n,).

    Returns:
        The comparison, first minus second.
    """
    fewest = min(len(np.unique(groups[labels == label])) for label in (0, 1))
    if not fewest:
        return ScoreComparison(AreaComparison(), AreaComparison(), 0)
    found = [areas(labels, scores) for scores in (first, second)]
    drawn = [bootstrap_rankings(labels, scores, groups) for scores in (first, second)]
    auc = _compare_areas(found[0].auc, found[1].auc, drawn[0][0] - drawn[1][0])
    ap = _compare_areas(found[0].ap, found[1].ap, drawn[0][1] - drawn[1][1])
    if fewest < FEWEST:
        auc, ap = (replace(area, verdict="not shown to be better") for area in (auc, ap))
    return ScoreComparison(auc, ap, fewest)


def _compare_areas(first: float | None, second: float | None, differences: Scores) -> AreaComparison:
    interval = percentile_interval(differences)
    difference = None if first is None or second is None else first - second
    if interval and interval[0] > 0:
        return AreaComparison(first, second, difference, interval, "better")
    if interval and interval[1] < 0:
        return AreaComparison(first, second, difference, interval, "worse")
    return AreaComparison(first, second, difference, interval, "not shown to be better")
