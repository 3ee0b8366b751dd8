"""Planted committees: members that know the same, and members that know different things."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from facesift.committee.rules import RULES
from facesift.evaluation.complementarity import (
    joint_errors,
    leave_one_out,
    report_agreement,
    report_complementarity,
    report_pairs,
)

FAKES, REALS = 10, 990
LABELS = np.array([1] * FAKES + [0] * REALS)
MANY = np.array([1] * 60 + [0] * 940)  # enough fakes that twenty shared errors are no chance


def voter(missed=(), alarmed=()):
    """Evidence of a voter that misses some fakes and raises alarms on some reals, each by its number."""
    evidence = np.where(LABELS == 1, 1.0, -1.0)
    evidence[list(missed)] = -1.0
    evidence[[FAKES + number for number in alarmed]] = 1.0
    return evidence


def identical(errors=20):
    """Evidence of three voters that miss the same of MANY, and raise the same alarms."""
    evidence = np.where(MANY == 1, 1.0, -1.0)
    evidence[:errors] = -1.0
    evidence[-errors:] = 1.0
    return dict.fromkeys("abc", evidence)


SAME = identical()
DIFFERENT = {"a": voter([0, 1, 2]), "b": voter([3, 4, 5]), "c": voter([6, 7, 8])}


def test_identical_members_are_flagged(planted):
    report = report_agreement(planted(MANY, SAME))
    assert report["redundant"] is True
    assert report["sentence"] == (
        "The members agree on 100.0 % of images and err on the same fakes: "
        "the committee adds little to its best member."
    )


def test_a_few_shared_errors_do_not_show_that_members_are_the_same(planted):
    """Three of three may be chance: the interval of a share of three begins at 29 %."""
    report = report_agreement(planted(MANY, identical(3)))
    assert report["redundant"] is False
    assert report["sentence"] == (
        "The members agree on 100.0 % of images; of 3 fakes that at least one misses, 3 are missed by all."
    )


def test_members_that_miss_different_fakes_are_not_flagged_though_they_nearly_always_agree(planted):
    report = report_agreement(planted(LABELS, DIFFERENT))
    assert report["agree"] == pytest.approx(1 - 9 / 1000)
    assert report["redundant"] is False
    assert report["sentence"] == (
        "The members agree on 99.1 % of images; of 9 fakes that at least one misses, 0 are missed by all."
    )


def test_members_with_different_false_alarms_are_not_flagged(planted):
    evidence = {name: voter([0], [number]) for number, name in enumerate("abc")}
    assert report_agreement(planted(LABELS, evidence))["redundant"] is False


def test_members_that_often_disagree_are_not_flagged_though_they_share_their_errors(planted):
    evidence = {"a": voter([0], range(400)), "b": voter([0], range(360))}
    report = report_agreement(planted(LABELS, evidence))
    assert report["alarmed"] == {"by_any": 400, "by_all": 360}
    assert report["redundant"] is False


def test_flagged_members_without_errors_are_not_said_to_err(planted):
    report = report_agreement(planted(LABELS, {"a": voter(), "b": voter()}))
    assert report["redundant"] is True
    assert "and miss no fake: the committee adds little" in report["sentence"]


def test_stacker_is_not_counted_among_the_members(planted):
    report = report_agreement(planted(MANY, SAME | {"stacker": -SAME["a"]}))
    assert report["members"] == 3
    assert report["redundant"] is True


def test_one_member_is_compared_with_nobody(planted):
    report = report_agreement(planted(LABELS, {"a": voter(), "stacker": voter()}))
    assert (report["redundant"], report["agree"]) == (None, None)


def test_member_that_alone_finds_a_fake_adds_exactly_that_fake(planted):
    evidence = {"a": voter([0, 1]), "b": voter([0, 1]), "c": voter([1], [7])}  # c alone finds fake 0, and alarms once
    report = leave_one_out(planted(LABELS, evidence))
    assert report["c"]["any_fake"]["without"]["tp"] == 8
    assert report["c"]["any_fake"]["adds"]["recall"] == pytest.approx(0.1)
    assert report["c"]["any_fake"]["adds"]["precision"] == pytest.approx(9 / 10 - 1)
    assert report["c"]["unanimous"]["adds"]["review_rate"] == pytest.approx(2 / 1000)
    assert report["c"]["unanimous"]["adds"]["caught"] == pytest.approx(0.1)
    assert report["a"]["any_fake"]["adds"] == {"recall": 0, "precision": 0, "review_rate": None, "caught": None}


def test_leave_one_out_is_of_all_rules_and_members_but_not_of_the_stacker(planted):
    report = leave_one_out(planted(MANY, SAME | {"stacker": voter()}))
    assert list(report) == ["a", "b", "c"]
    assert all(set(rules) == set(RULES) for rules in report.values())


def test_stacker_keeps_its_vote_when_a_member_is_left_out(planted):
    report = leave_one_out(planted(LABELS, {"a": voter([0]), "stacker": voter([1])}))
    assert report["a"]["any_fake"]["without"]["fn"] == 1


def test_single_voter_has_nothing_to_leave_out(planted):
    assert leave_one_out(planted(LABELS, {"a": voter()})) == {}


def test_pair_of_voters_is_counted(planted):
    evidence = {"a": voter([0, 1, 2, 3], [0, 1]), "b": voter([2, 3, 4, 5, 6], [1, 2, 3])}
    (pair,) = report_pairs(planted(LABELS, evidence))
    assert pair["voters"] == ["a", "b"]
    assert pair["disagreement"] == pytest.approx(8 / 1000)
    assert pair["fakes"] == {
        "images": 10, "first": 4, "second": 5, "both": 2, "expected_both": 2.0, "yules_q": pytest.approx(0.0),
    }  # fmt: skip
    assert (pair["reals"]["both"], pair["reals"]["expected_both"]) == (1, pytest.approx(6 / 990))
    assert pair["kappa"] == pytest.approx(cohen_kappa_score(evidence["a"] > 0, evidence["b"] > 0))


def test_kappa_of_voters_that_never_call_anything_fake_is_unknown(planted):
    (pair,) = report_pairs(planted(LABELS, {"a": -np.ones(1000), "b": -np.ones(1000)}))
    assert pair["kappa"] is None
    assert pair["disagreement"] == 0


def test_errors_of_voters_that_never_err_together_have_q_of_minus_one():
    assert joint_errors(np.array([True, False, False]), np.array([False, True, False]))["yules_q"] == -1


def test_same_errors_have_q_of_one():
    assert joint_errors(np.array([True, False]), np.array([True, False]))["yules_q"] == 1


def test_without_images_nothing_is_known():
    report = joint_errors(np.zeros(0, bool), np.zeros(0, bool))
    assert (report["expected_both"], report["yules_q"]) == (None, None)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_joint_errors_do_not_depend_on_who_is_first(errors):
    first, second = np.array(errors).T
    there, back = joint_errors(first, second), joint_errors(second, first)
    assert (there["both"], there["expected_both"], there["yules_q"]) == (
        back["both"], back["expected_both"], back["yules_q"],
    )  # fmt: skip


def test_whole_report_has_its_three_parts(planted):
    assert set(report_complementarity(planted(MANY, SAME))) == {"pairs", "leave_one_out", "agreement"}
