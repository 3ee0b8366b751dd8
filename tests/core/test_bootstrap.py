"""The bootstrap of ranking figures: scikit-learn's weighted figures, drawn by groups within strata."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from facesift.core.bootstrap import bootstrap_rankings, bootstrap_weights, percentile_interval, weighted_auc_ap

row = st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 3))  # label, score with ties, weight


@given(st.lists(row, min_size=2, max_size=40))
def test_weighted_figures_are_those_of_scikit_learn(rows):
    labels, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    assume(weights[labels == 1].sum() and weights[labels == 0].sum())
    auc, ap = weighted_auc_ap(labels, scores.astype(float), weights[np.newaxis].astype(float))
    assert auc[0] == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights))
    assert ap[0] == pytest.approx(average_precision_score(labels, scores, sample_weight=weights))


def planted(images=400, fakes=40, seed=0):
    rng = np.random.default_rng(seed)
    labels = (np.arange(images) < fakes).astype(int)
    return labels, rng.normal(labels * 1.0, 1.0), np.arange(images)


def weights_of(labels, groups, draws=50):
    return np.concatenate(list(bootstrap_weights(labels, groups, draws)))


def test_a_group_is_drawn_as_a_whole():
    weights = weights_of(np.array([0, 0, 1, 0, 0, 0]), np.array([3, 3, 3, 1, 1, 2]))
    assert (weights[:, :3] == weights[:, :1]).all()
    assert (weights[:, 3] == weights[:, 4]).all()


def test_every_draw_keeps_the_number_of_fakes_and_of_reals():
    labels, _, groups = planted()
    weights = weights_of(labels, groups)
    assert (weights[:, labels == 1].sum(axis=1) == 40).all()
    assert (weights[:, labels == 0].sum(axis=1) == 360).all()


def test_the_same_arguments_give_the_same_draws():
    first, second = (bootstrap_rankings(*planted()) for _ in range(2))
    assert np.array_equal(first, second)


def test_draws_do_not_depend_on_how_many_are_held_in_memory(monkeypatch):
    whole = bootstrap_rankings(*planted())
    monkeypatch.setattr("facesift.core.bootstrap.CELLS", 3000)
    assert np.array_equal(whole, bootstrap_rankings(*planted()))


def test_interval_of_copies_is_as_wide_as_that_of_the_originals():
    once = percentile_interval(bootstrap_rankings(*planted())[0])
    often = percentile_interval(bootstrap_rankings(*(np.tile(each, 4) for each in planted()))[0])
    assert often == pytest.approx(once, abs=1e-12)


def test_interval_covers_the_true_auc():
    true, covered = 0.7602, 0  # of two normal distributions one deviation apart
    for seed in range(40):
        low, high = percentile_interval(bootstrap_rankings(*planted(seed=seed))[0])
        covered += low <= true <= high
    assert covered >= 33  # of 40; at 95 % fewer come once in a thousand


def test_no_value_in_most_draws_is_no_interval():
    assert percentile_interval(np.array([np.nan, np.nan, 0.5])) is None


def test_a_class_of_one_group_has_no_interval():
    labels, scores, groups = planted()
    groups[labels == 1] = 0
    assert percentile_interval(bootstrap_rankings(labels, scores, groups)[0]) is None
