"""Precision-recall and ROC curves of every voter, short enough for git and complete enough for the eye."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from facesift.core.bootstrap import bootstrap_rankings, percentile_interval

POINTS = 200  # at most so many points a curve


def areas(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> dict[str, float | None]:
    """Area under the ROC curve and average precision, each in [0, 1]; None when all labels (n,), 0 or 1, are alike."""
    if len(np.unique(labels)) < 2:
        return {"auc": None, "ap": None}
    return {"auc": float(roc_auc_score(labels, scores)), "ap": float(average_precision_score(labels, scores))}


def ranking(labels: NDArray[np.int64], probabilities: NDArray[np.float64], groups: NDArray) -> dict[str, Any]:
    """Both `areas` with their intervals (see `facesift.core.bootstrap`); None when all labels are alike.

    All arguments are (n,): labels 0 or 1, probabilities, near-duplicate groups.
    """
    found: dict[str, Any] = {**areas(labels, probabilities)}
    if found["auc"] is None:
        return found | {"auc_interval": None, "ap_interval": None}
    auc, ap = bootstrap_rankings(labels, probabilities, groups)
    return found | {"auc_interval": percentile_interval(auc), "ap_interval": percentile_interval(ap)}


def _thin(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep at most `POINTS` rows, the ends among them, and number them: plots join them in this order."""
    rows = np.unique(np.linspace(0, len(frame) - 1, POINTS).round().astype(int))
    return frame[rows].with_row_index("row")


def roc_points(labels: NDArray[np.int64], voters: Mapping[str, NDArray[np.float64]]) -> pl.DataFrame:
    """Columns voter, row, false_positive_rate, recall."""
    tables = []
    for voter, probabilities in voters.items():
        false_positive_rate, recall, _ = roc_curve(labels, probabilities)
        points = pl.DataFrame({"false_positive_rate": false_positive_rate, "recall": recall})
        tables.append(_thin(points).select(pl.lit(voter).alias("voter"), pl.all()))
    return pl.concat(tables)


def precision_recall_points(labels: NDArray[np.int64], voters: Mapping[str, NDArray[np.float64]]) -> pl.DataFrame:
    """Columns voter, row, recall, precision."""
    tables = []
    for voter, probabilities in voters.items():
        precision, recall, _ = precision_recall_curve(labels, probabilities, drop_intermediate=True)
        points = pl.DataFrame({"recall": recall, "precision": precision})
        tables.append(_thin(points).select(pl.lit(voter).alias("voter"), pl.all()))
    return pl.concat(tables)
