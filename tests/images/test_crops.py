import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facesift.config.data import Centre
from facesift.images.crops import InputSquare
from facesift.images.decoding import BACKGROUND, to_square
from facesift.images.faces import Face
from tests.made_faces import crop

MARK = 3.0  # half the side of a mark


def face_at(x, y, width, height):
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    marks = tuple((x + share * width, y + share * height) for share in (-0.4, -0.2, 0.0, 0.2, 0.4))
    return Face(box, marks, 0.9)


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("resize", ["squish", "crop"])
def test_without_a_crop_the_view_is_that_of_to_square(resize):
    image = noise(50, 31)
    np.testing.assert_array_equal(InputSquare(16, resize).pixels(image), to_square(image, 16, resize))


@pytest.mark.parametrize(("resize", "box"), [("squish", (0, 0, 50, 31)), ("crop", (9, 0, 40, 31))])
def test_without_a_crop_the_box_is_what_to_square_sees(resize, box):
    assert InputSquare(16, resize).box((50, 31)) == box


def test_the_centre_is_a_square_in_shares_of_the_image():
    view = InputSquare(10, crop=crop(method="centre", centre=Centre(x=0.25, y=0.5, side=0.4)))
    assert view.box((200, 100)) == (30, 30, 70, 70)


def test_a_centre_at_the_edge_is_moved_inside():
    view = InputSquare(10, crop=crop(method="centre", centre=Centre(x=0.0, y=1.0, side=0.4)))
    assert view.box((200, 100)) == (0, 60, 40, 100)


def test_the_centre_is_cut_out_pixel_by_pixel():
    image = noise(60, 40)
    view = InputSquare(20, crop=crop(method="centre", centre=Centre(x=0.5, y=0.5, side=0.5)))
    np.testing.assert_array_equal(view.pixels(image), np.asarray(image)[10:30, 20:40])


def test_centre_does_not_look_at_a_face():
    view = InputSquare(10, crop=crop(method="centre"))
    assert view.box((200, 100), face_at(30, 30, 20, 20)) == view.box((200, 100))


def test_an_image_without_a_face_has_the_centre():
    view = InputSquare(10, crop=crop(centre=Centre(x=0.5, y=0.5, side=0.5)))
    assert view.box((200, 100), None) == (75, 25, 125, 75)


@pytest.mark.parametrize(("margin", "side"), [(0, 40), (0.25, 60), (1, 120)])
def test_the_margin_is_added_on_each_side(margin, side):
    left, top, right, bottom = InputSquare(10, crop=crop(margin=margin)).box((400, 300), face_at(200, 150, 30, 40))
    assert (right - left, bottom - top, (left + right) / 2, (top + bottom) / 2) == (side, side, 200, 150)


def test_a_square_over_the_edge_is_moved_inside():
    assert InputSquare(10, crop=crop(margin=0.5)).box((400, 300), face_at(390, 20, 40, 40)) == (320, 0, 400, 80)


def test_the_margin_gives_way_where_the_image_is_too_small():
    assert InputSquare(10, crop=crop(margin=2)).box((120, 100), face_at(60, 50, 40, 40)) == (10, 0, 110, 100)


def test_only_beyond_a_face_larger_than_the_image_there_is_mid_grey():
    square = InputSquare(80, crop=crop(margin=1)).pixels(Image.new("RGB", (80, 40), "white"), face_at(40, 20, 60, 80))
    assert (square[:20] == BACKGROUND).all()
    assert (square[20:60] == 255).all()
    assert (square[60:] == BACKGROUND).all()


faces = st.builds(
    face_at, st.floats(-20, 320), st.floats(-20, 220), st.floats(1, 150), st.floats(1, 190)
)  # of an image of 300 x 200


@given(faces, st.floats(0, 2))
def test_the_view_is_a_square_inside_the_image_that_holds_the_face(face, margin):
    left, top, right, bottom = InputSquare(10, crop=crop(margin=margin)).box((300, 200), face)
    assert right - left == bottom - top > 0
    assert left >= 0
    assert top >= 0
    assert right <= 300
    assert bottom <= 200
    inside = np.clip(face.box, 0, (300, 200, 300, 200))
    assert (inside[:2] >= np.array([left, top]) - 1).all()
    assert (inside[2:] <= np.array([right, bottom]) + 1).all()


@pytest.mark.parametrize("place", [(150, 100), (30, 30), (280, 190)])
def test_landmarks_lie_where_the_pixels_went(place):
    face, view = face_at(*place, 60, 60), InputSquare(96, crop=crop(margin=0.2))
    pixels = np.zeros((200, 300, 3), np.uint8)
    x, y = face.landmarks[1]
    pixels[int(y - MARK) : int(y + MARK), int(x - MARK) : int(x + MARK)] = 255
    down, across = np.nonzero(view.pixels(Image.fromarray(pixels), face)[..., 0] > 127)
    np.testing.assert_allclose(view.landmarks((300, 200), face)[1], [across.mean() + 0.5, down.mean() + 0.5], atol=0.75)


def test_landmarks_without_a_face_are_nan():
    assert np.isnan(InputSquare(10, crop=crop()).landmarks((30, 30), None)).all()
