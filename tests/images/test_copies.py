"""Damaged copies: the same for an image and a number whenever they are made, and each way within its range."""

import hashlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from facesift.images.copies import damaged_copy, mirrored
from facesift.images.damage import blur
from facesift.images.faces import Face
from tests.made_config import Copies

FACE = Face((10.0, 12.0, 40.0, 52.0), ((18.0, 24.0), (32.0, 25.0), (25.0, 33.0), (20.0, 42.0), (31.0, 43.0)), 0.9)
NEVER = {"scale": None, "blur": None, "noise": None, "flip": 0.0}
IDS = [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(40)]


def photo(size=(60, 80)):
    ramp = np.add.outer(np.arange(size[1]), np.arange(size[0]) * 2) % 256
    return Image.fromarray(np.stack([ramp, ramp[:, ::-1], ramp[::-1]], axis=2).astype(np.uint8))


def grey(size=(64, 64)):
    return Image.new("RGB", size, (128, 128, 128))


def copy(image, spec, number=0, image_id=IDS[0], face=None):
    return np.asarray(damaged_copy(image, face, spec, number, image_id)[0])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_copy_is_the_same_whenever_it_is_made(number):
    spec = Copies(count=3, noise=[1.0, 5.0])
    assert np.array_equal(copy(photo(), spec, number), copy(photo(), spec, number))


def test_other_images_are_damaged_otherwise():
    spec = Copies(**(NEVER | {"count": 1, "noise": [1.0, 5.0]}))
    assert not np.array_equal(copy(photo(), spec, image_id=IDS[0]), copy(photo(), spec, image_id=IDS[1]))


def test_copies_of_an_image_differ():
    spec = Copies(**(NEVER | {"count": 2, "noise": [1.0, 5.0]}))
    assert not np.array_equal(copy(photo(), spec, 0), copy(photo(), spec, 1))


@pytest.mark.parametrize("size", [(60, 80), (81, 33), (1, 1), (2, 700)])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_copy_has_the_images_size(size, number):
    image, _ = damaged_copy(grey(size), None, Copies(count=3, noise=[1.0, 2.0]), number, IDS[0])
    assert image.size == size


def test_copies_take_turns_in_the_ways():
    spec = Copies(count=3, noise=[1.0, 2.0], flip=0.0)
    for image_id in IDS[:3]:
        ways = [way_of(spec, number, image_id) for number in range(3)]
        assert sorted(ways) == ["blur", "noise", "scale"]


def way_of(spec, number, image_id):
    """Name the way of a copy: the only way with which it would be the same."""
    image = photo()
    here = copy(image, spec, number, image_id)
    for way in ("scale", "blur", "noise"):
        alone = spec.model_copy(update={other: None for other in ("scale", "blur", "noise") if other != way})
        if np.array_equal(here, copy(image, alone, number, image_id)):
            return way
    raise AssertionError("damaged in none of the ways")


def test_a_first_way_is_not_the_same_for_all_images():
    spec = Copies(count=1, noise=[1.0, 2.0], flip=0.0)
    assert {way_of(spec, 0, image_id) for image_id in IDS} == {"scale", "blur", "noise"}


def test_a_flip_mirrors_image_and_face():
    spec = Copies(**(NEVER | {"count": 1, "flip": 1.0, "blur": [0.0, 0.0]}))
    image, face = damaged_copy(photo(), FACE, spec, 0, IDS[0])
    assert np.array_equal(np.asarray(image), np.asarray(ImageOps.mirror(photo())))
    assert face == mirrored(FACE, 60)


def test_a_share_of_the_copies_is_flipped():
    spec = Copies(**(NEVER | {"count": 1, "flip": 0.5, "blur": [0.0, 0.0]}))
    flipped = [not np.array_equal(copy(photo(), spec, image_id=each), np.asarray(photo())) for each in IDS]
    assert 10 <= sum(flipped) <= 30


def test_a_mirrored_face_has_its_landmarks_on_the_same_pixels():
    marks = np.zeros((80, 60, 3), np.uint8)
    for number, (x, y) in enumerate(FACE.landmarks):
        marks[int(y), int(x)] = number + 1
    found = np.asarray(ImageOps.mirror(Image.fromarray(marks)))
    seen = [found[int(y), int(x) - 1, 0] for x, y in mirrored(FACE, 60).landmarks]
    assert seen == [2, 1, 3, 5, 4]


def test_the_left_landmarks_of_a_mirrored_face_have_the_smaller_x():
    (left_eye, right_eye, _, left_mouth, right_mouth) = mirrored(FACE, 60).landmarks
    assert left_eye[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]


def test_mirroring_twice_gives_the_face():
    assert mirrored(mirrored(FACE, 60), 60) == FACE


def test_no_face_stays_none():
    assert damaged_copy(photo(), None, Copies(count=1, flip=1.0), 0, IDS[0])[1] is None


def test_a_blur_is_within_its_range():
    spec = Copies(**(NEVER | {"count": 1, "blur": [0.02, 0.03]}))
    image = photo((100, 100))
    left = [blur(np.asarray(image), "", ratio).std() for ratio in (0.02, 0.03)]
    found = [copy(image, spec, image_id=each).std() for each in IDS]
    assert left[1] - 0.01 <= min(found) < max(found) <= left[0] + 0.01


def test_noise_is_within_its_range():
    spec = Copies(**(NEVER | {"count": 1, "noise": [2.0, 6.0]}))
    found = [copy(grey(), spec, image_id=each).astype(float).std() for each in IDS]
    assert 1.8 <= min(found) < 3
    assert 5 < max(found) <= 6.2


def test_scaling_is_within_its_range(monkeypatch):
    sizes = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image, "resize", lambda image, size, *more: sizes.append(tuple(size)) or resize(image, size, *more)
    )
    spec = Copies(**(NEVER | {"count": 1, "scale": [0.5, 0.7], "jpeg": None}))
    for each in IDS:
        copy(grey((100, 200)), spec, image_id=each)
    small = [size for size in sizes if size != (100, 200)]
    assert len(small) == len(IDS)
    assert all(50 <= width <= 70 and abs(height - 2 * width) <= 1 for width, height in small)


def test_the_jpeg_quality_is_within_its_range(monkeypatch):
    qualities = []
    save = Image.Image.save
    monkeypatch.setattr(
        Image.Image,
        "save",
        lambda image, *file, quality, **more: qualities.append(quality) or save(image, *file, quality=quality, **more),
    )
    for each in IDS:
        copy(grey(), Copies(**(NEVER | {"count": 1, "scale": [1.0, 1.0], "jpeg": [40, 44]})), image_id=each)
    assert set(qualities) == {40, 41, 42, 43, 44}


def test_scaling_by_one_without_jpeg_changes_nothing():
    spec = Copies(**(NEVER | {"count": 1, "scale": [1.0, 1.0], "jpeg": None}))
    assert np.array_equal(copy(photo(), spec), np.asarray(photo()))


def test_jpeg_compression_leaves_the_colours():
    spec = Copies(**(NEVER | {"count": 1, "scale": [1.0, 1.0], "jpeg": [90, 90]}))
    buffer = BytesIO()
    photo().save(buffer, "JPEG", quality=90)
    assert np.array_equal(copy(photo(), spec), np.asarray(Image.open(buffer).convert("RGB")))
