"""The most similar training images: found by their looks, served by their hash, and only where a study allows it."""

import numpy as np
import polars as pl
import pytest
from PIL import Image

from facesift.images.likeness import thumbnail
from tests.review.planted import Served, id_of
from tests.review.planted_study import change, plant_study, study_request

LABELS = ["fake", "real", "real", "fake", "fake"]


def plant(folder, **review):
    """Image 0 is in the queue; the others are of training, and image 2 and 4 are like it."""
    ids = plant_study(folder, LABELS, **review)
    paths = [folder / f"data/raw/portraits/face{number}.png" for number in range(len(ids))]
    base = np.asarray(Image.open(paths[0])).astype(int)
    for number in (2, 4):
        Image.fromarray(np.clip(base + number, 0, 255).astype(np.uint8)).save(paths[number])
    ids = [id_of(path) for path in paths]
    for name in ("decisions", "calibrated", "split", "stack", "manifest"):
        change(folder, name, image_id=pl.Series(ids))
    change(folder, "split", split=pl.Series(["test", *["train"] * 4]))
    change(folder, "decisions", decision=pl.Series(["review", *["real"] * 4]))
    change(folder, "manifest", thumbnail=pl.Series([thumbnail(Image.open(path)) for path in paths]))
    return ids


@pytest.fixture(name="serve")
def serve_fixture():
    pages = []

    def start(folder):
        pages.append(Served(study_request(folder)))
        return pages[-1]

    yield start
    for page in pages:
        page.close()


def test_the_most_similar_real_and_fake_of_training_are_found_and_served(tmp_path, serve):
    ids = plant(tmp_path, similar=True)
    page = serve(tmp_path)
    status, found = page.json(f"similar/{ids[0]}")
    assert (status, found) == (200, {"real": ids[2], "fake": ids[4]})
    assert page.ask(f"training/{ids[2]}")[2] == (tmp_path / "data/raw/portraits/face2.png").read_bytes()


def test_only_training_images_are_served(tmp_path, serve):
    ids = plant(tmp_path, similar=True)
    assert serve(tmp_path).ask(f"training/{ids[0]}")[0] == 400


def test_nothing_is_shown_unless_the_study_says_so(tmp_path, serve):
    ids = plant(tmp_path)
    page = serve(tmp_path)
    assert page.ask(f"similar/{ids[0]}")[0] == 400
    assert page.ask(f"training/{ids[2]}")[0] == 400


def test_gold_images_forbid_it(tmp_path, serve):
    ids = plant(tmp_path, similar=True, gold=0.5)
    assert serve(tmp_path).ask(f"similar/{ids[0]}")[0] == 400
