"""Agreement of people with the committee, with the files, and with each other."""

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given

from facesift.core.intervals import clopper_pearson
from facesift.evaluation.reviewers import measure_agreement, measure_pairs, measure_time
from tests.made_reviews import answer, table

IDS = [f"{number:032x}" for number in range(40)]
SAID = st.lists(st.tuples(st.sampled_from(["real", "fake", "unsure"]), st.sampled_from(["real", "fake"])), max_size=40)


def pair(said):
    rows = [
        answer(image, each, who)
        for image, both in zip(IDS, said, strict=False)
        for each, who in zip(both, "ab", strict=True)
    ]
    return measure_pairs(table(*rows))


def by_hand(said):
    """Cohen's kappa of pairs by its definition; None where chance explains everything."""
    observed = sum(a == b for a, b in said) / len(said)
    shares = [[sum(both[side] == name for both in said) / len(said) for name in ("real", "fake")] for side in (0, 1)]
    chance = sum(a * b for a, b in zip(*shares, strict=True))
    return None if chance == 1 else (observed - chance) / (1 - chance)


@given(SAID.filter(lambda said: any(a != "unsure" for a, _ in said)))
def test_kappa_is_that_of_the_definition_on_images_that_both_decided(said):
    decided = [both for both in said if both[0] != "unsure"]
    assert pair(said)[0]["kappa"] == pytest.approx(by_hand(decided))


def test_kappa_of_one_answer_throughout_is_unknown():
    assert pair([("real", "real")] * 5)[0]["kappa"] is None


def test_reviewers_without_a_common_image_are_a_pair_of_which_nothing_is_known():
    (found,) = measure_pairs(table(answer(IDS[0], "fake", "a"), answer(IDS[1], "fake", "b")))
    assert (found["images"], found["share"], found["kappa"]) == (0, None, None)


def test_every_two_of_three_reviewers_are_a_pair():
    found = measure_pairs(table(*(answer(IDS[0], "fake", who) for who in "abc")))
    assert [each["reviewers"] for each in found] == [["a", "b"], ["a", "c"], ["b", "c"]]


@pytest.fixture
def judged():
    columns = {
        "decision": ["fake", "fake", "fake", "real", "review", "review"],
        "truth": ["fake", "real", "fake", "real", "fake", None],
        "answer": ["fake", "real", None, "real", "fake", "fake"],
    }
    return pl.DataFrame(columns)


def test_agreement_with_the_committee_is_counted_by_decision(judged):
    found = measure_agreement(judged, ("real", "fake"))["committee"]
    assert found["fake"] == {
        "images": 2, "answers": {"real": 1, "fake": 1}, "same": 1, "share": 0.5, "interval": clopper_pearson(1, 2)
    }  # fmt: skip


def test_with_review_nobody_can_agree(judged):
    found = measure_agreement(judged, ("real", "fake"))["committee"]["review"]
    assert (found["answers"], found["share"]) == ({"real": 0, "fake": 2}, None)


def test_agreement_with_the_files_leaves_out_images_without_a_label(judged):
    found = measure_agreement(judged, ("real", "fake"))["files"]
    assert (found["fake"]["images"], found["real"]["images"], found["fake"]["share"]) == (2, 2, 1.0)


def test_time_is_told_of_all_and_of_each_reviewer():
    found = measure_time(table(answer(IDS[0], "fake", "a", seconds=2.0), answer(IDS[0], "unsure", "b", seconds=8.0)))
    assert found["median_seconds"] == 5
    assert found["reviewers"]["b"] == {"answers": 1, "unsure": 1, "median_seconds": 8, "hours": 8 / 3600}
