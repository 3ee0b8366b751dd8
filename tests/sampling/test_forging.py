import numpy as np
import pytest

from facesift.sampling.forging import WAVE, Forgery, LandmarkedFace, forge
from facesift.sampling.plan_columns import REGIONS
from facesift.sampling.regions import FaceGeometry, landmark_template, region_mask

SIDE = 64
WAYS = [("composite", False), ("composite", True), ("self_blend", False)]


def face(seed):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (8, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    pixels = (coarse + rng.integers(-30, 30, coarse.shape)).astype(np.uint8)
    return LandmarkedFace(pixels, landmark_template(SIDE) + rng.normal(0, 1, (5, 2)).astype(np.float32))


def forged(kind="composite", region="face", *, poisson=False, seed=(1,), colour=0.8, warp=0.5):
    target = face(0)
    return forge(
        target, target if kind == "self_blend" else face(1), Forgery(kind, region, poisson, colour, warp, seed)
    )


@pytest.mark.parametrize("region", REGIONS[1:])
@pytest.mark.parametrize(("kind", "poisson"), WAYS)
def test_pixels_beyond_the_part_are_the_targets(kind, poisson, region):
    for seed in range(5):
        wave = {"wave": WAVE} if kind == "self_blend" else {}
        mask = region_mask(
            FaceGeometry.from_landmarks(face(0).landmarks), region, SIDE, np.random.default_rng((seed,)), **wave
        )
        same = (forged(kind, region, poisson=poisson, seed=(seed,)) == face(0).pixels).all(axis=2)
        assert same[mask == 0].all()


@pytest.mark.parametrize("region", REGIONS[1:])
@pytest.mark.parametrize(("kind", "poisson"), WAYS)
def test_the_part_is_changed(kind, poisson, region):
    for seed in range(5):
        apart = np.abs(forged(kind, region, poisson=poisson, seed=(seed,)).astype(int) - face(0).pixels)
        assert (apart.max(axis=2) > 3).sum() > 20


@pytest.mark.parametrize(("kind", "poisson"), WAYS)
def test_the_same_arguments_give_the_same_bytes(kind, poisson):
    assert forged(kind, poisson=poisson).tobytes() == forged(kind, poisson=poisson).tobytes()


@pytest.mark.parametrize(("kind", "poisson"), WAYS)
def test_another_seed_gives_another_image(kind, poisson):
    assert forged(kind, poisson=poisson).tobytes() != forged(kind, poisson=poisson, seed=(1, 7)).tobytes()


def test_a_composite_shows_the_donor():
    target, donor = face(0), LandmarkedFace(np.full((SIDE, SIDE, 3), 90, np.uint8), landmark_template(SIDE))
    made = forge(target, donor, Forgery("composite", "face", poisson=False, colour=0.0, warp=0.0, seed=(1,)))
    column, row = target.landmarks[2].astype(int)
    assert made[row, column].tolist() == [90, 90, 90]


def test_the_donors_part_lands_on_the_targets():
    spot = np.full((SIDE, SIDE, 3), 60, np.uint8)
    points = landmark_template(SIDE) * 0.8 + 2
    column, row = np.rint(points[2]).astype(int)
    spot[row - 1 : row + 2, column - 1 : column + 2] = 250
    blank = LandmarkedFace(np.full((SIDE, SIDE, 3), 60, np.uint8), landmark_template(SIDE))
    made = forge(
        blank,
        LandmarkedFace(spot, points),
        Forgery("composite", "face", poisson=False, colour=0.0, warp=0.0, seed=(1,)),
    )
    weight = made[..., 0].astype(float) - 60
    middle = [(weight * np.indices(weight.shape)[axis]).sum() / weight.sum() for axis in (1, 0)]
    assert middle == pytest.approx(landmark_template(SIDE)[2].tolist(), abs=1)


@pytest.mark.parametrize(("colour", "changed"), [(0.0, False), (1.0, True)])
def test_a_flat_self_blend_shows_the_new_colour_alone(colour, changed):
    flat = LandmarkedFace(np.full((SIDE, SIDE, 3), [90, 120, 150], np.uint8), landmark_template(SIDE))
    made = forge(flat, flat, Forgery("self_blend", "face", poisson=False, colour=colour, warp=1.0, seed=(1,)))
    assert (made != flat.pixels).any() == changed


def test_the_target_itself_is_left_alone():
    target = face(0)
    before = target.pixels.copy()
    forge(target, target, Forgery("self_blend", "face", poisson=False, colour=1.0, warp=1.0, seed=(1,)))
    assert np.array_equal(target.pixels, before)


def test_a_face_beyond_the_image_is_not_forged():
    far = LandmarkedFace(face(0).pixels, landmark_template(SIDE) + 1000)
    made = forge(far, face(1), Forgery("composite", "face", poisson=True, colour=1.0, warp=1.0, seed=(1,)))
    assert np.array_equal(made, far.pixels)


@pytest.mark.parametrize("region", REGIONS[1:])
@pytest.mark.parametrize("side", [8, 16])
def test_small_images_can_be_forged(side, region):
    pixels = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), np.uint8)
    faces = [LandmarkedFace(image, landmark_template(side)) for image in pixels]
    for seed in range(5):
        made = forge(*faces, Forgery("composite", region, poisson=True, colour=1.0, warp=1.0, seed=(seed,)))
        assert (made.shape, made.dtype) == ((side, side, 3), np.uint8)
