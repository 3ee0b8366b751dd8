"""Features of images: a function of the image alone, computed once, and written in the order of the pixels' shards."""

import hashlib
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from facesift.core.errors import FacesiftError
from facesift.core.files import read_json, write_json
from facesift.core.parallel import Workers
from facesift.networks import embedding as module
from facesift.networks.backbones import open_backbone
from facesift.networks.embedding import Embedding, feature_key, write_feature_shards
from facesift.networks.feature_store import FeatureStore
from facesift.shards.building import RawImageReader, Sharding, build_split
from facesift.shards.reading import ShardFolder
from tests.made_features import EMBEDDING, SIDE, tower, write_images

COUNT = 40  # two blocks
SHARDING = Sharding(images=15, seed=3)
COPIES = {"count": 2, "noise": [1.0, 2.0]}


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tmp_path_factory.mktemp("raw")


@pytest.fixture(scope="module")
def images(raw):
    return write_images(raw, COUNT)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return tower(tmp_path_factory.mktemp("tower") / "tower.onnx", views=["whole", "eyes"], copies=COPIES)


@pytest.fixture
def embedding(raw, spec, tmp_path):
    return Embedding(RawImageReader(raw, 1, 10_000), spec, tmp_path / "store")


@pytest.fixture(scope="module")
def stores(raw, images, spec, tmp_path_factory):
    """The stores of all images and of their copies. Do not write into them."""
    made = Embedding(RawImageReader(raw, 1, 10_000), spec, tmp_path_factory.mktemp("store"))
    return [made.compute(images, lambda _: None, copies=copies) for copies in (False, True)]


def values(store, images):
    return np.stack([store.read(image_id) for image_id in images["image_id"]])


def test_features_are_those_that_the_backbone_gives(stores, images, embedding, spec):
    row = images.row(3, named=True)
    image = embedding.reader.image(row["image_id"], row["container"], row["path"])
    assert np.array_equal(stores[0].read(row["image_id"])[0], open_backbone(spec).features(image, None))


def test_features_do_not_depend_on_the_other_images(embedding, stores, images):
    some = images[[7, 20]]
    alone = embedding.compute(some, lambda _: None)
    assert np.array_equal(values(alone, some), values(stores[0], some))


@pytest.mark.parametrize("copies", [False, True])
def test_the_number_of_processes_changes_no_feature(embedding, stores, images, copies):
    two = replace(embedding, parallel=Workers("processes", 2))
    store = two.compute(images, lambda _: None, copies=copies)
    assert np.array_equal(values(store, images), values(stores[copies], images))


def test_the_order_of_the_images_changes_no_feature(embedding, stores, images):
    store = embedding.compute(images.reverse(), lambda _: None)
    assert np.array_equal(values(store, images), values(stores[0], images))


def test_each_copy_has_features_of_its_own(stores, images):
    assert stores[1].read(images["image_id"][0]).shape == (2, 2 * EMBEDDING)


def counted(embedding, images, monkeypatch):
    """Compute what is missing, and list the images whose features were computed."""
    computed = []
    embed = module._embed_image
    monkeypatch.setattr(
        module, "_embed_image", lambda work, copies, row: computed.append(row["image_id"]) or embed(work, copies, row)
    )
    embedding.compute(images, lambda _: None)
    return computed


def test_what_is_in_the_store_is_not_computed_again(embedding, images, monkeypatch):
    embedding.compute(images, lambda _: None)
    assert counted(embedding, images, monkeypatch) == []


def test_a_run_that_was_killed_goes_on_where_it_was(embedding, images, monkeypatch):
    store = embedding.compute(images, lambda _: None)
    lost = sorted(store.folder.glob("*.safetensors"))[1]
    held = [one for one in images["image_id"] if store._places[one][0] == lost]
    lost.unlink()
    assert counted(embedding, images, monkeypatch) == sorted(held)
    assert 0 < len(held) < COUNT


def test_more_images_have_theirs_alone_computed(embedding, images, monkeypatch):
    embedding.compute(images[:30], lambda _: None)
    assert counted(embedding, images, monkeypatch) == sorted(images["image_id"][30:])


def test_progress_counts_every_image_once(embedding, images):
    embedding.compute(images[:5], lambda _: None)
    seen = []
    embedding.compute(images, seen.append)
    assert sum(seen) == COUNT


def test_an_image_that_changed_is_named(embedding, images):
    changed = images.head(1).with_columns(image_id=pl.lit("0" * 32))
    with pytest.raises(FacesiftError, match=r"changed since ingest; `dvc repro ingest`"):
        embedding.compute(changed, lambda _: None)


def test_features_beyond_16_bits_are_named(embedding, images):
    loud = replace(
        embedding, backbone=embedding.backbone.model_copy(update={"name": "timm:test_vit", "std": [1e-30] * 3})
    )
    with pytest.raises(FacesiftError, match=r"\d+\.png: backbone timm:test_vit gives features that are no numbers"):
        loud.compute(images[:1], lambda _: None)


