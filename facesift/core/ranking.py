"""Ranking curves of binary labels: ROC, precision and recall, and the areas under them, without scikit-learn.

The figures are those of `sklearn.metrics`, bit by bit (a test compares them). Importing it takes a second, which each
stage that needs these four functions would wait.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]  # (n,), 1 for the positive class, 0 for the rest; both are there
Scores = NDArray[np.float64]  # (n,), higher for the positive class
Values = NDArray[np.float64]


class RocCurve(NamedTuple):
    """Points of an ROC curve, from (0, 0) to (1, 1); those on a straight line between others are left out."""

    false_positive_rate: Values
    recall: Values


class PrecisionRecallCurve(NamedTuple):
    """Points of a precision-recall curve, from the lowest threshold to recall 0."""

    precision: Values
    recall: Values


def roc_curve(labels: Labels, scores: Scores) -> RocCurve:
    """Compute the ROC curve.

    >>> roc_curve(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4])).recall.tolist()
    [0.0, 0.5, 0.5, 1.0, 1.0]
    """
    false, true = _counts(labels, scores)
    if len(false) > 2:
        corner = (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0)
        kept = np.flatnonzero(np.concatenate([[True], corner, [True]]))
        false, true = false[kept], true[kept]
    false, true = np.concatenate([[0], false]), np.concatenate([[0], true])
    return RocCurve(false / false[-1], true / true[-1])


def roc_auc(labels: Labels, scores: Scores) -> float:
    """Compute the area under the ROC curve, in [0, 1]."""
    curve = roc_curve(labels, scores)
    return float(np.trapezoid(curve.recall, curve.false_positive_rate))


def precision_recall_curve(labels: Labels, scores: Scores, *, thin: bool = True) -> PrecisionRecallCurve:
    """Compute the precision-recall curve.

    Args:
        labels: 0 or 1, (n,).
        scores: score of the positive class, (n,).
        thin: whether to leave out points that change neither recall before nor behind them.
    """
    false, true = _counts(labels, scores)
    if thin and len(false) > 2:
        corner = (np.diff(true[:-1]) != 0) | (np.diff(true[1:]) != 0)
        kept = np.flatnonzero(np.concatenate([[True], corner, [True]]))
        false, true = false[kept], true[kept]
    precision, recall = true / (true + false), true / true[-1]
    return PrecisionRecallCurve(np.append(precision[::-1], 1), np.append(recall[::-1], 0))


def average_precision(labels: Labels, scores: Scores) -> float:
    """Compute the average precision, in [0, 1]."""
    curve = precision_recall_curve(labels, scores, thin=False)
    return float(max(0.0, -np.sum(np.diff(curve.recall) * curve.precision[:-1])))


def _counts(labels: Labels, scores: Scores) -> tuple[Values, Values]:
    """False and true positives from each distinct score on, from the highest score downwards."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    true = np.cumsum(labels[order], dtype=np.float64)[last]
    return 1 + last - true, true
