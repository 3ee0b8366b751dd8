"""Baselines against scikit-learn, and against every outcome counted one by one."""

from itertools import permutations, product

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from facesift.evaluation.baselines import best_member, random_ap, report_baselines, report_random

LABELS = np.array([1, 1, 0, 0, 0, 0, 0, 0])
GOOD, POOR = np.where(LABELS == 1, 1.0, -1.0), np.array([-1.0, 1, 1, -1, -1, -1, -1, -1])


def test_constant_answers_are_what_scikit_learn_says_of_a_constant_score(planted):
    predictions = planted(LABELS, {"a": GOOD})
    report = report_baselines(predictions, predictions)
    for name in ("always_real", "always_fake"):
        assert report[name]["auc"] == roc_auc_score(LABELS, np.zeros(8))
        assert report[name]["ap"] == average_precision_score(LABELS, np.zeros(8))


def test_always_real_finds_nothing_and_always_fake_finds_all(planted):
    predictions = planted(LABELS, {"a": GOOD})
    report = report_baselines(predictions, predictions)
    assert (report["always_real"]["recall"], report["always_real"]["precision"]) == (0, None)
    assert (report["always_fake"]["recall"], report["always_fake"]["precision"]) == (1, 0.25)


def test_every_row_has_the_keys_of_a_voter(planted):
    predictions = planted(LABELS, {"a": GOOD})
    keys = set(predictions.report_voters()["a"])
    for row in report_baselines(predictions, predictions).values():
        assert keys <= set(row)


@pytest.mark.parametrize(("fakes", "reals"), [(1, 3), (2, 3), (3, 2)])
def test_random_calls_are_the_mean_of_all_outcomes(fakes, reals):
    labels = np.array([1] * fakes + [0] * reals)
    p = fakes / len(labels)
    chances, rows = [], []
    for calls in product([0, 1], repeat=len(labels)):
        called = np.array(calls)
        chances.append(p ** called.sum() * (1 - p) ** (len(labels) - called.sum()))
        precision = labels[called == 1].mean() if called.any() else np.nan
        rows.append(
            [labels @ called, (1 - labels) @ called, labels @ called / fakes, f1_score(labels, called), precision]
        )
    chances, rows = np.array(chances), np.array(rows)
    row = report_random(fakes, reals)
    expected = [row[key] for key in ("tp", "fp", "recall", "f1")]
    assert (chances @ rows[:, :4]).tolist() == pytest.approx(expected)
    some = ~np.isnan(rows[:, 4])
    assert chances[some] @ rows[some, 4] / chances[some].sum() == pytest.approx(row["precision"])


@pytest.mark.parametrize(("fakes", "reals"), [(1, 4), (2, 4), (4, 2)])
def test_random_order_has_the_mean_ap_of_all_orders(fakes, reals):
    labels = np.array([1] * fakes + [0] * reals)
    orders = permutations(range(len(labels)))
    mean = np.mean([average_precision_score(labels, order) for order in orders])
    assert random_ap(fakes, reals) == pytest.approx(mean)


def test_figures_that_need_fakes_are_unknown_without_them():
    row = report_random(0, 5)
    assert [row[key] for key in ("recall", "precision", "f1", "auc", "ap")] == [None] * 5


def test_best_member_is_chosen_on_validation_though_another_is_best_on_test(planted):
    val, test = planted(LABELS, {"a": GOOD, "b": POOR}, "val"), planted(LABELS, {"a": POOR, "b": GOOD})
    best = best_member(val, test)
    assert (best["member"], best["val_ap"]) == ("a", 1.0)
    assert best["recall"] == 0.5
    assert best["ap"] == test.report_voters()["a"]["ap"]


def test_stacker_is_never_the_best_member(planted):
    predictions = planted(LABELS, {"a": POOR, "stacker": GOOD})
    assert best_member(predictions, predictions)["member"] == "a"


def test_predictions_of_other_voters_are_refused(planted):
    with pytest.raises(ValueError, match=r"voters of validation \['a'\] are not those of test \['b'\]"):
        best_member(planted(LABELS, {"a": GOOD}), planted(LABELS, {"b": GOOD}))
