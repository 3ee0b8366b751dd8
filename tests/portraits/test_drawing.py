"""Portraits: seeded, different from each other, with landmarks where the parts are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesift.portraits.drawing import PARTS, draw_portrait
from facesift.portraits.hair import hair_cut
from facesift.portraits.person import draw_person
from facesift.portraits.scene import Pose

SIZE = 48


def seed_of(*entropy):
    return np.random.SeedSequence(list(entropy))


def test_portrait_is_rgb_bytes_of_the_asked_size():
    pixels = draw_portrait(seed_of(1), SIZE).pixels
    assert (pixels.shape, pixels.dtype) == ((SIZE, SIZE, 3), np.uint8)


def test_same_seed_draws_the_same_portrait():
    first, second = draw_portrait(seed_of(1), SIZE), draw_portrait(seed_of(1), SIZE)
    assert np.array_equal(first.pixels, second.pixels)


def test_other_seed_draws_another_portrait():
    first, second = draw_portrait(seed_of(1), SIZE).pixels.astype(int), draw_portrait(seed_of(2), SIZE).pixels
    assert np.abs(first - second).mean() > 5


@settings(max_examples=25, deadline=None)
@given(entropy=st.integers(0, 2**32 - 1), size=st.sampled_from([48, 49, 64]))
def test_every_seed_draws_a_picture_that_is_neither_flat_nor_washed_out(entropy, size):
    pixels = draw_portrait(seed_of(entropy), size).pixels
    assert pixels.std() > 8
    assert 5 < pixels.mean() < 250


@settings(max_examples=25, deadline=None)
@given(entropy=st.integers(0, 2**32 - 1))
def test_every_part_lies_inside_the_picture(entropy):
    places = draw_portrait(seed_of(entropy), SIZE).places
    assert set(places) == set(PARTS)
    assert all(2 < at < SIZE - 2 for place in places.values() for at in place)


@settings(max_examples=25, deadline=None)
@given(entropy=st.integers(0, 2**32 - 1))
def test_parts_are_arranged_as_in_a_face(entropy):
    places = draw_portrait(seed_of(entropy), SIZE).places
    assert places["left_eye"][0] < places["nose"][0] < places["right_eye"][0]
    assert max(places["left_eye"][1], places["right_eye"][1]) < places["nose"][1] < places["mouth"][1]


def test_people_differ_in_hair_style_and_skin():
    people = [draw_person(np.random.default_rng(index)) for index in range(200)]
    assert len({person.hair.style for person in people}) == 11
    assert np.std([person.skin.mean() for person in people]) > 0.1


def test_every_hair_style_has_a_cut():
    people = (draw_person(np.random.default_rng(index)) for index in range(200))
    assert all(0 <= hair_cut(person.hair).volume < 0.5 for person in people)


def test_unturned_head_keeps_face_coordinates():
    still = Pose(column=0.5, row=0.5, scale=0.4, roll=0.0, yaw=0.0, pitch=0.0)
    assert still.project(*still.turn(0.25, -0.5, 0.7)) == pytest.approx((0.6, 0.3))


def test_head_turned_to_the_right_moves_the_nose_to_the_right():
    turned = Pose(column=0.5, row=0.5, scale=0.4, roll=0.0, yaw=0.2, pitch=0.0)
    assert turned.turn(0.0, 0.4, 0.7)[0] > 0
