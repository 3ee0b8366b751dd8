"""Standard figures: against scikit-learn, counted by hand, and what must hold of any scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import det_curve, roc_curve

from facesift.evaluation.standard_figures import (
    STANDARD,
    ErrorCurves,
    equal_error_rates,
    false_positives_at,
    misses_at,
    recalls_at,
    standard_figures,
)

# Ten images by falling score: fakes F, reals r, so that every rate can be counted on one's fingers
BY_SCORE = "FFrFrFrrFr"
LABELS, SCORES = np.array([letter == "F" for letter in BY_SCORE]).astype(int), np.arange(10, 0, -1) / 10


def curves(labels, scores):
    return ErrorCurves.of(labels, scores, np.ones((1, len(labels))))


@st.composite
def labelled(draw):
    """Labels with both classes and scores with ties."""
    labels = draw(st.lists(st.integers(0, 1), min_size=2, max_size=40).filter(lambda each: 0 < sum(each) < len(each)))
    scores = draw(st.lists(st.integers(0, 12), min_size=len(labels), max_size=len(labels)))
    return np.array(labels), np.array(scores) / 12


@pytest.mark.parametrize(("rate", "miss"), [(0.0, 3 / 5), (0.1, 3 / 5), (0.2, 2 / 5), (0.4, 1 / 5), (0.8, 0.0)])
def test_apcer_at_bpcer_of_ten_images(rate, miss):
    assert misses_at(curves(LABELS, SCORES), rate)[0] == pytest.approx(miss)
    assert recalls_at(curves(LABELS, SCORES), rate)[0] == pytest.approx(1 - miss)


@pytest.mark.parametrize(
    ("rate", "false_positives"), [(0.0, 4 / 5), (0.19, 4 / 5), (0.2, 2 / 5), (0.4, 1 / 5), (0.6, 0.0)]
)
def test_bpcer_at_apcer_of_ten_images(rate, false_positives):
    assert false_positives_at(curves(LABELS, SCORES), rate)[0] == pytest.approx(false_positives)


def test_eer_of_ten_images():
    """From the fifth score on, two of five fakes are missed and two of five reals are called fake."""
    assert equal_error_rates(curves(LABELS, SCORES))[0] == pytest.approx(2 / 5)


def test_eer_on_a_straight_line_between_two_thresholds():
    """Two fakes and two reals share a score: from (0, 1/2) to (1/2, 0), both rates meet in the middle."""
    labels, scores = np.array([1, 1, 0, 0]), np.array([0.9, 0.5, 0.5, 0.1])
    assert equal_error_rates(curves(labels, scores))[0] == 0.25


@given(labelled())
def test_error_rates_are_those_of_scikit_learn(given):
    labels, scores = given
    found = curves(labels, scores)
    false_positive_rate, recall, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert found.false_positive[0] == pytest.approx(false_positive_rate)
    assert found.miss[0] == pytest.approx(1 - recall)


@given(labelled(), st.sampled_from([0.05, 0.1, 0.3, 0.5]))
def test_figures_are_points_of_scikit_learns_det_curve(given, rate):
    """det_curve leaves out the ends where a rate is 0 for several thresholds, so both ends are added."""
    labels, scores = given
    false_positive, miss, _ = det_curve(labels, scores)
    false_positive, miss = np.append(false_positive, [0, 1]), np.append(miss, [1, 0])
    assert misses_at(curves(labels, scores), rate)[0] == pytest.approx(miss[false_positive <= rate + 1e-9].min())
    assert false_positives_at(curves(labels, scores), rate)[0] == pytest.approx(
        false_positive[miss <= rate + 1e-9].min()
    )


@given(labelled())
def test_eer_is_between_both_error_rates_at_its_threshold(given):
    found = curves(*given)
    (eer,) = equal_error_rates(found)
    after = int(np.argmax(found.false_positive[0] >= found.miss[0]))
    assert found.miss[0, after] - 1e-9 <= eer <= found.false_positive[0, after] + 1e-9


@given(labelled())
def test_only_the_order_of_scores_counts(given):
    labels, scores = given
    groups = np.arange(len(labels))
    assert standard_figures(labels, scores, groups) == standard_figures(labels, np.exp(3 * scores) - 7, groups)


@given(labelled(), st.integers(2, 4))
def test_weights_are_copies(given, copies):
    labels, scores = given
    weights = np.where(np.arange(len(labels)) % 2, copies, 1)
    weighted = ErrorCurves.of(labels, scores, weights[None].astype(float))
    copied = curves(np.repeat(labels, weights), np.repeat(scores, weights))
    assert weighted.false_positive == pytest.approx(copied.false_positive)
    assert equal_error_rates(weighted) == pytest.approx(equal_error_rates(copied))


@pytest.mark.parametrize(("apart", "expected"), [(0.0, 0.5), (2.0, 0.1587), (4.0, 0.0228)])
def test_equal_error_rate_of_two_normal_distributions(apart, expected):
    """Of unit variance and `apart`, the rate is that of a normal deviate above half the distance."""
    labels = (np.arange(200_000) < 100_000).astype(int)
    scores = np.random.default_rng(0).normal(apart * labels, 1.0)
    assert equal_error_rates(curves(labels, scores))[0] == pytest.approx(expected, abs=0.004)


def test_a_perfect_ranking_has_no_error():
    labels = np.repeat([0, 1], [1000, 100])
    found = standard_figures(labels, labels + np.linspace(0, 0.5, 1100), np.arange(1100))
    errors = {figure.value for key, figure in found.items() if not key.startswith("tpr")}
    assert errors == {0.0}
    assert {figure.value for key, figure in found.items() if key.startswith("tpr")} == {1.0}


@pytest.mark.parametrize(
    ("reals", "fakes", "unresolved"),
    [
        (1000, 100, []),
        (999, 100, ["tpr_at_fpr_0.001"]),
        (100, 19, ["tpr_at_fpr_0.001", "bpcer_at_apcer_0.01", "bpcer_at_apcer_0.05"]),
        (9, 9, [key for key in STANDARD if key != "eer"]),
        (0, 9, list(STANDARD)),
        (9, 0, list(STANDARD)),
    ],
)
def test_a_figure_that_so_few_images_cannot_resolve_is_not_given(reals, fakes, unresolved):
    labels = np.repeat([0, 1], [reals, fakes])
    found = standard_figures(labels, np.arange(len(labels)) % 7, np.arange(len(labels)))
    assert sorted(key for key, figure in found.items() if figure.value is None) == sorted(unresolved)
    assert all("needs at least" in found[key].reason for key in unresolved)


def test_the_reason_counts_the_images():
    labels = np.repeat([0, 1], [30, 10])
    found = standard_figures(labels, np.arange(40), np.arange(40))
    assert found["tpr_at_fpr_0.001"].reason == "needs at least 1,000 reals, not 30"


def test_frames_of_one_clip_do_not_resolve_a_rare_error():
    """100 reals are 5 clips of 20 frames: one clip that is called fake is a fifth of them."""
    labels = np.repeat([0, 1], [100, 20])
    found = standard_figures(labels, np.arange(120) % 7, np.append(np.arange(100) // 20, np.arange(5, 25)))
    assert found["tpr_at_fpr_0.01"].value is None
    assert found["tpr_at_fpr_0.01"].reason == "needs at least 100 groups of reals, not 5"
    assert found["bpcer_at_apcer_0.05"].value is not None


def test_every_figure_is_inside_its_interval_and_apcer_mirrors_tpr():
    rng = np.random.default_rng(4)
    labels = (np.arange(500) < 150).astype(int)
    found = standard_figures(labels, rng.normal(1.5 * labels), np.arange(500))
    known = [figure for figure in found.values() if figure.value is not None]
    assert len(known) == 9
    assert all(figure.interval[0] <= figure.value <= figure.interval[1] for figure in known)
    recall, miss = found["tpr_at_fpr_0.1"], found["apcer_at_bpcer_0.1"]
    assert recall.value == pytest.approx(1 - miss.value)
    assert recall.interval == pytest.approx([1 - miss.interval[1], 1 - miss.interval[0]])


def test_copies_of_images_make_no_interval_narrower():
    rng = np.random.default_rng(2)
    labels = (np.arange(120) < 40).astype(int)
    scores = rng.normal(labels)
    once = standard_figures(labels, scores, np.arange(120))["eer"].interval
    copied = standard_figures(np.tile(labels, 5), np.tile(scores, 5), np.tile(np.arange(120), 5))["eer"].interval
    assert copied[1] - copied[0] == pytest.approx(once[1] - once[0], rel=0.1)


def test_one_group_of_a_class_gives_no_interval():
    labels = np.repeat([0, 1], [20, 20])
    found = standard_figures(labels, np.arange(40), np.append(np.arange(20), np.full(20, 99)))
    assert found["eer"].value == 0.0
    assert found["eer"].interval is None


def test_intervals_hold_the_true_rate():
    """Two normal distributions two deviations apart; 95 % promised, a little less allowed for a bootstrap."""
    rng, held = np.random.default_rng(3), 0
    labels = (np.arange(200) < 80).astype(int)
    for _ in range(100):
        low, high = standard_figures(labels, rng.normal(2 * labels), np.arange(200))["eer"].interval
        held += low <= 0.1587 <= high
    assert held >= 88
