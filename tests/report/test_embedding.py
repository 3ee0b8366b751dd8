"""Which images are shown as points, and where they are put."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.report.embedding import choose_points, embed, features_of
from tests.made import make_shards

BINARY = Classes(("real", "fake"), "fake")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("points") / "test", 30, 5)  # 60 images, 10 of them fake


def test_all_positives_come_first(shards):
    points = choose_points(shards, BINARY, 25, seed=0)
    assert points["label"].value_counts().sort("label").rows() == [(0, 15), (1, 10)]


def test_other_class_may_be_the_positive_one(shards):
    points = choose_points(shards, Classes(("real", "fake"), "real"), 25, seed=0)
    assert points["label"].to_list() == [0] * 25


def test_seed_decides_the_rest(shards):
    first, again, other = (choose_points(shards, BINARY, 25, seed).rows() for seed in (1, 1, 2))
    assert first == again != other


def test_fewer_images_than_points_are_all_shown(shards):
    assert choose_points(shards, BINARY, 1000, seed=0)["image_id"].n_unique() == 60


def test_features_stand_in_the_order_of_the_points(shards):
    points = choose_points(shards, BINARY, 40, seed=0)
    features = features_of(shards, points, lambda pixels: pixels.mean(axis=(1, 2), dtype=np.float32))
    expected = [shards.pixels(shard)[row].mean(axis=(0, 1)) for shard, row in points.select("shard", "row").iter_rows()]
    np.testing.assert_allclose(features, expected, rtol=1e-5)


def groups(images=40, seed=0):
    """Two groups far apart in ten dimensions."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(images, 10)) + 20 * (np.arange(images) % 2)[:, None]


def test_same_features_give_the_same_places():
    assert np.array_equal(embed(groups(), 3), embed(groups(), 3))


def test_groups_stay_together():
    plane = embed(groups(), 3)
    nearest = NearestNeighbors(n_neighbors=6).fit(plane).kneighbors(plane, return_distance=False)
    assert (nearest % 2 == nearest[:, :1] % 2).all()


@pytest.mark.parametrize("images", [1, 3, 4, 5, 30])
def test_few_images_have_places(images):
    plane = embed(groups(images), 3)
    assert plane.shape == (images, 2)
    assert np.isfinite(plane).all()


def test_network_that_sees_no_difference_puts_all_images_in_one_place():
    assert not embed(np.ones((20, 5)), 3).any()


def test_one_feature_is_enough():
    assert np.isfinite(embed(groups()[:, :1], 3)).all()


def test_features_that_are_not_finite_name_the_member():
    features = groups()
    features[3, 4] = np.nan
    with pytest.raises(FacesiftError, match="convnext1: its features of the test images are not all finite"):
        embed(features, 3, "convnext1")
