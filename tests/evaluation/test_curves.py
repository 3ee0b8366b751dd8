"""The curves and areas against scikit-learn's, digit by digit."""

import numpy as np
import pytest
from sklearn import metrics

from facesift.evaluation.curves import Areas, areas, precision_recall_curve, roc_curve


def planted(seed, kind):
    """Labels with both classes, and scores: of many values, with ties, or as the networks give them."""
    rng = np.random.default_rng(seed)
    images = int(rng.integers(2, 300))
    labels = rng.integers(0, 2, images)
    labels[:2] = 0, 1
    scores = {"many": rng.random(images), "ties": rng.integers(0, 6, images) / 6, "float32": rng.random(images)}[kind]
    return labels, scores.astype(np.float32) if kind == "float32" else scores


CASES = [(seed, kind) for seed in range(20) for kind in ("many", "ties", "float32")]


@pytest.mark.parametrize(("seed", "kind"), CASES)
def test_areas_are_scikit_learns(seed, kind):
    labels, scores = planted(seed, kind)
    expected = metrics.roc_auc_score(labels, scores), metrics.average_precision_score(labels, scores)
    assert areas(labels, scores) == Areas(*expected)


@pytest.mark.parametrize(("seed", "kind"), CASES)
def test_the_roc_curve_is_scikit_learns(seed, kind):
    labels, scores = planted(seed, kind)
    for ours, theirs in zip(roc_curve(labels, scores), metrics.roc_curve(labels, scores)[:2], strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("thin", [False, True])
@pytest.mark.parametrize(("seed", "kind"), CASES)
def test_the_precision_recall_curve_is_scikit_learns(seed, kind, thin):
    labels, scores = planted(seed, kind)
    expected = metrics.precision_recall_curve(labels, scores, drop_intermediate=thin)[:2]
    for ours, theirs in zip(precision_recall_curve(labels, scores, thin=thin), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
