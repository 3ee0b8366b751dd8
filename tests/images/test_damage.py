"""Each corruption does what its name says, and to the same image always the same."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import convolve

from facesift.config.damage import STRONGEST, Corruption
from facesift.images.damage import KINDS, corrupt, corrupt_image

SIDE = 32
STRENGTHS = {
    "jpeg": (90, 50),
    "blur": (0.01, 0.04),
    "scale": (0.8, 0.3),
    "noise": (3, 12),
    "shift": (0.04, 0.2),
    "downscale": (24, 8),
    "rephotograph": (0.2, 1),
    "social_media": (1600, None),  # it damages an image that fits by JPEG alone
}
SAME_SIZE = [kind for kind in KINDS if kind != "social_media"]
IDS = [f"{number:032x}" for number in range(6)]


def faces(images=6, seed=0):
    """Broad patterns with fine noise on them, away from black and white."""
    rng = np.random.default_rng(seed)
    broad = rng.integers(80, 170, (images, SIDE // 8, SIDE // 8, 3)).repeat(8, axis=1).repeat(8, axis=2)
    return (broad + rng.integers(-20, 20, (images, SIDE, SIDE, 3))).astype(np.uint8)


def strong(kind):
    mild, stronger = STRENGTHS[kind]
    return stronger or mild


def distance(pixels, kind, strength):
    damaged = corrupt(pixels, IDS, Corruption(kind=kind, strength=strength))
    return np.abs(damaged.astype(float) - pixels).mean()


def fine_detail(pixels):
    laplace = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]).reshape(1, 3, 3, 1)
    return (convolve(pixels.astype(float), laplace) ** 2).mean()


def test_strengths_are_of_all_kinds():
    assert set(STRENGTHS) == set(KINDS) == set(STRONGEST)


@pytest.mark.parametrize("kind", KINDS)
def test_shape_and_type_stay(kind):
    damaged = corrupt(faces(), IDS, Corruption(kind=kind, strength=STRENGTHS[kind][0]))
    assert damaged.shape == (6, SIDE, SIDE, 3)
    assert damaged.dtype == np.uint8


@pytest.mark.parametrize("kind", SAME_SIZE)
def test_stronger_changes_more(kind):
    mild, strong = STRENGTHS[kind]
    assert 0 < distance(faces(), kind, mild) < distance(faces(), kind, strong)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_depends_on_the_image_not_on_its_batch(kind):
    corruption = Corruption(kind=kind, strength=strong(kind))
    pixels, order = faces(), [3, 0, 5, 1, 4, 2]
    together = corrupt(pixels, IDS, corruption)
    alone = np.concatenate([corrupt(pixels[[row]], [IDS[row]], corruption) for row in order])
    assert np.array_equal(alone, together[order])


@pytest.mark.parametrize("kind", KINDS)
def test_input_stays_as_it_is(kind):
    pixels = faces()
    pixels.flags.writeable = False
    corrupt(pixels, IDS, Corruption(kind=kind, strength=strong(kind)))
    assert np.array_equal(pixels, faces())


def test_without_corruption_nothing_changes():
    assert np.array_equal(corrupt(faces(), IDS, None), faces())


@pytest.mark.parametrize("kind", ["blur", "scale", "downscale"])
def test_fine_detail_is_lost(kind):
    damaged = corrupt(faces(), IDS, Corruption(kind=kind, strength=strong(kind)))
    assert fine_detail(damaged) < 0.1 * fine_detail(faces())


@pytest.mark.parametrize("kind", ["jpeg", "blur", "scale", "shift", "downscale", "social_media"])
def test_flat_image_stays_flat(kind):
    flat = np.full((6, SIDE, SIDE, 3), 100, np.uint8)
    assert np.array_equal(corrupt(flat, IDS, Corruption(kind=kind, strength=strong(kind))), flat)


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


def portrait(height=90, width=60, seed=3):
    """A smooth upright image that is not square."""
    broad = np.random.default_rng(seed).integers(40, 210, (6, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(broad).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(90, 60), (60, 90)])
def test_an_image_of_any_size_is_damaged_and_keeps_its_size(kind, size):
    pixels = portrait(*size)
    damaged = corrupt_image(pixels, IDS[0], Corruption(kind=kind, strength=strong(kind)))
    assert damaged.shape == pixels.shape
    assert damaged.dtype == np.uint8
    assert not np.array_equal(damaged, pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_alone_is_damaged_as_in_a_batch(kind):
    corruption = Corruption(kind=kind, strength=strong(kind))
    together = corrupt(faces(), IDS, corruption)
    assert np.array_equal(corrupt_image(faces()[2], IDS[2], corruption), together[2])


def test_downscaling_leaves_an_image_that_is_small_enough():
    pixels = portrait(90, 60)
    assert np.array_equal(corrupt_image(pixels, "", Corruption(kind="downscale", strength=60)), pixels)
    assert not np.array_equal(corrupt_image(pixels, "", Corruption(kind="downscale", strength=59)), pixels)


def test_downscaling_to_half_the_side_is_scaling_to_a_half():
    pixels = portrait(90, 60)
    by_pixels = corrupt_image(pixels, "", Corruption(kind="downscale", strength=30))
    assert np.array_equal(by_pixels, corrupt_image(pixels, "", Corruption(kind="scale", strength=0.5)))


def test_social_media_makes_the_longer_side_fit_and_keeps_the_proportions():
    damaged = corrupt_image(portrait(90, 60), "", Corruption(kind="social_media", strength=45))
    assert damaged.shape == (45, 30, 3)


def test_social_media_compresses_as_a_jpeg_of_quality_75_does():
    pixels = portrait(90, 60)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=75, subsampling=2)
    damaged = corrupt_image(pixels, "", Corruption(kind="social_media", strength=1600))
    assert np.array_equal(damaged, np.asarray(Image.open(file)))


def rephotographed(pixels, image_id=IDS[0], strength=1.0):
    return corrupt_image(pixels, image_id, Corruption(kind="rephotograph", strength=strength)).astype(float)


def test_photos_of_a_screen_differ_from_image_to_image():
    pixels = portrait()
    first, second = rephotographed(pixels, IDS[0]), rephotographed(pixels, IDS[1])
    assert np.array_equal(first, rephotographed(pixels, IDS[0]))
    assert np.abs(first - second).mean() > 3


def test_a_photo_of_a_screen_has_stripes_that_are_not_the_same_in_all_colours():
    grey = np.full((128, 128, 3), 128, np.uint8)
    photo = rephotographed(grey)
    assert photo.std(axis=(0, 1)).min() > 2
    assert np.abs(photo[:, :, 0] - photo[:, :, 1]).mean() > 1


def test_photos_of_a_screen_become_darker_or_lighter():
    grey = np.full((64, 64, 3), 128, np.uint8)
    means = [rephotographed(grey, f"{number:032x}").mean() for number in range(20)]
    assert min(means) < 115
    assert max(means) > 140


def test_a_photo_of_a_screen_shows_no_border():
    """White stays nearly white up to the corners: nothing from outside the image comes in."""
    white = np.full((80, 60, 3), 255, np.uint8)
    assert min(rephotographed(white, name).min() for name in IDS) > 225


def test_a_photo_of_a_screen_is_tilted_by_a_few_per_cent_of_the_side():
    """A dot in the middle stays near the middle, and one near the corner moves outwards."""
    places = {}
    for name, (y, x) in {"middle": (100, 100), "corner": (20, 20)}.items():
        dot = np.full((200, 200, 3), 20, np.uint8)
        dot[y - 2 : y + 3, x - 2 : x + 3] = 250
        rows, columns = np.nonzero(rephotographed(dot).mean(axis=2) > 120)
        places[name] = np.array([rows.mean(), columns.mean()])
    assert np.abs(places["middle"] - 100).max() < 14
    assert (places["corner"] < 20).all()
    assert (places["corner"] > 4).all()
