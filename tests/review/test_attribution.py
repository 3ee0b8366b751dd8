"""Where a member looked: the map finds what was planted, and lies over the photo where it should."""

import io

import numpy as np
import pytest
from PIL import Image

from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.review.attribution import AttributionMaps, attribute, why_unavailable
from facesift.review.attribution_drawing import AGAINST, FOR, describe_change, describe_place, draw_map
from tests.review.planted import MEMBERS, plant_bundle, plant_images

CLASSES = Classes(("real", "fake"), "fake")
SIZE = 40


@pytest.fixture(scope="module", name="bundle")
def bundle_fixture(tmp_path_factory):
    return plant_bundle(tmp_path_factory.mktemp("bundle"))


def noise():
    return np.random.default_rng(1).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)


def roughness_of(rows, columns, sign):
    """A member that takes roughness (which blur takes away) in one place as a sign of a fake, or of a real face."""

    def score(pixels):
        rough = np.asarray(pixels, float)[:, rows, columns].std(axis=(1, 2, 3))
        return np.stack([np.zeros_like(rough), sign * rough], axis=1).astype(np.float32)

    return score


@pytest.mark.parametrize("sign", [1, -1])
def test_the_map_is_strongest_where_the_member_looks(sign):
    changes = attribute(roughness_of(slice(24, 32), slice(8, 16), sign), noise(), CLASSES)
    down, across = np.unravel_index(np.abs(changes).argmax(), changes.shape)
    assert changes.shape == (SIZE, SIZE)
    assert 20 <= down < 36
    assert 4 <= across < 20
    assert np.sign(changes[down, across]) == sign


def test_a_member_that_does_not_look_has_an_empty_map():
    changes = attribute(lambda pixels: np.zeros((len(pixels), 2), np.float32), noise(), CLASSES)
    assert not changes.any()
    assert "No part" in describe_change(changes, "fake")


def drawn(changes, size, seen=None):
    return np.asarray(Image.open(io.BytesIO(draw_map(changes, size, seen or (0, 0, *size), "").png)))


@pytest.mark.parametrize(("sign", "colour"), [(1, FOR), (-1, AGAINST)])
def test_the_colour_says_for_or_against(sign, colour):
    pixels = drawn(np.full((8, 8), sign * 2.0), (100, 100))
    assert {tuple(each) for each in pixels[-40:, -40:, :3].reshape(-1, 3).tolist()} == {colour}


def test_what_speaks_against_is_striped_and_what_speaks_for_is_not():
    alphas = [drawn(np.full((8, 8), change), (90, 90))[-40:, -40:, 3] for change in (2.0, -2.0)]
    assert [len(np.unique(alpha)) for alpha in alphas] == [1, 2]


@pytest.mark.parametrize("size", [(100, 50), (50, 100), (100, 100)])
def test_the_drawing_has_the_photos_proportions(size):
    pixels = drawn(np.ones((8, 8)), size)
    assert pixels.shape[1] / pixels.shape[0] == pytest.approx(size[0] / size[1])


def test_the_map_lies_where_the_committee_looked():
    alpha = drawn(np.ones((8, 8)), (200, 100), (50, 0, 150, 100))[-50:, :, 3]  # the ring is in the upper left corner
    assert not alpha[:, : alpha.shape[1] // 4 - 1].any()
    assert alpha[:, alpha.shape[1] // 4 + 1 : -alpha.shape[1] // 4 - 1].all()


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [(0, 0, "top left"), (4, 4, "centre"), (8, 4, "bottom"), (4, 8, "right"), (8, 8, "bottom right")],
)
def test_the_words_name_the_place(row, column, place):
    changes = np.zeros((9, 9))
    changes[row, column] = -1.5
    told = describe_change(changes, "fake")
    assert f"at the {place} (ring): blurring it raises the log-odds of fake by 1.50" in told
    assert describe_place(changes, "fake") == f"Strongest at the {place} (ring): it speaks against fake."
    assert describe_place(changes, "") == f"Strongest at the {place} (ring)."


def test_maps_are_made_of_the_bundles_weights_and_kept(bundle, tmp_path):
    data = plant_images(tmp_path, 1)[0].read_bytes()
    maps = AttributionMaps.load(bundle)
    made = maps.request("0" * 32, MEMBERS[0], data)
    assert made.result(60).png.startswith(b"\x89PNG")
    assert maps.request("0" * 32, MEMBERS[0], data) is made
    assert maps.request("0" * 32, MEMBERS[1], data).result(60).png != made.result().png


def test_changed_weights_are_refused(bundle, tmp_path):
    import shutil

    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    weights = copy / f"members/{MEMBERS[0]}.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    asked = AttributionMaps.load(copy).request("0" * 32, MEMBERS[0], plant_images(tmp_path, 1)[0].read_bytes())
    with pytest.raises(FacesiftError, match=r"missing or damaged"):
        asked.result(60)


def test_what_is_missing_is_named(tmp_path, bundle, monkeypatch):
    import importlib.util

    assert "--bundle" in why_unavailable(tmp_path)
    assert why_unavailable(bundle) == ""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "torch and captum" in why_unavailable(bundle)
