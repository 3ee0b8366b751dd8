"""Other views of a photo, the facts of its file, and the words that say why it is shown."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from facesift.images.decoding import BadImage
from facesift.review import file_facts as facts_module
from facesift.review.file_facts import NO_READER, file_facts
from facesift.review.photo_views import LONGEST, VIEWS, photo_view
from facesift.review.why import why_here

LIMIT = 10**7
VOTES = {"one": "fake", "two": "fake", "three": "real", "four": "real", "stacker": "real"}


def saved(image, kind="PNG", **more):
    data = io.BytesIO()
    image.save(data, kind, **more)
    return data.getvalue()


def pasted(kind="PNG"):
    """A smooth photo with a noisy square at rows and columns 40 to 60."""
    pixels = np.full((100, 80, 3), 120, np.uint8)
    pixels[40:60, 40:60] += np.random.default_rng(0).integers(0, 40, (20, 20, 3), dtype=np.uint8)
    return saved(Image.fromarray(pixels), kind)


def seen(kind, data):
    return np.asarray(Image.open(io.BytesIO(photo_view(data, kind, LIMIT))).convert("L"), float)


@pytest.mark.parametrize("kind", VIEWS)
def test_a_view_shows_the_part_with_another_texture(kind):
    values = seen(kind, pasted())
    assert values.shape == (100, 80)
    assert values[42:58, 42:58].std() > 3 * values[5:35, 5:35].std() + 1


def test_a_part_with_another_jpeg_past_has_another_error_level():
    rng = np.random.default_rng(1)
    photo = Image.fromarray(rng.integers(60, 200, (96, 96, 3), dtype=np.uint8))
    once = Image.open(io.BytesIO(saved(photo, "JPEG", quality=50))).convert("RGB")
    once.paste(photo.crop((32, 32, 64, 64)), (32, 32))
    values = seen("error", saved(once))
    assert values[34:62, 34:62].mean() > 1.3 * values[:30, :30].mean()


def test_a_large_photo_is_shrunk_first():
    data = saved(Image.new("RGB", (LONGEST + 500, 40), (90, 90, 90)))
    assert max(seen("noise", data).shape) == LONGEST


def test_a_file_that_is_no_image_has_no_view():
    with pytest.raises(BadImage):
        photo_view(b"none", "noise", LIMIT)


def test_facts_name_size_camera_and_software():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Maker", "X100\x00\x07", "Editor 3.1"
    found = dict(file_facts(saved(Image.new("RGB", (300, 200)), "JPEG", exif=exif), LIMIT))
    assert found["Size"].startswith("300 x 200 pixels, ")
    assert found["Size"].endswith("JPEG")
    assert (found["Camera"], found["Software"]) == ("Maker X100", "Editor 3.1")


def test_facts_say_what_is_not_in_the_file():
    found = dict(file_facts(pasted(), LIMIT))
    assert (found["Camera"], found["Software"]) == ("not in the file", "not in the file")
    assert "Taken" not in found


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ({"active_manifest": "m", "manifests": {"m": {"claim_generator": "Editor/1"}}}, "in the file, by Editor/1"),
        ({"active_manifest": "m", "manifests": {"m": {}}}, "in the file, by an unnamed program"),
        (ValueError("ManifestNotFound: no JUMBF data found"), "none in the file"),
        (ValueError("Io: unknown"), "could not be read"),
    ],
)
def test_content_credentials_are_read_where_the_reader_is_installed(monkeypatch, manifest, told):
    class Reader:
        def __init__(self, *_):
            if isinstance(manifest, Exception):
                raise manifest

        def json(self):
            return json.dumps(manifest)

    monkeypatch.setattr(facts_module, "find_spec", lambda name: name)
    monkeypatch.setitem(__import__("sys").modules, "c2pa", type("c2pa", (), {"Reader": Reader}))
    assert dict(file_facts(pasted(), LIMIT))["Content Credentials"] == told


def test_without_the_reader_nobody_looked_for_content_credentials(monkeypatch):
    monkeypatch.setattr(facts_module, "find_spec", lambda _: None)
    assert dict(file_facts(pasted(), LIMIT))["Content Credentials"] == NO_READER


@pytest.mark.parametrize(
    ("row", "rule", "told"),
    [
        ({}, "unanimous", "2 of 5 voters say fake; all must agree."),
        ({"rule": "majority"}, "unanimous", "2 of 5 voters say fake; most must agree."),
        ({}, None, "2 of 5 voters say fake."),
        ({"reason": "no face: a person decides"}, None, "No face: a person decides. 2 of 5 voters say fake."),
        (
            {"rule": "point:cost", "lo": 0.02, "hi": 0.5, "probability": 0.31},
            None,
            "Its probability of fake is 31 %: decided without a person below 2 % and from 50 % on.",
        ),
        ({"votes": {}}, "unanimous", ""),
    ],
)
def test_the_words_say_why_an_image_is_shown(row, rule, told):
    assert why_here({"votes": VOTES, "decision": "review"} | row, "fake", rule) == told
