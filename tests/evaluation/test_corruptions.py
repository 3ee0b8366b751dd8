"""Each corruption does what its name says, and to the same image always the same."""

import numpy as np
import pytest
from scipy.ndimage import convolve

from facesift.config.evaluation import Corruption
from facesift.evaluation.corruptions import KINDS, corrupt

SIDE = 32
STRENGTHS = {"jpeg": (90, 50), "blur": (0.01, 0.04), "scale": (0.8, 0.3), "noise": (3, 12), "shift": (0.04, 0.2)}
IDS = [f"{number:032x}" for number in range(6)]


def faces(images=6, seed=0):
    """Broad patterns with fine noise on them, away from black and white."""
    rng = np.random.default_rng(seed)
    broad = rng.integers(80, 170, (images, SIDE // 8, SIDE // 8, 3)).repeat(8, axis=1).repeat(8, axis=2)
    return (broad + rng.integers(-20, 20, (images, SIDE, SIDE, 3))).astype(np.uint8)


def distance(pixels, kind, strength):
    damaged = corrupt(pixels, IDS, Corruption(kind=kind, strength=strength))
    return np.abs(damaged.astype(float) - pixels).mean()


def fine_detail(pixels):
    laplace = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]).reshape(1, 3, 3, 1)
    return (convolve(pixels.astype(float), laplace) ** 2).mean()


def test_strengths_are_of_all_kinds():
    assert set(STRENGTHS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_shape_and_type_stay(kind):
    damaged = corrupt(faces(), IDS, Corruption(kind=kind, strength=STRENGTHS[kind][0]))
    assert damaged.shape == (6, SIDE, SIDE, 3)
    assert damaged.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_stronger_changes_more(kind):
    mild, strong = STRENGTHS[kind]
    assert 0 < distance(faces(), kind, mild) < distance(faces(), kind, strong)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_depends_on_the_image_not_on_its_batch(kind):
    corruption = Corruption(kind=kind, strength=STRENGTHS[kind][1])
    pixels, order = faces(), [3, 0, 5, 1, 4, 2]
    together = corrupt(pixels, IDS, corruption)
    alone = np.concatenate([corrupt(pixels[[row]], [IDS[row]], corruption) for row in order])
    assert np.array_equal(alone, together[order])


@pytest.mark.parametrize("kind", KINDS)
def test_input_stays_as_it_is(kind):
    pixels = faces()
    pixels.flags.writeable = False
    corrupt(pixels, IDS, Corruption(kind=kind, strength=STRENGTHS[kind][1]))
    assert np.array_equal(pixels, faces())


def test_without_corruption_nothing_changes():
    assert np.array_equal(corrupt(faces(), IDS, None), faces())


@pytest.mark.parametrize("kind", ["blur", "scale"])
def test_fine_detail_is_lost(kind):
    damaged = corrupt(faces(), IDS, Corruption(kind=kind, strength=STRENGTHS[kind][1]))
    assert fine_detail(damaged) < 0.1 * fine_detail(faces())


@pytest.mark.parametrize("kind", ["jpeg", "blur", "scale", "shift"])
def test_flat_image_stays_flat(kind):
    flat = np.full((6, SIDE, SIDE, 3), 100, np.uint8)
    assert np.array_equal(corrupt(flat, IDS, Corruption(kind=kind, strength=STRENGTHS[kind][1])), flat)


def test_blur_means_the_same_at_every_resolution():
    small = faces()
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    blurred = [corrupt(each, IDS, Corruption(kind="blur", strength=0.1)).astype(float) for each in (small, large)]
    averaged = blurred[1].reshape(6, SIDE, 4, SIDE, 4, 3).mean(axis=(2, 4))
    assert np.abs(averaged - blurred[0]).mean() < 1.0


def test_noise_has_its_deviation_and_no_offset():
    grey = np.full((6, SIDE, SIDE, 3), 128, np.uint8)
    added = corrupt(grey, IDS, Corruption(kind="noise", strength=10)).astype(float) - 128
    assert added.std() == pytest.approx(10, rel=0.03)
    assert added.mean() == pytest.approx(0, abs=0.3)


def test_noise_of_two_images_differs():
    grey = np.full((2, SIDE, SIDE, 3), 128, np.uint8)
    first, second = corrupt(grey, IDS[:2], Corruption(kind="noise", strength=10))
    assert np.abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


def test_noise_does_not_wrap_around():
    black = np.zeros((6, SIDE, SIDE, 3), np.uint8)
    assert corrupt(black, IDS, Corruption(kind="noise", strength=10)).max() < 100


def test_shift_moves_by_so_many_pixels_towards_a_corner():
    pixels, far = faces(20), 4
    ids = [f"{number:032x}" for number in range(20)]
    moved = corrupt(pixels, ids, Corruption(kind="shift", strength=far / SIDE))
    inside = slice(far, SIDE - far)
    corners = set()
    for before, after in zip(pixels, moved, strict=True):
        fits = [
            (y, x)
            for y in (-far, far)
            for x in (-far, far)
            if np.array_equal(after[inside, inside], np.roll(before, (y, x), (0, 1))[inside, inside])
        ]
        assert len(fits) == 1
        corners.add(fits[0])
    assert len(corners) == 4


def test_ids_that_do_not_fit_the_images_are_refused():
    with pytest.raises(ValueError, match="6 images but 2 ids"):
        corrupt(faces(), IDS[:2], None)
