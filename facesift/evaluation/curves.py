"""How well scores rank: AUC and average precision with intervals, and the curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.bootstrap import bootstrap_rankings, percentile_interval
from facesift.core.ranking import average_precision, precision_recall_curve, roc_auc, roc_curve

POINTS = 200  # points of a curve at most: short enough for git

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
    return Areas(roc_auc(labels, scores), average_precision(labels, scores))


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
        false_positive_rate, recall = roc_curve(labels, probabilities)
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
        false_positive_rate, recall = roc_curve(labels, probabilities)
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
        precision, recall = precision_recall_curve(labels, probabilities)
        points = pl.DataFrame({"recall": recall, "precision": precision})
        tables.append(_thin(points).select(pl.lit(voter).alias("voter"), pl.all()))
    return pl.concat(tables)


def _thin(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep at most `POINTS` rows, the ends among them, and number them: plots join them in this order."""
    rows = np.unique(np.linspace(0, len(frame) - 1, POINTS).round().astype(int))
    return frame[rows].with_row_index("row")