def test_other_weights_have_another_key(spec, tmp_path):
    other = tower(tmp_path / "other.onnx", views=["whole", "eyes"], copies=COPIES)
    tower_again = spec.model_copy(update={"name": other.name})
    assert feature_key(tower_again, copies=False) != feature_key(spec, copies=False)


def test_another_share_of_the_centre_has_another_key(spec):
    assert feature_key(spec.model_copy(update={"centre": 0.6}), copies=False) != feature_key(spec, copies=False)


def test_other_copies_leave_the_images_key(spec):
    other = spec.model_copy(update={"copies": spec.copies.model_copy(update={"count": 5})})
    assert feature_key(other, copies=False) == feature_key(spec, copies=False)
    assert feature_key(other, copies=True) != feature_key(spec, copies=True)


@pytest.fixture(scope="module")
def written(stores, images, spec, tmp_path_factory):
    """The shards of the features, of a training split. Do not write into them."""
    folder = tmp_path_factory.mktemp("features") / "train"
    write_feature_shards(folder, images, stores, spec, SHARDING)
    return folder


def test_rows_are_in_the_order_of_the_pixels_shards(written, raw, images, tmp_path):
    build_split(tmp_path / "train", images, RawImageReader(raw, 8, 10_000), SHARDING)
    pixels, features = ShardFolder(tmp_path / "train"), ShardFolder(written)
    assert features.sizes == pixels.sizes
    for shard in range(len(pixels.sizes)):
        assert features.image_ids(shard) == pixels.image_ids(shard)
        assert features.labels(shard).tolist() == pixels.labels(shard).tolist()
        assert features.sources(shard) == pixels.sources(shard)


def test_each_row_has_its_images_features(written, stores):
    shards = ShardFolder(written)
    for shard in range(len(shards.sizes)):
        expected = np.stack([stores[0].read(one)[0] for one in shards.image_ids(shard)])
        assert np.array_equal(shards.values(shard), expected)


def test_copies_follow_their_image(written, stores):
    shards = ShardFolder(written)
    image_id = shards.image_ids(0)[2]
    expected = np.concatenate([store.read(image_id) for store in stores])
    assert np.array_equal(shards.copies(0)[2], expected)


def test_the_index_says_what_the_features_are(written, spec):
    index = ShardFolder(written).index
    assert (index.image_size, index.features.copies, index.features.width) == (SIDE, 2, 2 * EMBEDDING)
    assert [block.view for block in index.features.blocks] == ["whole", "eyes"]
    assert index.features.backbone == spec.model_dump(mode="json")


def test_a_split_without_copies_says_so(stores, images, spec, tmp_path):
    write_feature_shards(tmp_path / "val", images, stores[:1], spec, SHARDING)
    shards = ShardFolder(tmp_path / "val")
    assert shards.index.features.copies == 0
    assert shards.copies(0).shape[1:] == (1, 2 * EMBEDDING)


def test_a_flipped_byte_is_refused_by_name(stores, images, spec, tmp_path):
    write_feature_shards(tmp_path / "test", images, stores[:1], spec, SHARDING)
    path = tmp_path / "test/00001.h5"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    shards = ShardFolder(tmp_path / "test")
    assert len(shards.values(0)) == shards.sizes[0]
    with pytest.raises(FacesiftError, match=r"00001\.h5: shard is damaged"):
        shards.values(1)


def test_features_in_place_of_images_are_refused_by_name(written):
    folder = ShardFolder(written)
    with pytest.raises(FacesiftError, match=r"00000\.h5"):
        folder.pixels(0)


def test_an_index_of_other_features_is_refused(stores, images, spec, tmp_path):
    write_feature_shards(tmp_path / "train", images, stores[:1], spec, SHARDING)
    path = tmp_path / "train/index.json"
    index = read_json(path, sealed=True)
    index["features"]["blocks"][0]["width"] += 1
    write_json(path, index, exact=True, sealed=True)
    with pytest.raises(FacesiftError, match=r"00000\.h5: dataset 'features' is \(14, 1, 12\)"):
        ShardFolder(tmp_path / "train").values(0)


def test_two_runs_write_the_same_bytes(written, embedding, images, spec, tmp_path):
    again = [embedding.compute(images.reverse(), lambda _: None, copies=copies) for copies in (False, True)]
    write_feature_shards(tmp_path / "train", images.reverse(), again, spec, SHARDING)

    def hashes(folder):
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    assert hashes(tmp_path / "train") == hashes(written)


def test_an_empty_split_is_named(stores, images, spec, tmp_path):
    with pytest.raises(FacesiftError, match=r"test: split 'test' has no image"):
        write_feature_shards(tmp_path / "test", images.clear(), stores, spec, SHARDING)


def test_the_store_is_only_a_cache(embedding, images, stores):
    store = FeatureStore(embedding.compute(images[:3], lambda _: None).folder)
    assert np.array_equal(values(store, images[:3]), values(stores[0], images[:3]))
