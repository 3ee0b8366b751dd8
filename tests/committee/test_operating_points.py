"""The operating points against trying every pair of thresholds."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesift.committee.decision import Predictions, decide
from facesift.committee.operating_points import (
    ThresholdCounts,
    by_cost,
    by_review_budget,
    by_target_recall,
    fit_points,
)
from facesift.committee.rules import BEYOND, Thresholds
from facesift.config.committee import Cost, Operating
from facesift.core.classes import Classes
from facesift.evaluation.decision_report import count_decisions

CLASSES = Classes(("real", "fake"), "fake")

images = st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=2, max_size=12).filter(
    lambda rows: len({fake for _, fake in rows}) == 2
)
amounts = st.integers(0, 20)
costs = st.builds(
    lambda miss, review, alarm: Cost(miss=miss, review=review, false_alarm=alarm), st.integers(1, 50), amounts, amounts
)
prevalences = st.sampled_from([None, 0.01, 0.5])


def arrays(rows):
    return np.array([float(score) for score, _ in rows]), np.array([int(fake) for _, fake in rows])


def count(point, scores, fakes):
    """Count the decisions on calibrated log-odds."""
    predictions = Predictions.of({"stacker": np.stack([np.zeros(len(scores)), scores], axis=1)}, CLASSES)
    return count_decisions(fakes, decide(predictions, point).decisions, CLASSES)


def all_thresholds(scores):
    ends = [-BEYOND, *(np.unique(scores)[1:] - 0.25), BEYOND]
    return [Thresholds(lo, hi) for lo, hi in combinations_with_replacement(ends, 2)]


def shares(point, scores, fakes, prevalence):
    """Missed, reviewed and falsely alarmed shares of all images, by weighing each image."""
    prevalence = fakes.mean() if prevalence is None else prevalence
    weights = np.where(fakes == 1, prevalence / fakes.sum(), (1 - prevalence) / (1 - fakes).sum())
    real, fake = scores < point.lo, scores >= point.hi
    return weights[real & (fakes == 1)].sum(), weights[~real & ~fake].sum(), weights[fake & (fakes == 0)].sum()


def total(point, scores, fakes, cost, prevalence, *, review=1):
    missed, reviewed, alarmed = shares(point, scores, fakes, prevalence)
    return cost.miss * missed + review * cost.review * reviewed + cost.false_alarm * alarmed


@given(images, costs, prevalences)
def test_no_pair_of_thresholds_costs_less(rows, cost, prevalence):
    scores, fakes = arrays(rows)
    found = by_cost(ThresholdCounts.of(scores, fakes, prevalence), cost)
    least = min(total(point, scores, fakes, cost, prevalence) for point in all_thresholds(scores))
    assert total(found, scores, fakes, cost, prevalence) == pytest.approx(least, abs=1e-9)


@given(images, costs, prevalences, st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]))
def test_no_pair_within_the_review_budget_misses_and_alarms_less(rows, cost, prevalence, budget):
    scores, fakes = arrays(rows)
    found = by_review_budget(ThresholdCounts.of(scores, fakes, prevalence), budget, cost)

    def within(point):
        return shares(point, scores, fakes, prevalence)[1] <= budget + 1e-9

    least = min(
        total(point, scores, fakes, cost, prevalence, review=0) for point in all_thresholds(scores) if within(point)
    )
    assert within(found)
    assert total(found, scores, fakes, cost, prevalence, review=0) == pytest.approx(least, abs=1e-9)


@given(images, costs, prevalences, st.sampled_from([0.3, 0.5, 0.9, 1.0]))
def test_target_recall_takes_the_highest_lo_that_catches_enough_and_the_cheapest_hi(rows, cost, prevalence, target):
    scores, fakes = arrays(rows)
    found = by_target_recall(ThresholdCounts.of(scores, fakes, prevalence), target, cost)
    enough = [point for point in all_thresholds(scores) if count(point, scores, fakes).caught >= target - 1e-9]
    highest = max(point.lo for point in enough)
    least = min(total(point, scores, fakes, cost, prevalence) for point in enough if point.lo == highest)
    assert ((scores < found.lo) == (scores < highest)).all()
    assert total(found, scores, fakes, cost, prevalence) == pytest.approx(least, abs=1e-9)


@given(images, costs)
def test_lo_never_passes_hi(rows, cost):
    scores, fakes = arrays(rows)
    guarantee = {"miss": 0.1, "review": None, "delta": 0.1}
    operating = {"sources": "all", "max_review": 0.1, "target_recall": 0.9, "guarantee": guarantee}
    operating |= {"offer_up_to": {"review": 1.0, "false_alarms": 1.0}}
    points = fit_points(ThresholdCounts.of(scores, fakes), Operating(**operating), cost)
    assert all(point.lo <= point.hi for point in points.values())


def test_prevalence_reckons_as_if_there_were_as_many_reals():
    rng = np.random.default_rng(0)
    scores, fakes = rng.normal(size=200), (np.arange(200) < 40).astype(int)
    many = np.concatenate([scores, *[scores[fakes == 0]] * 9])
    labels = np.concatenate([fakes, np.zeros(9 * 160, int)])
    cost = Cost(miss=100, review=1, false_alarm=10)
    assert by_cost(ThresholdCounts.of(scores, fakes, 40 / 1640), cost) == by_cost(
        ThresholdCounts.of(many, labels), cost
    )


def test_thresholds_lie_half_way_between_neighbouring_scores():
    cost = Cost(miss=10, review=1, false_alarm=10)
    scores, fakes = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), np.array([0, 0, 1, 0, 1, 1])
    assert by_cost(ThresholdCounts.of(scores, fakes), cost) == Thresholds(1.5, 3.5)


@given(st.floats(-1e6, 1e6))
def test_scores_that_differ_in_the_last_bit_are_told_apart(score):
    scores = np.array([score, np.nextafter(score, np.inf)])
    cost = Cost(miss=1, review=1, false_alarm=1)
    fakes = np.array([0, 1])
    counts = count(by_cost(ThresholdCounts.of(scores, fakes), cost), scores, fakes)
    assert (counts.decided.tn, counts.decided.tp) == (1, 1)


def test_thresholds_that_decide_nothing_review_every_image():
    scores = np.array([-800.0, 0.0, 800.0])
    assert count(Thresholds(-BEYOND, BEYOND), scores, np.array([0, 0, 1])).reviewed == 3


def test_thresholds_for_people_are_probabilities():
    assert Thresholds(0.0, BEYOND).as_probabilities() == {"lo": 0.5, "hi": 1.0}
