import hashlib

import h5py
import numpy as np
import polars as pl
import pytest

from facesift.sampling.regions import LANDMARK_TEMPLATE, face_landmarks, landmark_template
from facesift.shards.index import write_index
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import write_shard

SIDE, IMAGES = 16, 5


@pytest.fixture
def shards_with(tmp_path):
    """Return a function that writes one shard, with the points given or without any."""

    def make(points=None):
        ids = [hashlib.sha256(bytes([row])).hexdigest()[:32] for row in range(IMAGES)]
        rows = pl.DataFrame({"image_id": ids, "source": "made", "label": "real"})
        pixels = (np.zeros((SIDE, SIDE, 3), np.uint8) for _ in ids)
        path = tmp_path / "00000.h5"
        entry = write_shard(path, rows, pixels, 5)
        if points is not None:
            with h5py.File(path, "a") as file:
                file.require_dataset("landmarks", (IMAGES, 5, 2), "f4", data=points)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            entry = entry.model_copy(update={"bytes": path.stat().st_size, "sha256": digest})
        write_index(tmp_path, SIDE, [entry])
        return ShardFolder(tmp_path)

    return make


def some_points():
    return np.random.default_rng(0).uniform(0, SIDE, (IMAGES, 5, 2)).astype(np.float32)


def test_shard_without_points_gets_the_template(shards_with):
    assert np.array_equal(face_landmarks(shards_with(), 0), np.tile(landmark_template(SIDE), (IMAGES, 1, 1)))


def test_template_has_shares_of_the_side():
    assert np.allclose(landmark_template(200) / 200, LANDMARK_TEMPLATE)


def test_points_of_the_shard_are_read(shards_with):
    points = some_points()
    assert np.array_equal(face_landmarks(shards_with(points), 0), points)


def test_image_without_a_face_gets_the_median_of_the_others(shards_with):
    points = some_points()
    points[2] = np.nan
    found = face_landmarks(shards_with(points), 0)
    assert np.allclose(found[2], np.median(points[[0, 1, 3, 4]], axis=0))
    assert np.array_equal(found[[0, 1, 3, 4]], points[[0, 1, 3, 4]])


def test_shard_without_any_face_gets_the_template(shards_with):
    found = face_landmarks(shards_with(np.full((IMAGES, 5, 2), np.nan, np.float32)), 0)
    assert np.array_equal(found, np.tile(landmark_template(SIDE), (IMAGES, 1, 1)))
