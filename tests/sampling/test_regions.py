import numpy as np
import pytest

from facesift.sampling.plan_columns import REGIONS
from facesift.sampling.regions import FaceGeometry, landmark_template, region_mask

SIDE = 96
PARTS = REGIONS[1:]


def drawn(region, seed=0, points=None, side=SIDE):
    frame = FaceGeometry.from_landmarks(landmark_template(side) if points is None else points)
    return region_mask(frame, region, side, np.random.default_rng(seed))


@pytest.mark.parametrize("region", PARTS)
def test_mask_lies_between_0_and_1(region):
    mask = drawn(region)
    assert (mask.min(), mask.dtype, mask.shape) == (0, np.float32, (SIDE, SIDE))
    assert 0.9 < mask.max() <= 1


@pytest.mark.parametrize("region", PARTS)
def test_mask_is_0_at_the_edge_of_the_image(region):
    masks = np.stack([drawn(region, seed) for seed in range(50)])
    assert not masks[:, [0, -1]].any()
    assert not masks[:, :, [0, -1]].any()


@pytest.mark.parametrize(("region", "point"), [("nose", 2), ("face", 2)])
def test_mask_covers_its_part(region, point):
    column, row = landmark_template(SIDE)[point].astype(int)
    assert all(drawn(region, seed)[row, column] > 0 for seed in range(20))


def test_mask_of_the_mouth_leaves_the_eyes_alone():
    columns, rows = landmark_template(SIDE)[:2].astype(int).T
    assert not any(drawn("mouth", seed)[rows, columns].any() for seed in range(20))


def test_some_masks_cover_one_eye_and_some_both():
    columns, rows = landmark_template(SIDE)[:2].astype(int).T
    assert {int((drawn("eyes", seed)[rows, columns] > 0.5).sum()) for seed in range(40)} == {1, 2}


@pytest.mark.parametrize("region", PARTS)
def test_mask_moves_with_the_face(region):
    moved = drawn(region, points=landmark_template(SIDE) + np.float32([7, -5]))
    assert np.allclose(moved, np.roll(drawn(region), (-5, 7), axis=(0, 1)), atol=1e-4)


@pytest.mark.parametrize("region", PARTS)
def test_mask_grows_with_the_face(region):
    small, large = (drawn(region, side=side) for side in (SIDE, 2 * SIDE))
    assert large.sum() / small.sum() == pytest.approx(4, rel=0.05)


def test_mask_turns_with_the_face():
    points = landmark_template(SIDE)
    upright, turned = drawn("mouth"), drawn("mouth", points=np.stack([SIDE - 1 - points[:, 1], points[:, 0]], axis=1))
    assert np.allclose(turned, np.rot90(upright, -1), atol=1e-4)


def test_face_from_the_side_keeps_its_size():
    points = landmark_template(SIDE)
    points[1, 0] = points[0, 0] + 3
    frontal = FaceGeometry.from_landmarks(landmark_template(SIDE))
    assert FaceGeometry.from_landmarks(points).size == pytest.approx(frontal.size, rel=0.1)


def test_face_whose_points_are_one_has_a_mask_all_the_same():
    assert drawn("face", points=np.full((5, 2), 40, np.float32)).sum() > 0


def test_face_beyond_the_image_has_an_empty_mask():
    assert not drawn("face", points=landmark_template(SIDE) + 1000).any()
