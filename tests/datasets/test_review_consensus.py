import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given

from facesift.core.errors import FacesiftError
from facesift.datasets.reviews import CONSENSUS, check_answers, find_consensus
from tests.made_reviews import answer, table

IMAGE = "0" * 32


def agreed(*said, two_persons=False):
    """Consensus on one image of reviewers a, b, c ..., who answer on the 1st, 2nd, 3rd ... of the month."""
    rows = [answer(IMAGE, each, "abcd"[row], f"2026-11-0{row + 1}T00:00:00Z") for row, each in enumerate(said)]
    return find_consensus(table(*rows), two_persons=two_persons).row(0, named=True)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("fake",), "fake"),
        (("fake", "fake"), "fake"),
        (("fake", "unsure"), "fake"),
        (("unsure",), None),
        (("fake", "real"), None),
        (("fake", "fake", "real"), None),
    ],
)
def test_only_a_unanimous_answer_counts(said, expected):
    assert agreed(*said)["answer"] == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("fake",), (None, "a", False, True)),
        (("fake", "unsure"), (None, "a", False, True)),
        (("unsure", "unsure"), (None, "", False, False)),
        (("fake", "fake"), ("fake", "a+b", False, False)),
        (("fake", "unsure", "fake"), ("fake", "a+c", False, False)),
        (("fake", "real"), (None, "a+b", True, False)),
        (("fake", "real", "unsure"), (None, "a+b", True, False)),
        (("fake", "real", "real"), ("real", "b+c", False, False)),
        (("fake", "real", "swap"), (None, "a+b+c", True, False)),
        (("fake", "real", "real", "fake"), (None, "a+b+c+d", True, False)),
    ],
)
def test_two_persons_and_more_than_for_any_other_class_have_to_agree(said, expected):
    found = agreed(*said, two_persons=True)
    assert (found["answer"], found["reviewers"], found["disagree"], found["waiting"]) == expected


def test_one_person_leaves_nothing_waiting():
    assert not agreed("fake")["waiting"]


def test_who_is_unsure_neither_disagrees_nor_is_named():
    found = agreed("fake", "unsure", "fake")
    assert (found["disagree"], found["reviewers"]) == (False, "a+c")


def test_time_is_that_of_the_latest_answer_that_decides():
    assert agreed("fake", "fake", "unsure")["reviewed_at"] == "2026-11-02T00:00:00Z"


def test_no_answers_are_an_empty_table_of_the_same_columns():
    assert find_consensus(table()).schema == CONSENSUS


@given(
    st.permutations(
        [answer(IMAGE[:-1] + digit, said, who) for digit in "123" for said, who in [("fake", "a"), ("real", "b")]]
    )
)
def test_order_of_the_answers_changes_nothing(rows):
    assert find_consensus(pl.DataFrame(rows, table().schema, orient="row")).equals(find_consensus(table(*rows)))


def test_an_answer_that_is_no_class_is_named_with_file_and_image():
    images = pl.DataFrame({"image_id": [IMAGE]})
    with pytest.raises(FacesiftError, match=rf"data/reviews/ben\.csv: image {IMAGE} is called 'cat'"):
        check_answers(images, table(answer(IMAGE, "cat", "ben")), ("real", "fake"))


def test_an_answer_of_another_study_is_none_of_ours():
    check_answers(pl.DataFrame({"image_id": [IMAGE]}), table(answer("1" * 32, "cat")), ("real", "fake"))
