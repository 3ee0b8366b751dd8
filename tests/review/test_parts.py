"""Parts of a queue."""

import hashlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from facesift.core.errors import FacesiftError
from facesift.review.parts import Part, parts_of
from facesift.review.server import load_state
from tests.review.planted import in_order, plant_queue, review_request
from tests.review.planted_study import shown_ids, work

IDS = [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(3000)]


@given(st.sampled_from(IDS), st.integers(1, 40))
def test_an_image_lies_in_exactly_one_part(image_id, of):
    holding = [number for number in range(1, of + 1) if Part(number, of).holds(image_id, two_persons=False)]
    assert len(holding) == 1


@given(st.sampled_from(IDS), st.integers(2, 40))
def test_an_image_lies_in_two_different_parts_for_two_persons(image_id, of):
    holding = [number for number in range(1, of + 1) if Part(number, of).holds(image_id, two_persons=True)]
    assert len(holding) == 2


@pytest.mark.parametrize(("two_persons", "expected"), [(False, 600), (True, 1200)])
def test_parts_are_about_equal(two_persons, expected):
    sizes = [sum(Part(number, 5).holds(each, two_persons=two_persons) for each in IDS) for number in range(1, 6)]
    assert all(abs(size - expected) < 0.15 * expected for size in sizes)


def test_each_reviewer_shares_images_with_each_other_one():
    pairs = {frozenset(parts_of(each, 5, two_persons=True)) for each in IDS}
    assert len(pairs) == 5 * 4 / 2


@pytest.mark.parametrize("text", ["0/5", "6/5", "2", "2/", "a/b", "2/5/1", "-1/5", "1/0"])
def test_a_part_that_does_not_exist_is_refused(text):
    with pytest.raises(FacesiftError, match="such as 2/5"):
        Part.parse(text)


def test_the_pages_of_all_parts_show_each_image_once(tmp_path):
    decisions = plant_queue(tmp_path, 5)
    states = [load_state(review_request(decisions, name, part=f"{at}/3")) for at, name in enumerate("abc", 1)]
    assert sorted(each for state in states for each in shown_ids(state)) == sorted(in_order(decisions))


def test_a_reviewer_is_done_with_the_part(tmp_path):
    state = load_state(review_request(plant_queue(tmp_path, 5), part="1/2"))
    work(state)
    progress = state.state()["progress"]
    assert progress["answered"] == progress["images"] == len(state.assignment.images) < 5
    assert state.state()["done"] == "Done: you have answered every image of your part."
