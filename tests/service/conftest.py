"""Bundles to serve; images to send: good ones of several formats, and one for each way to be bad."""

import shutil

import numpy as np
import polars as pl
import pytest
from PIL import Image

from facesift.bundle.drift_reference import make_reference
from facesift.images.quality import QUALITIES
from tests.images.test_decoding import noise, stored
from tests.made_bundle import change_card, give_reference

KINDS = {"a.jpg": "JPEG", "b.png": "PNG", "c.webp": "WEBP", "d.bmp": "BMP"}


@pytest.fixture(scope="session")
def photos():
    return {name: stored(noise(40, 30 + number), kind) for number, (name, kind) in enumerate(KINDS.items())}


@pytest.fixture(scope="session")
def bad_photos():
    return {
        "torn.jpg": stored(noise(60, 60), "JPEG")[:-300],
        "empty.jpg": b"",
        "page.jpg": b"<html>404 not found</html>",
        "bomb.png": stored(Image.new("1", (20_000, 20_000))),
    }


def make_bundle(folder, exported, study):
    """Copy a bundle, with a drift reference of dark images, under another study's name: so its hash differs."""
    shutil.copytree(exported, folder)
    rng = np.random.default_rng(0)
    numbers = {name: rng.normal(20, 2, 200) for name in ("width", "height", "bytes", *QUALITIES)}
    table = pl.DataFrame(
        {"label": ["real", "fake"] * 100, "decision": ["real", "review"] * 100, "probability": rng.random(200)}
        | numbers
    )
    give_reference(folder, make_reference(table, "fake"))
    change_card(folder, lambda card: card.update(study=study))
    return folder


@pytest.fixture(scope="session")
def served(exported, tmp_path_factory):
    """The folder of a bundle. Do not write into it."""
    return make_bundle(tmp_path_factory.mktemp("served") / "committee", exported, "made")


@pytest.fixture(scope="session")
def successor(exported, tmp_path_factory):
    """The folder of another bundle, which decides alike."""
    return make_bundle(tmp_path_factory.mktemp("successor") / "committee", exported, "successor")
