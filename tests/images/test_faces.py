import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.ops import nms

from facesift.images.decoding import BACKGROUND
from facesift.images.faces import (
    LONGEST,
    MULTIPLE,
    OVERLAP,
    Face,
    FaceDetector,
    as_faces,
    decode_maps,
    detector_input,
)


def empty_maps(height=16, width=24):
    return [np.zeros((channels, height, width), np.float32) for channels in (1, 2, 2, 10)]


def plant(maps, row, column, score=0.9, size=(40, 32), *, offset=(0.25, -0.25)):
    """A face of `size` (height, width) in field (row, column); its landmarks lie on the box's diagonal."""
    maps[0][0, row, column] = score
    maps[1][:, row, column] = np.log(np.array(size) / 4)
    maps[2][:, row, column] = offset
    maps[3][:, row, column] = np.repeat([0.1, 0.3, 0.5, 0.7, 0.9], 2)
    return maps


def test_a_planted_face_has_its_box():
    ((box, _, score),) = decode_maps(plant(empty_maps(), 7, 10), 0.5)
    middle = np.array([(10 - 0.25 + 0.5) * 4, (7 + 0.25 + 0.5) * 4])
    np.testing.assert_allclose(
        box, np.repeat([[-1], [1]], 2, axis=1).ravel() * [16, 20, 16, 20] + np.tile(middle, 2), rtol=1e-6
    )
    assert score == pytest.approx(0.9)


def test_landmarks_are_shares_of_the_box():
    ((box, points, _),) = decode_maps(plant(empty_maps(), 7, 10), 0.5)
    shares = (points - box[:2]) / (box[2:] - box[:2])
    np.testing.assert_allclose(shares, np.repeat([[0.1], [0.3], [0.5], [0.7], [0.9]], 2, axis=1), rtol=1e-5)


def test_down_is_not_taken_for_across():
    maps = plant(empty_maps(), 7, 10)
    maps[3][0::2, 7, 10] = 0.5  # y
    maps[3][1::2, 7, 10] = 0.25  # x
    ((box, points, _),) = decode_maps(maps, 0.5)
    np.testing.assert_allclose(points[0], [box[0] + 8, box[1] + 20], rtol=1e-5)


@pytest.mark.parametrize(("score", "found"), [(0.49, 0), (0.51, 1)])
def test_what_is_not_sure_enough_is_none(score, found):
    assert len(decode_maps(plant(empty_maps(), 3, 3, score), 0.5)) == found


@given(
    st.lists(
        st.tuples(st.integers(0, 15), st.integers(0, 23), st.integers(8, 60), st.integers(8, 60)),
        min_size=1,
        max_size=12,
        unique_by=lambda each: each[:2],
    )
)
def test_of_overlapping_faces_the_surest_is_kept_as_torchvision_does(planted):
    maps = empty_maps()
    for number, (row, column, height, width) in enumerate(planted):
        plant(maps, row, column, 0.95 - 0.03 * number, (height, width), offset=(0, 0))
    boxes, scores = [], []
    for number, (row, column, height, width) in enumerate(planted):
        x, y = (column + 0.5) * 4, (row + 0.5) * 4
        boxes.append([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
        scores.append(0.95 - 0.03 * number)
    expected = nms(torch.tensor(boxes, dtype=torch.float64), torch.tensor(scores, dtype=torch.float64), OVERLAP)
    found = [box.tolist() for box, _, _ in decode_maps(maps, 0.5)]
    np.testing.assert_allclose(found, np.array(boxes)[expected.numpy()], rtol=1e-4, atol=1e-3)


def test_the_largest_face_is_taken_not_the_surest():
    maps = plant(plant(empty_maps(), 3, 3, 0.99, (12, 12)), 12, 18, 0.6, (30, 30))
    face = as_faces(decode_maps(maps, 0.5), (1.0, 1.0))[0]
    assert face.score == pytest.approx(0.6)


def test_without_a_face_there_is_none():
    assert as_faces([], (1.0, 1.0)) == []


def test_a_face_is_given_in_pixels_of_the_image():
    box, points = np.array([10.0, 20, 30, 50]), np.full((5, 2), [12.0, 24.0])
    (face,) = as_faces([(box, points, 0.8)], (2.0, 3.0))
    assert face == Face((20.0, 60.0, 60.0, 150.0), ((24.0, 72.0),) * 5, 0.8)


def test_the_left_eye_and_corner_of_the_mouth_have_the_smaller_x():
    points = np.array([[9.0, 1], [2, 2], [5, 5], [8, 8], [3, 9]])
    (face,) = as_faces([(np.array([0.0, 0, 10, 10]), points, 0.8)], (1.0, 1.0))
    assert face.landmarks == ((2.0, 2.0), (9.0, 1.0), (5.0, 5.0), (3.0, 9.0), (8.0, 8.0))


@given(st.integers(1, 700), st.integers(1, 700))
def test_the_networks_sides_are_multiples_and_the_longer_is_fixed(width, height):
    pixels, scale = detector_input(Image.new("RGB", (width, height)))
    assert pixels.shape[0] == 3
    assert max(pixels.shape) == LONGEST
    assert all(side % MULTIPLE == 0 for side in pixels.shape[1:])
    assert max(width / scale[0], height / scale[1]) == pytest.approx(LONGEST)


def test_what_lacks_is_mid_grey_at_the_right_or_below():
    pixels, _ = detector_input(Image.new("RGB", (512, 390), "white"))  # 256 x 195 in 256 x 224
    assert (pixels[:, :195] == 255).all()
    assert (pixels[:, 195:] == BACKGROUND[0]).all()


class Planted:
    """A session that finds a face of 32 x 40 pixels in field (7, 10) whatever it sees."""

    def get_inputs(self):
        return [type("Input", (), {"name": "pixels"})]

    def run(self, _, feed):
        ((name, pixels),) = feed.items()
        assert (name, pixels.dtype) == ("pixels", np.float32)
        return [each[None] for each in plant(empty_maps(pixels.shape[2] // 4, pixels.shape[3] // 4), 7, 10)]


def test_a_larger_image_has_its_face_at_the_same_place():
    finder = FaceDetector(Planted(), 0.5)
    small, large = (finder.find(Image.new("RGB", (side, side))) for side in (LONGEST, 3 * LONGEST))
    np.testing.assert_allclose(large.box, 3 * np.array(small.box), atol=0.011)
