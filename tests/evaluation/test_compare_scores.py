"""The paired bootstrap: verdicts on scores whose order of merit is planted."""

import numpy as np
import pytest

from facesift.core.bootstrap import bootstrap_rankings, percentile_interval
from facesift.evaluation.curves import compare_scores

RNG = np.random.default_rng(0)
LABELS = (np.arange(600) < 60).astype(int)
ONE_PROCESS = LABELS, np.arange(600)  # every image a group of its own
NOISE = RNG.normal(size=600)
STRONG, WEAK = LABELS * 2.5 + NOISE, LABELS * 1.0 + NOISE


def test_plainly_better_score_is_called_better_and_the_other_worse():
    forth, back = compare_scores(*ONE_PROCESS, STRONG, WEAK), compare_scores(*ONE_PROCESS, WEAK, STRONG)
    assert [area.verdict for area in (forth.auc, forth.ap)] == ["better", "better"]
    assert [area.verdict for area in (back.auc, back.ap)] == ["worse", "worse"]
    assert forth.auc.difference == pytest.approx(-back.auc.difference)


def test_same_score_is_not_shown_to_be_better():
    report = compare_scores(*ONE_PROCESS, STRONG, STRONG).auc
    assert (report.difference, report.interval) == (0, (0, 0))
    assert report.verdict == "not shown to be better"


def test_only_the_order_of_the_scores_matters():
    assert compare_scores(*ONE_PROCESS, STRONG, WEAK) == compare_scores(*ONE_PROCESS, np.exp(STRONG), 3 * WEAK)


def test_pairing_gives_a_narrower_interval_than_that_of_one_score():
    close = STRONG + 0.05 * np.random.default_rng(1).normal(size=600)
    low, high = compare_scores(*ONE_PROCESS, STRONG, close).auc.interval
    alone = percentile_interval(bootstrap_rankings(LABELS, STRONG, ONE_PROCESS[1])[0])
    assert high - low < 0.5 * (alone[1] - alone[0])


def test_five_fakes_show_nothing_however_well_they_are_found():
    labels = (np.arange(100) < 5).astype(int)
    report = compare_scores(labels, np.arange(100), labels.astype(float), -labels.astype(float))
    assert report.fewest_groups == 5
    assert report.auc.interval[0] > 0
    assert report.auc.verdict == "not shown to be better"


def test_without_both_classes_nothing_is_known():
    report = compare_scores(np.zeros(9, int), np.arange(9), np.arange(9.0), np.arange(9.0))
    assert report.auc.verdict == "unknown"
    assert report.ap.difference is None
