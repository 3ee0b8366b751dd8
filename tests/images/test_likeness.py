"""Thumbnails tell edited copies of a photo from other photos that have the same hash."""

import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from facesift.datasets.near_duplicates import LinkRule, near_duplicate_groups
from facesift.images.likeness import SIDE, agreement, perceptual_hash, thumbnail, thumbnail_pixels
from facesift.portraits import drawing
from tests.made import default_params

PEOPLE = 360
RULE = LinkRule.of(default_params().split)


@pytest.fixture(scope="module")
def passport_photos():
    """Drawn portraits of different people before a white background, about as passport photos are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "paint_background", lambda canvas, _: canvas.pixels.fill(1))
        seeds = np.random.SeedSequence(4).spawn(PEOPLE)
        return [Image.fromarray(drawing.draw_portrait(seed, 80).pixels) for seed in seeds]


@pytest.fixture(scope="module")
def photos():
    return [Image.fromarray(drawing.draw_portrait(seed, 160).pixels) for seed in np.random.SeedSequence(5).spawn(4)]


def looks(images: list[Image.Image]) -> pl.DataFrame:
    rows = [(perceptual_hash(image), thumbnail(image)) for image in images]
    return pl.DataFrame(rows, {"phash": pl.String, "thumbnail": pl.Binary}, orient="row")


def linked(first: Image.Image, second: Image.Image) -> bool:
    return near_duplicate_groups(looks([first, second]), RULE).largest == 2


def similarity(first: Image.Image, second: Image.Image) -> float:
    pixels, _ = thumbnail_pixels(pl.Series([thumbnail(first), thumbnail(second)]))
    return float(agreement(pixels, np.array([0]), np.array([1]))[0])


def saved(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def pasted(image: Image.Image, donor: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    copy = image.copy()
    copy.paste(donor.crop(box), box[:2])
    return copy


def test_different_people_before_a_white_background_are_not_one_group(passport_photos):
    found = near_duplicate_groups(looks(passport_photos), RULE)
    assert found.largest <= 2
    assert (np.bincount(found.groups) == 1).sum() >= 0.97 * PEOPLE
    assert found.refused_by_thumbnail > 0


def test_by_their_hashes_alone_many_of_them_would_be_grouped(passport_photos):
    found = near_duplicate_groups(looks(passport_photos), LinkRule(RULE.bits, 0))
    assert (np.bincount(found.groups) == 1).sum() < 0.8 * PEOPLE


@pytest.mark.parametrize("number", range(4))
def test_an_edited_re_encoded_and_resized_copy_of_a_passport_photo_stays_linked(passport_photos, number):
    edited = pasted(passport_photos[number], passport_photos[-1 - number], (30, 46, 52, 58))  # about the mouth
    assert linked(passport_photos[number], saved(edited.resize((61, 61)), 60))


EDITS = {
    "encoded again": lambda image, _: saved(image, 40),
    "smaller": lambda image, _: image.resize((60, 60)),
    "larger": lambda image, _: image.resize((400, 400)),
    "another eye": lambda image, donor: pasted(image, donor, (52, 60, 78, 80)),
    "another mouth": lambda image, donor: pasted(image, donor, (60, 96, 100, 118)),
    "brighter": lambda image, _: image.point(lambda value: min(255, round(value * 1.15))),
    "grey": lambda image, _: image.convert("L"),
    "cut by a hundredth": lambda image, _: image.crop((2, 1, 159, 158)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_copy_stays_linked_with_its_original(photos, edit):
    assert linked(photos[0], EDITS[edit](photos[0], photos[1]))


def test_a_photo_and_two_edits_of_it_are_one_group(photos):
    edits = [EDITS[name](photos[0], photos[1]) for name in ("another eye", "another mouth")]
    assert near_duplicate_groups(looks([photos[0], *edits, photos[2]]), RULE).groups.tolist() == [0, 0, 0, 1]


def test_a_thumbnail_agrees_fully_with_itself_in_both_directions(photos):
    assert similarity(photos[0], photos[0]) == 1
    assert similarity(photos[0], photos[1]) == similarity(photos[1], photos[0])


def test_other_photos_hardly_agree(photos):
    assert similarity(photos[0], photos[1]) < 0.45


def test_two_flat_images_say_nothing_against_a_link():
    assert similarity(Image.new("L", (50, 50), 9), Image.new("RGB", (9, 9), (200, 200, 200))) == 1


def test_a_thumbnail_has_a_byte_for_each_pixel(photos):
    assert len(thumbnail(photos[0])) == SIDE * SIDE


def test_an_unknown_thumbnail_is_marked(photos):
    known = thumbnail_pixels(pl.Series([None, thumbnail(photos[0])], dtype=pl.Binary))[1]
    assert known.tolist() == [False, True]
