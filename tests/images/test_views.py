"""Views: where each square lies, that it is in the image, and that native resolution is not resampled."""

import numpy as np
import pytest
from PIL import Image

from facesift.images.faces import Face
from facesift.images.views import TEMPLATE, TEMPLATE_FACE, cut_views, squares_of, view_boxes

SIDE = 32
# A face of 60 x 80 pixels in an image of 200 x 240.
FACE = Face(
    (70.0, 90.0, 130.0, 170.0), ((85.0, 120.0), (115.0, 120.0), (100.0, 136.0), (90.0, 152.0), (112.0, 152.0)), 0.9
)
SIZE = (200, 240)
ALL = ["whole", "centre", "tiles", "face", "eyes", "nose", "mouth"]


def box(view, *, size=SIZE, face=FACE, centre=0.7, side=SIDE):
    (found,) = view_boxes(size, [view], centre, side, face)
    return found


def middle(found):
    left, top, right, bottom = found
    return (left + right) / 2, (top + bottom) / 2


def noise(size, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


def test_whole_is_the_middle_square_of_the_shorter_side():
    assert box("whole") == (0, 20, 200, 220)


def test_centre_is_a_share_of_the_shorter_side():
    assert box("centre") == (30, 50, 170, 190)


def test_tiles_are_four_quarters_around_the_middle():
    boxes = view_boxes(SIZE, ["tiles"], 0.7, SIDE, FACE)
    assert boxes == [(68, 88, 100, 120), (68, 120, 100, 152), (100, 88, 132, 120), (100, 120, 132, 152)]


def test_the_face_is_its_box_with_a_margin():
    left, top, right, bottom = box("face")
    assert middle((left, top, right, bottom)) == (100, 130)
    assert right - left == bottom - top == 96  # 1.2 times the longer side


@pytest.mark.parametrize(("view", "at"), [("eyes", (100, 120)), ("nose", (100, 136)), ("mouth", (101, 152))])
def test_parts_are_around_their_landmarks(view, at):
    assert middle(box(view)) == at


@pytest.mark.parametrize("view", ["eyes", "nose", "mouth"])
def test_parts_are_as_long_as_the_networks_input(view):
    left, top, right, bottom = box(view)
    assert (right - left, bottom - top) == (SIDE, SIDE)


@pytest.mark.parametrize("view", ["face", "eyes", "nose", "mouth"])
def test_without_a_face_a_template_is_taken(view):
    across, down = TEMPLATE[view]
    assert middle(box(view, face=None)) == (across * 200, round(down * 240))


def test_the_templates_face_is_a_share_of_the_shorter_side():
    left, _, right, _ = box("face", face=None)
    assert right - left == TEMPLATE_FACE * 200


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (50, 3), (31, 33), (200, 240), (900, 40)])
@pytest.mark.parametrize("face", [FACE, None])
def test_every_box_is_a_square_inside_of_the_image(size, face):
    for left, top, right, bottom in view_boxes(size, ALL, 0.7, SIDE, face):
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        assert right - left == bottom - top


@pytest.mark.parametrize("at", [(-300.0, -300.0), (900.0, 900.0)])
def test_a_face_outside_of_the_image_gives_boxes_inside(at):
    away = Face((at[0], at[1], at[0] + 60, at[1] + 80), (at,) * 5, 0.9)
    for left, top, right, bottom in view_boxes(SIZE, ["face", "eyes", "nose", "mouth"], 0.7, SIDE, away):
        assert left >= 0
        assert top >= 0
        assert right <= SIZE[0]
        assert bottom <= SIZE[1]


def test_squares_follow_the_order_of_the_views():
    assert squares_of(["eyes", "tiles", "whole"]) == ["eyes", "tile0", "tile1", "tile2", "tile3", "whole"]


def test_pixels_follow_the_order_of_the_views():
    image = noise(SIZE)
    one = [cut_views(image, [view], 0.7, SIDE, FACE) for view in ("mouth", "tiles", "whole")]
    assert np.array_equal(cut_views(image, ["mouth", "tiles", "whole"], 0.7, SIDE, FACE), np.concatenate(one))


@pytest.mark.parametrize("view", ["tiles", "eyes", "nose", "mouth"])
def test_views_at_native_resolution_are_the_images_own_pixels(view):
    image = noise(SIZE)
    pixels = cut_views(image, [view], 0.7, SIDE, FACE)
    boxes = view_boxes(SIZE, [view], 0.7, SIDE, FACE)
    assert all(np.array_equal(part, np.asarray(image.crop(each))) for part, each in zip(pixels, boxes, strict=True))


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (16, 16)])
def test_a_small_image_fills_the_networks_input(size):
    assert cut_views(noise(size), ALL, 0.7, SIDE, None).shape == (10, SIDE, SIDE, 3)


def test_the_whole_of_a_square_image_as_large_as_the_input_is_the_image():
    image = noise((SIDE, SIDE))
    assert np.array_equal(cut_views(image, ["whole"], 0.7, SIDE, None)[0], np.asarray(image))
