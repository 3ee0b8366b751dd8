"""Fakes: changed inside the named parts and nowhere else, and better made at harder levels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesift.portraits.drawing import PARTS, draw_portrait
from facesift.portraits.pasting import (
    PASTE_SETTINGS,
    choose_donor,
    choose_parts,
    face_colour,
    part_distance,
    paste_parts,
)

SIZE = 64
PORTRAITS = [draw_portrait(np.random.SeedSequence([7, index]), SIZE) for index in range(6)]
part_sets = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4, unique=True)


def changed(target, parts, level="easy", donor=1, entropy=0):
    """Return (size, size) by how much the most changed channel of each pixel differs from the target."""
    fake = paste_parts(target, PORTRAITS[donor], parts, level, np.random.default_rng(entropy))
    return np.abs(fake.astype(int) - target.pixels).max(axis=2)


@settings(max_examples=40, deadline=None)
@given(parts=part_sets, level=st.sampled_from(sorted(PASTE_SETTINGS)), entropy=st.integers(0, 2**32 - 1))
def test_pixels_outside_the_named_parts_are_the_targets(parts, level, entropy):
    outside = np.all([part_distance(PORTRAITS[0], part) <= 0 for part in parts], axis=0)
    assert not changed(PORTRAITS[0], parts, level, entropy=entropy)[outside].any()


@pytest.mark.parametrize("part", PARTS)
def test_named_part_is_replaced(part):
    inside = part_distance(PORTRAITS[0], part) > 0.3
    assert (changed(PORTRAITS[0], [part])[inside] > 0).mean() > 0.9


@pytest.mark.parametrize("part", PARTS)
def test_part_is_widest_inside_at_its_place(part):
    distance = part_distance(PORTRAITS[0], part)
    row, column = np.unravel_index(distance.argmax(), distance.shape)
    assert (column + 0.5, row + 0.5) == pytest.approx(PORTRAITS[0].places[part], abs=1)


def test_left_and_right_eye_do_not_overlap():
    both = (part_distance(PORTRAITS[0], "left_eye") > 0) & (part_distance(PORTRAITS[0], "right_eye") > 0)
    assert not both.any()


def test_patch_of_the_same_photo_lands_on_itself():
    """A misplaced or mirrored patch would change the middle of the part far more than a slip and a zoom of 3 % do."""
    errors = []
    for entropy in range(8):
        inside = part_distance(PORTRAITS[0], "left_eye") > 0.4
        errors.append(changed(PORTRAITS[0], ["left_eye"], "hard", donor=0, entropy=entropy)[inside].mean())
    foreign = changed(PORTRAITS[0], ["left_eye"], "hard", donor=1)[inside].mean()
    assert np.median(errors) < foreign


def test_harder_levels_leave_less_of_the_colour_difference():
    def left(level):
        inside = part_distance(PORTRAITS[0], "nose") > 0.5
        fakes = [
            paste_parts(PORTRAITS[0], PORTRAITS[donor], ["nose"], level, np.random.default_rng(donor))
            for donor in range(1, 6)
        ]
        own = PORTRAITS[0].pixels[inside].mean(axis=0)
        return np.mean([np.abs(fake[inside].mean(axis=0) - own).mean() for fake in fakes])

    assert left("easy") > left("mid") > left("hard")


def test_careless_forgers_take_a_donor_of_another_colour():
    target, donors = PORTRAITS[0], PORTRAITS[1:]

    def unlike(donor):
        return np.linalg.norm(face_colour(donor) - face_colour(target))

    assert choose_donor(target, donors, "easy") is max(donors, key=unlike)


def test_careful_forgers_take_a_donor_of_the_same_colour():
    assert choose_donor(PORTRAITS[0], PORTRAITS, "hard") is PORTRAITS[0]


@settings(max_examples=60)
@given(level=st.sampled_from(sorted(PASTE_SETTINGS)), entropy=st.integers(0, 2**32 - 1))
def test_chosen_parts_are_distinct_in_order_and_as_many_as_the_level_allows(level, entropy):
    parts = choose_parts(level, np.random.default_rng(entropy))
    low, high = PASTE_SETTINGS[level].parts
    assert low <= len(parts) <= high
    assert [part for part in PARTS if part in parts] == list(parts)
