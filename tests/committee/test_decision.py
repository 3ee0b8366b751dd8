"""The decision engine: votes, probabilities, thresholds and referrals become decisions."""

import numpy as np
import pytest

from facesift.committee.calibration import Calibrator
from facesift.committee.decision import REVIEW, Predictions, decide
from facesift.committee.ensemble import Ensemble
from facesift.committee.rules import RULES, Thresholds
from facesift.committee.stacking import Stacker
from facesift.core.classes import Classes

BINARY = Classes(("real", "fake"), "fake")
THREE = Classes(("real", "swapped", "drawn"), "swapped")
MEMBERS = ("one", "two", "three")


def make_ensemble(classes, rule="unanimous", seed=0):
    """`rule`: the name of a voting rule, or thresholds."""
    rng, number = np.random.default_rng(seed), len(classes.names)
    stacker = Stacker(rng.normal(size=(number, number * len(MEMBERS))), rng.normal(size=number))
    return Ensemble(MEMBERS, classes, stacker, Calibrator(0.5, -1.0), RULES.get(rule, rule))


def random_logits(classes, images, seed):
    rng = np.random.default_rng(seed)  # rounded, so that ties occur
    return {name: rng.normal(size=(images, len(classes.names))).round(1).astype(np.float32) for name in MEMBERS}


def test_stacker_votes_last_by_its_logits_rounded_as_in_a_score_table():
    ensemble, logits = make_ensemble(BINARY), random_logits(BINARY, 30, 0)
    stacked = ensemble.voter_logits(logits)["stacker"]
    assert stacked.dtype == np.float32
    votes = ensemble.decide(logits).votes
    assert votes.shape == (30, 4)
    np.testing.assert_array_equal(votes[:, -1], stacked[:, 1] >= stacked[:, 0])


@pytest.mark.parametrize("rule", [*RULES.values(), Thresholds(-1.0, 1.0)], ids=lambda rule: rule.name)
def test_referred_images_are_reviewed_whatever_the_rule(rule):
    predictions = Predictions.of(random_logits(BINARY, 30, 4), BINARY)
    referred = np.arange(30) % 3 == 0
    found, before = decide(predictions, rule, referred), decide(predictions, rule)
    assert set(found.decisions[referred]) == {REVIEW}
    np.testing.assert_array_equal(found.decisions[~referred], before.decisions[~referred])
    np.testing.assert_array_equal(found.votes, before.votes)


@pytest.mark.parametrize("classes", [BINARY, THREE], ids=["two", "three"])
@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_rule_knows_whether_it_abstains_and_whether_it_looks_at_votes_alone(classes, rule):
    logits = random_logits(classes, 300, 5)
    predictions = Predictions.of(logits, classes)
    decided = decide(predictions, rule).decisions
    assert (REVIEW in decided) == rule.abstains
    surer = Predictions.of({name: each * (5.0 if name == "one" else 1.0) for name, each in logits.items()}, classes)
    assert (decide(surer, rule).decisions == decided).all() == rule.counts_votes


def test_thresholds_without_room_between_them_abstain_from_nothing():
    assert (Thresholds(0.5, 0.5).abstains, Thresholds(0.0, 0.5).abstains) == (False, True)


def test_part_of_the_images_is_decided_as_among_all():
    predictions = Predictions.of(random_logits(THREE, 60, 6), THREE)
    rows = np.arange(60) % 2 == 0
    for rule in (*RULES.values(), Thresholds(-1.0, 1.0)):
        part = decide(predictions.of_images(rows), rule).decisions
        np.testing.assert_array_equal(part, decide(predictions, rule).decisions[rows])


def test_thresholds_decide_by_the_calibrated_log_odds():
    ensemble = make_ensemble(BINARY, Thresholds(-2.0, 1.0))
    found = ensemble.decide(random_logits(BINARY, 200, 1))
    assert set(found.decisions) == {0, 1, REVIEW}
    np.testing.assert_array_equal(found.decisions == 1, found.log_odds >= 1.0)
    np.testing.assert_array_equal(found.decisions == 0, found.log_odds < -2.0)


def test_below_the_thresholds_the_likeliest_other_class_is_named():
    ensemble, logits = make_ensemble(THREE, Thresholds(0.0, 1e9)), random_logits(THREE, 200, 2)
    found, stacked = ensemble.decide(logits), ensemble.voter_logits(logits)["stacker"]
    below = found.decisions != REVIEW
    np.testing.assert_array_equal(found.decisions[below], np.where(stacked[below, 0] >= stacked[below, 2], 0, 2))
    assert {0, 2} <= set(found.decisions)


def test_log_odds_are_the_stackers_margin_calibrated():
    ensemble, logits = make_ensemble(BINARY), random_logits(BINARY, 5, 3)
    stacked = ensemble.voter_logits(logits)["stacker"].astype(np.float64)
    np.testing.assert_allclose(ensemble.decide(logits).log_odds, (stacked[:, 1] - stacked[:, 0]) / 0.5 - 1.0)
