"""Exact intervals against scipy's, and what they say of the published counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from facesift.core.classes import Classes
from facesift.core.counts import Confusion, DecisionCounts, class_report
from facesift.core.intervals import clopper_pearson, design_effect_of
from facesift.evaluation.decision_report import count_decisions
from facesift.evaluation.prevalence import project


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


DRAWS = 1500


def coverage(groups, rate, alike, seed=0):
    """How often the interval holds the rate; a share `alike` of the images turns out as their whole group does."""
    rng, held = np.random.default_rng(seed), 0
    of_group = np.unique(groups, return_inverse=True)[1]
    effect = design_effect_of(groups)
    for _ in range(DRAWS):
        together = (rng.random(of_group.max() + 1) < rate)[of_group]
        hits = np.where(rng.random(len(groups)) < alike, together, rng.random(len(groups)) < rate)
        low, high = clopper_pearson(int(hits.sum()), len(groups), design_effect=effect)
        held += low <= rate <= high
    return held / DRAWS


def in_groups_of(size, groups=20):
    return np.repeat(np.arange(groups), size)


UNEVEN = np.repeat(np.arange(40), [1] * 20 + [2] * 10 + [6] * 10)


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("alike", [0.3, 0.8, 1.0])
@pytest.mark.parametrize(
    "groups", [in_groups_of(2), in_groups_of(4), in_groups_of(12), UNEVEN], ids=["pairs", "fours", "clips", "uneven"]
)
def test_images_that_turn_out_as_their_copies_do_are_covered(groups, alike, rate):
    assert coverage(groups, rate, alike) >= 0.93


@pytest.mark.parametrize(("size", "held"), [(2, 0.84), (4, 0.75)])
def test_counting_every_copy_covers_as_rarely_as_docs_evidence_says(size, held):
    right = np.arange(21)  # of 20 groups
    ends = [clopper_pearson(int(groups) * size, 20 * size) for groups in right]
    covers = [low <= 0.9 <= high for low, high in ends]
    assert binom.pmf(right, 20, 0.9)[covers].sum() == pytest.approx(held, abs=0.005)


def test_an_estimated_design_effect_covers_less_than_half():
    """Rao and Scott: the variance between 20 clips of 12 frames over that of single images, at 97 % recall."""
    held = 0.0
    for right in range(21):
        rate, clips = right / 20, np.repeat([1.0, 0.0], [right, 20 - right])
        effect = 12 * clips.var(ddof=1) / (rate * (1 - rate)) if 0 < right < 20 else 1.0
        low, high = clopper_pearson(right * 12, 240, design_effect=effect)
        held += binom.pmf(right, 20, 0.97) * (low <= 0.97 <= high)
    assert held < 0.5


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 5))
def test_equal_groups_count_as_one_image_each(groups, hits, size):
    hits = min(hits, groups)
    effect = design_effect_of(np.repeat(np.arange(groups), size))
    found = clopper_pearson(hits * size, groups * size, design_effect=effect)
    assert found == pytest.approx(clopper_pearson(hits, groups), abs=1e-12)


def reports(groups):
    """Everything that has a share, of 400 images a fifth of which are fakes."""
    rng = np.random.default_rng(3)
    labels = (np.arange(400) % 5 == 0).astype(np.int64)
    decisions = np.where(rng.random(400) < 0.8, labels, rng.integers(-1, 2, 400))
    counts = count_decisions(labels, decisions, Classes(("real", "fake"), "fake"), groups)
    votes = np.abs(decisions)
    return counts.report() | class_report(labels, votes, ("real", "fake"), groups) | project(counts, 1000).report()


def test_single_images_have_the_intervals_that_they_have_without_groups():
    assert reports(np.arange(400)) == reports(None)


def ends(tree):
    """All intervals of a report, by where they stand."""
    found = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            inner = {"interval": (value["low"], value["high"])} if "low" in value else ends(value)
            found |= {(key, *(place if isinstance(place, tuple) else (place,))): each for place, each in inner.items()}
        elif key.endswith("_interval"):
            found[(key,)] = value
    return found


def test_every_interval_is_wider_where_images_come_in_fours():
    alone, grouped = ends(reports(np.arange(400))), ends(reports(np.arange(400) // 20 * 5 + np.arange(400) % 5))
    assert len(alone) == 13
    for place, (low, high) in alone.items():
        assert grouped[place][0] < low or low == 0, place
        assert grouped[place][1] > high or high == 1, place


def test_copies_of_three_caught_fakes_are_three_caught_fakes():
    labels, groups = np.ones(12, np.int64), in_groups_of(4, 3)
    assert Confusion.of(labels, labels, groups).report()["recall_interval"] == clopper_pearson(3, 3)
