"""The bundle decides as the pipeline does."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesift.committee.calibration import Calibration
from facesift.committee.decision import Jury
from facesift.committee.predictions import Ballot
from facesift.committee.rules import REVIEW, RULES
from facesift.committee.stacking import Stacker
from facesift.committee.thresholds import Policy
from facesift.core.classes import Classes
from facesift.core.scores import score_table
from facesift.evaluation.cross_data_set import stacked_ballot

BINARY = Classes(("real", "fake"), "fake")
THREE = Classes(("real", "swapped", "drawn"), "swapped")
MEMBERS = ("one", "two", "three")


def make_jury(classes, rule="unanimous", policy=None, seed=0):
    rng, number = np.random.default_rng(seed), len(classes.names)
    stacker = Stacker(rng.normal(size=(number, number * len(MEMBERS))), rng.normal(size=number))
    return Jury(MEMBERS, classes, stacker, Calibration(0.5, -1.0), rule, policy)


def random_logits(classes, images, seed):
    rng = np.random.default_rng(seed)  # rounded, so that ties occur
    return {name: rng.normal(size=(images, len(classes.names))).round(1).astype(np.float32) for name in MEMBERS}


def pipeline_ballot(jury, logits) -> Ballot:
    ids = [f"{row:032x}" for row in range(len(logits["one"]))]
    tables = {name: score_table(ids, "test", each, jury.classes.names) for name, each in logits.items()}
    label = jury.classes.names[0]
    truth = pl.DataFrame({"image_id": ids, "split": "test", "source": "s", "label": label, "group": range(len(ids))})
    return stacked_ballot(truth, tables, jury.stacker, jury.classes)


@pytest.mark.parametrize("classes", [BINARY, THREE], ids=["two", "three"])
@pytest.mark.parametrize("rule", RULES)
@given(seed=st.integers(0, 10_000))
def test_decisions_and_votes_are_those_of_the_vote_stage(classes, rule, seed):
    jury, logits = make_jury(classes, rule, seed=seed), random_logits(classes, 30, seed)
    ballot, verdict = pipeline_ballot(jury, logits), jury.judge(logits)
    np.testing.assert_array_equal(verdict.votes, ballot.votes)
    np.testing.assert_array_equal(verdict.decisions, ballot.decide(rule))


def test_a_policy_decides_by_the_calibrated_log_odds():
    jury = make_jury(BINARY, policy=Policy(-2.0, 1.0))
    verdict = jury.judge(random_logits(BINARY, 200, 1))
    assert set(verdict.decisions) == {0, 1, REVIEW}
    np.testing.assert_array_equal(verdict.decisions == 1, verdict.log_odds >= 1.0)
    np.testing.assert_array_equal(verdict.decisions == 0, verdict.log_odds < -2.0)


def test_below_a_policy_the_likeliest_other_class_is_named():
    jury, logits = make_jury(THREE, policy=Policy(0.0, 1e9)), random_logits(THREE, 200, 2)
    verdict, stacked = jury.judge(logits), jury.voices(logits)["stacker"]
    below = verdict.decisions != REVIEW
    np.testing.assert_array_equal(verdict.decisions[below], np.where(stacked[below, 0] >= stacked[below, 2], 0, 2))
    assert {0, 2} <= set(verdict.decisions)


def test_log_odds_are_the_stackers_margin_calibrated():
    jury, logits = make_jury(BINARY), random_logits(BINARY, 5, 3)
    stacked = jury.voices(logits)["stacker"].astype(np.float64)
    np.testing.assert_allclose(jury.judge(logits).log_odds, (stacked[:, 1] - stacked[:, 0]) / 0.5 - 1.0)
