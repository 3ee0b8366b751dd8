"""What is measured of a photo: drawn faces with a known fault, and without it."""

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from facesift.images.faces import Face
from facesift.quality.photo_figures import bars_of, measure_photo

SIDE = 300
MARKS = ((120, 130), (180, 130), (150, 165), (128, 200), (172, 200))
FACE = Face((85.0, 70.0, 215.0, 250.0), tuple((float(x), float(y)) for x, y in MARKS), 0.9)


def portrait(skin=(205, 165, 140), wall=(120, 130, 140)):
    """A drawn face whose landmarks are `MARKS`, with the grain of a photo."""
    image = Image.new("RGB", (SIDE, SIDE), wall)
    draw = ImageDraw.Draw(image)
    draw.ellipse((85, 70, 215, 250), fill=skin)
    for x, y in MARKS[:2]:
        draw.ellipse((x - 14, y - 8, x + 14, y + 8), fill=(240, 240, 240))
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(60, 40, 30))
    draw.polygon([(150, 140), (140, 170), (160, 170)], fill=(175, 130, 110))
    draw.ellipse((125, 190, 175, 212), fill=(150, 60, 65))
    draw.line((128, 200, 172, 200), fill=(60, 20, 20), width=3)
    grain = np.random.default_rng(0).normal(0, 5, (SIDE, SIDE, 1))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def covered(image, box, colour):
    image = image.copy()
    ImageDraw.Draw(image).rectangle(box, fill=colour)
    return image


def figures(image, *faces):
    return measure_photo(image, list(faces) or [FACE])


def test_a_good_photo_has_figures_far_from_every_limit():
    found = figures(portrait())
    assert (found.faces, found.second_face, found.face_side, found.turn) == (1, 0.0, 130.0, 0.0)
    assert found.eyes > 0.6
    assert found.mouth > 0.2
    assert found.bars == 0.0
    assert max(found.dark, found.bright) < 0.01
    assert found.blur < 0.5


def test_a_second_face_counts_by_its_area():
    small = Face((0.0, 0.0, 13.0, 18.0), MARKS, 0.6)
    assert figures(portrait(), FACE, small).second_face == pytest.approx(0.01)


@pytest.mark.parametrize("degrees", [0, 20, 45, 60])
def test_a_turned_head_moves_the_nose_beside_the_eyes(degrees):
    """Eyes at half a distance to both sides, a nose of 0.4 distances before them, turned and seen from the front."""
    angle = math.radians(degrees)
    across = [60 * (x * math.cos(angle) + depth * math.sin(angle)) for x, depth in ((-0.5, 0), (0.5, 0), (0, 0.4))]
    marks = tuple((150 + x, y) for x, y in zip(across, (130, 130, 165), strict=True)) + MARKS[3:]
    turned = figures(portrait(), Face(FACE.box, marks, 0.9)).turn
    assert turned == pytest.approx(0.4 * math.tan(angle), abs=1e-3)


def test_sunglasses_make_the_eyes_dark():
    glasses = covered(portrait(), (98, 116, 202, 146), (25, 25, 28))
    assert figures(glasses).eyes < 0.2
    assert figures(portrait((90, 60, 45))).eyes > 0.6


def test_a_mask_takes_the_contrast_of_the_mouth():
    mask = covered(portrait(), (90, 160, 210, 250), (150, 185, 215))
    assert figures(mask).mouth < 0.05
    assert figures(portrait((90, 60, 45))).mouth > 0.2


def test_blur_is_told_from_a_sharp_photo_at_any_size():
    for scale in (1, 2, 4):
        photo = portrait().resize((SIDE * scale, SIDE * scale), Image.Resampling.BICUBIC)
        face = Face(tuple(scale * each for each in FACE.box), tuple((scale * x, scale * y) for x, y in MARKS), 0.9)
        blurred = photo.filter(ImageFilter.GaussianBlur(5 * scale))
        assert figures(photo, face).blur < 0.55
        assert figures(blurred, face).blur > 0.65


def test_blur_of_a_tiny_face_is_not_measured():
    assert figures(portrait(), Face((0.0, 0.0, 20.0, 20.0), MARKS, 0.9)).blur is None


def test_a_dark_and_a_bright_photo_have_black_and_white_faces():
    dark = portrait().point(lambda value: value // 9)
    bright = portrait().point(lambda value: min(255, value * 2))
    assert (figures(dark).dark > 0.9, figures(dark).bright) == (True, 0.0)
    assert (figures(bright).bright > 0.5, figures(bright).dark) == (True, 0.0)


def test_a_white_wall_makes_no_bright_photo():
    wall = portrait(wall=(255, 255, 255))
    assert figures(wall).bright < 0.25
    assert measure_photo(wall, None).bright < 0.25  # nobody looked for a face: the middle counts


@pytest.mark.parametrize("pad", [((40, 40), (0, 0)), ((0, 0), (30, 30)), ((0, 60), (0, 0))])
@pytest.mark.parametrize("colour", [0, 255, 128])
def test_bars_are_found_on_all_sides(pad, colour):
    photo = np.pad(np.asarray(portrait()), (*pad, (0, 0)), constant_values=colour)
    share = max(sum(each) / size for each, size in zip(pad, photo.shape, strict=False))
    assert bars_of(Image.fromarray(photo)) == pytest.approx(share, abs=0.01)


def test_a_bar_with_the_clock_of_a_telephone_is_one():
    photo = Image.fromarray(np.pad(np.asarray(portrait()), ((40, 40), (0, 0), (0, 0))))
    ImageDraw.Draw(photo).rectangle((10, 10, 30, 20), fill=(255, 255, 255))
    assert bars_of(photo) == pytest.approx(80 / 380, abs=0.01)


def test_a_plain_wall_and_a_frame_of_one_colour_are_no_bars():
    wall = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    ImageDraw.Draw(wall).ellipse((100, 80, 200, 300), fill=(180, 140, 120))
    assert bars_of(wall) == 0
    assert bars_of(Image.new("RGB", (SIDE, SIDE))) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (400, 1), (3, 3), (2000, 1500)])
@pytest.mark.parametrize("faces", [None, [], [FACE], [Face((-90.0, -90.0, -10.0, -10.0), ((-5.0, -5.0),) * 5, 0.5)]])
def test_every_size_is_measured_wherever_the_face_is(size, faces):
    found = measure_photo(Image.new("RGB", size, (200, 200, 200)), faces)
    assert 0 <= found.dark <= 1
    assert found.faces == (None if faces is None else len(faces))
