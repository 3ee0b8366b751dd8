"""Exact intervals against scipy's, and what they say of the published counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from facesift.core.counts import Confusion, DecisionCounts
from facesift.core.intervals import clopper_pearson


@given(st.integers(0, 300), st.integers(1, 300), st.sampled_from([0.8, 0.95, 0.99]))
def test_agrees_with_scipy(successes, trials, confidence):
    successes = min(successes, trials)
    reference = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    assert clopper_pearson(successes, trials, confidence) == pytest.approx(tuple(reference), abs=1e-9)


def test_no_trials_no_interval():
    assert clopper_pearson(0, 0) is None


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_covers_the_true_rate_often_enough(rate):
    trials = 20
    successes = np.arange(trials + 1)
    covers = [low <= rate <= high for low, high in (clopper_pearson(int(k), trials) for k in successes)]
    assert binom.pmf(successes, trials, rate)[covers].sum() >= 0.95


@pytest.mark.parametrize(("positives", "claim"), [(59, 0.95), (299, 0.99)])
def test_positives_needed_without_an_error_are_for_one_sided_confidence(positives, claim):
    one_sided = 0.90  # both tails of 5 %: the lower end alone has 95 %
    assert clopper_pearson(positives, positives, one_sided)[0] >= claim
    assert clopper_pearson(positives - 1, positives - 1, one_sided)[0] < claim


@pytest.mark.parametrize(("positives", "claim"), [(72, 0.95), (368, 0.99)])
def test_positives_needed_without_an_error_are_more_for_both_sides(positives, claim):
    assert clopper_pearson(positives, positives)[0] >= claim
    assert clopper_pearson(positives - 1, positives - 1)[0] < claim


def test_published_recall_has_the_interval_of_60_fakes():
    report = Confusion(tp=55, fp=85, fn=5, tn=19859).report()
    assert report["recall_interval"] == pytest.approx((0.8161, 0.9724), abs=1e-4)
    assert report["precision_interval"] == pytest.approx(
        tuple(binomtest(55, 140).proportion_ci(0.95, method="exact")), abs=1e-9
    )


def test_published_workload_has_intervals():
    report = DecisionCounts(Confusion(tp=55, fp=85, fn=5, tn=19859), review_fake=20, review_real=456).report()
    for key, successes, trials in (("review_rate", 476, 20480), ("caught", 75, 80)):
        reference = binomtest(successes, trials).proportion_ci(0.95, method="exact")
        assert report[f"{key}_interval"] == pytest.approx(tuple(reference), abs=1e-9)


def test_unknown_figures_have_unknown_intervals():
    report = Confusion(tp=0, fp=0, fn=0, tn=4).report()
    assert (report["recall_interval"], report["precision_interval"]) == (None, None)
