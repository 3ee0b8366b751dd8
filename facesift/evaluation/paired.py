"""Which of two scores ranks the same images better: a paired bootstrap over groups of near-duplicates.

Both scores are judged on the same draws, so what makes a draw easy or hard cancels out (Efron and Tibshirani 1993).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.bootstrap import bootstrap_rankings, percentile_interval
from facesift.evaluation.curves import areas

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST = 6  # groups of a class: with fewer not even a sign test over all of them reaches 5 %, whatever a bootstrap says


@dataclass(frozen=True)
class Images:
    """What two scores are compared on: labels (n,), 1 for the positive class, and near-duplicate groups (n,)."""

    labels: Ints
    groups: NDArray[Any]

    @property
    def fewest_groups(self) -> int:
        """Groups that hold a positive or groups that hold another image, whichever are fewer."""
        return min(len(np.unique(self.groups[self.labels == label])) for label in (0, 1))


def compare_scores(images: Images, first: Floats, second: Floats) -> dict[str, Any]:
    """Compare AUC and AP of two scores (n,), higher for the positive class, on the same images: first minus second.

    Returns `{auc, ap}`, each with `first`, `second`, `difference`, `interval` (95 %) and `verdict`: `better` when the
    whole interval is above zero, `worse` when it is below, otherwise, or with fewer than `FEWEST` groups of a class,
    `not shown to be better`. All None and the verdict `unknown` when all labels are alike.
    """
    if not images.fewest_groups:
        unknown = dict.fromkeys(("first", "second", "difference", "interval")) | {"verdict": "unknown"}
        return {"auc": unknown, "ap": unknown, "fewest_groups": 0}
    found = [areas(images.labels, scores) for scores in (first, second)]
    drawn = [bootstrap_rankings(images.labels, scores, images.groups) for scores in (first, second)]
    judged = {
        area: _judge(found[0][area], found[1][area], drawn[0][column] - drawn[1][column])
        for column, area in enumerate(("auc", "ap"))
    }
    if images.fewest_groups < FEWEST:
        judged = {area: figures | {"verdict": "not shown to be better"} for area, figures in judged.items()}
    return judged | {"fewest_groups": images.fewest_groups}


def _judge(first: float | None, second: float | None, differences: Floats) -> dict[str, Any]:
    interval = percentile_interval(differences)
    verdict = "not shown to be better"
    if interval and (interval[0] > 0 or interval[1] < 0):
        verdict = "better" if interval[0] > 0 else "worse"
    difference = None if first is None or second is None else first - second
    return {"first": first, "second": second, "difference": difference, "interval": interval, "verdict": verdict}
