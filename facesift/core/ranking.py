"""Curves of a ranking: what is called positive at each threshold, ROC, precision and recall.

They are computed step by step as scikit-learn computes them, so they have the same digits; its import would take most
of the time of the stages that need nothing else of it. A test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]  # (n,), higher for the positive class


@dataclass(frozen=True)
class Alarms:
    """What is called positive at each threshold, the highest first. Equal scores are one threshold.

    Attributes:
        false: negatives at or above the threshold, (thresholds,).
        true: positives at or above the threshold, (thresholds,).
    """

    false: NDArray[np.float64]
    true: NDArray[np.float64]

    @classmethod
    def of(cls, labels: NDArray[np.integer], scores: NDArray[np.floating]) -> Alarms:
        """Count them for labels 0 or 1, (n,), and scores, (n,)."""
        order = np.argsort(-scores, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
        true = np.cumsum(labels[order] == 1, dtype=np.float64)[ends]
        return cls(1 + ends - true, true)

    def corners(self) -> Alarms:
        """Keep the thresholds at which the ROC curve turns."""
        return self._kept(np.diff(self.false, 2).astype(bool) | np.diff(self.true, 2).astype(bool))

    def steps(self) -> Alarms:
        """Keep the first and the last threshold of each recall."""
        return self._kept(np.diff(self.true[:-1]).astype(bool) | np.diff(self.true[1:]).astype(bool))

    def _kept(self, inner: NDArray[np.bool_]) -> Alarms:
        if len(self.true) <= 2:
            return self
        chosen = np.concatenate([[True], inner, [True]])
        return Alarms(self.false[chosen], self.true[chosen])


def roc_curve(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> tuple[Scores, Scores]:
    """Compute the ROC curve without points on a straight line.

    Args:
        labels: 0 or 1, both of them, (n,).
        scores: score of the positive class, (n,).

    Returns:
        False positive rates and recalls, rising from 0 to 1.
    """
    found = Alarms.of(labels, scores).corners()
    false, true = (np.append(0.0, each) for each in (found.false, found.true))
    return false / false[-1], true / true[-1]


def precision_recall_curve(
    labels: NDArray[np.integer], scores: NDArray[np.floating], *, thin: bool = False
) -> tuple[Scores, Scores]:
    """Compute precision and recall at every threshold, the lowest first.

    Args:
        labels: 0 or 1, some of them 1, (n,).
        scores: score of the positive class, (n,).
        thin: leave out thresholds that change only the precision.

    Returns:
        Precisions and recalls; the last ones are 1 and 0.
    """
    found = Alarms.of(labels, scores)
    found = found.steps() if thin else found
    precision, recall = found.true / (found.true + found.false), found.true / found.true[-1]
    return np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0)
