"""Two persons have to agree: who sees which image, when it is settled, and what each learns of the other."""

import polars as pl
import pytest

from facesift.review.server import load_state
from facesift.review.state import ConflictError
from tests.review.planted_study import change, plant_study, shown, shown_ids, study_request, work


@pytest.fixture(name="folder")
def folder_fixture(tmp_path):
    plant_study(tmp_path, ["real", "fake", "real", "fake"], two_persons=True)
    change(tmp_path, "decisions", decision=pl.lit("review"))
    return tmp_path


def state_of(folder, reviewer, **changes):
    return load_state(study_request(folder, reviewer, **changes))


def test_an_image_waits_until_two_gave_the_same_answer(folder):
    anna, ben, carl = (state_of(folder, name) for name in ("anna", "ben", "carl"))
    first = shown_ids(anna)[0]
    anna.answer(first, "fake", 1, None)
    assert first in shown_ids(ben)
    ben.answer(first, "fake", 1, None)
    assert first not in shown_ids(carl)


def test_a_disagreement_goes_to_a_third_person_whose_answer_settles_it(folder):
    anna, ben, carl, dora = (state_of(folder, name) for name in ("anna", "ben", "carl", "dora"))
    first = shown_ids(anna)[0]
    anna.answer(first, "fake", 1, None)
    ben.answer(first, "real", 1, None)
    assert first in shown_ids(carl)
    carl.answer(first, "fake", 1, None)
    assert first not in shown_ids(dora)


def test_a_reviewer_sees_no_image_that_they_answered(folder):
    anna = state_of(folder, "anna")
    first = shown_ids(anna)[0]
    anna.answer(first, "fake", 1, None)
    assert first not in shown_ids(anna)
    assert anna.filters == ("unanswered",)


def test_a_reviewer_learns_nothing_of_the_others_answer(folder):
    anna, ben = (state_of(folder, name) for name in ("anna", "ben"))
    before = shown(ben)[0]
    anna.answer(before["image_id"], "fake", 1, None)
    assert shown(ben)[0] == before
    ben.answer(before["image_id"], "real", 1, None)
    assert ben.state()["progress"]["disagreement"] == 0


def test_an_answer_is_not_replaced_in_another_window(folder):
    anna = state_of(folder, "anna")
    first = shown_ids(anna)[0]
    anna.answer(first, "fake", 1, None)
    with pytest.raises(ConflictError, match="It stays"):
        anna.answer(first, "real", 1, "fake")


def test_an_answer_that_is_taken_back_waits_again(folder):
    anna = state_of(folder, "anna")
    first = shown_ids(anna)[0]
    anna.undo(anna.answer(first, "fake", 1, None)["last"]["number"])
    assert shown_ids(anna)[0] == first


def test_unsure_leaves_the_image_to_two_others(folder):
    anna, ben, carl = (state_of(folder, name) for name in ("anna", "ben", "carl"))
    first = shown_ids(anna)[0]
    anna.answer(first, "unsure", 1, None)
    ben.answer(first, "fake", 1, None)
    assert first in shown_ids(carl)


def test_progress_counts_what_waits_for_this_reviewer(folder):
    anna, ben, carl = (state_of(folder, name) for name in ("anna", "ben", "carl"))
    for state in (anna, ben):
        state.answer(shown_ids(state)[0], "fake", 1, None)
    assert anna.state()["progress"] | {"by_answer": None} == {
        "images": 4, "answered": 1, "by_answer": None, "disagreement": 0, "aside": 0,
    }  # fmt: skip
    assert (carl.state()["progress"]["images"], carl.state()["progress"]["answered"]) == (3, 0)


def test_the_two_parts_of_an_image_settle_it(tmp_path):
    plant_study(tmp_path, ["real"] * 12, two_persons=True)
    change(tmp_path, "decisions", decision=pl.lit("review"))
    states = [state_of(tmp_path, name, part=f"{number}/3") for number, name in enumerate(("a", "b", "c"), 1)]
    assert sorted(each for state in states for each in shown_ids(state)) == sorted(2 * states[0].queue.image_ids)
    for state in states:
        work(state)
        assert state.state()["done"] == "Done: no image waits for you."
    assert shown_ids(state_of(tmp_path, "dora")) == []


def test_a_disagreement_waits_for_reviewers_of_other_parts(tmp_path):
    plant_study(tmp_path, ["real"] * 12, two_persons=True)
    change(tmp_path, "decisions", decision=pl.lit("review"))
    states = [state_of(tmp_path, name, part=f"{number}/3") for number, name in enumerate(("a", "b", "c"), 1)]
    image = next(iter(states[0].assignment.images & states[1].assignment.images))
    assert image not in shown_ids(states[2])
    states[0].answer(image, "real", 1, None)
    states[1].answer(image, "fake", 1, None)
    assert image in shown_ids(states[2])
