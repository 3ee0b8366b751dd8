"""Ranking curves are those of scikit-learn, bit by bit."""

import numpy as np
import pytest
from sklearn import metrics

from facesift.core.ranking import average_precision, precision_recall_curve, roc_auc, roc_curve


def cases():
    rng = np.random.default_rng(0)
    for number in range(60):
        size = int(rng.integers(2, 400))
        labels = rng.integers(0, 2, size) if number % 2 else (rng.random(size) < 0.05).astype(np.int64)
        labels[:2] = 0, 1
        scores = rng.normal(size=size) + labels
        yield labels, np.round(scores, number % 4) if number % 3 else scores  # with and without ties


@pytest.mark.parametrize(("labels", "scores"), cases())
def test_curves_and_areas_are_those_of_scikit_learn(labels, scores):
    assert roc_auc(labels, scores) == metrics.roc_auc_score(labels, scores)
    assert average_precision(labels, scores) == metrics.average_precision_score(labels, scores)
    for ours, theirs in (
        (roc_curve(labels, scores), metrics.roc_curve(labels, scores)),
        (
            precision_recall_curve(labels, scores),
            metrics.precision_recall_curve(labels, scores, drop_intermediate=True),
        ),
    ):
        for mine, other in zip(ours, theirs[:2], strict=True):
            np.testing.assert_array_equal(mine, other)
