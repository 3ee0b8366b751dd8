import math

import pytest
import torch

from facesift.errors import FacesiftError
from facesift.params import Architecture
from facesift.training.architectures import build_network, check_size
from facesift.training.convnext import ConvNeXtThesis
from facesift.training.weights import load_network, read_header, save_weights

TINY = Architecture(name="timm:test_convnext", arguments={})


def small_thesis(drop_path=0.0):
    return ConvNeXtThesis(2, depths=(1, 1, 1, 1), widths=(8, 16, 32, 64), drop_path=drop_path)


def test_thesis_network_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = ConvNeXtThesis()
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 1) == 206.6


def test_thesis_network_turns_125_pixels_into_one_position():
    network = small_thesis()
    assert network.stages(network.stem(torch.zeros(1, 3, 125, 125))).shape == (1, 64, 1, 1)


def test_thesis_blocks_start_close_to_the_identity():
    block = small_thesis().stages[0][2]
    x = torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(block(x), x, atol=1e-4, rtol=0)


def test_thesis_stochastic_depth_drops_the_whole_batch():
    torch.manual_seed(0)
    block = small_thesis(drop_path=0.5).train().stages[0][2]
    torch.nn.init.ones_(block.scale)
    x = torch.randn(4, 8, 5, 5)
    unchanged = [(block(x) == x).flatten(1).all(dim=1).tolist() for _ in range(20)]
    assert {tuple(rows) for rows in unchanged} == {(False,) * 4, (True,) * 4}


def test_thesis_arguments_come_from_the_parameters():
    spec = Architecture(name="convnext_thesis", arguments={"depths": [1, 1, 1, 1], "widths": [8, 8, 8, 8]})
    assert build_network(spec, 2, seed=0)(torch.zeros(2, 3, 64, 64)).shape == (2, 2)


def test_first_weights_depend_on_the_seed_alone():
    def first(seed):
        return next(build_network(TINY, 2, seed).parameters()).detach()

    torch.rand(3)
    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_unknown_timm_model_is_named_with_its_nearest_names():
    with pytest.raises(FacesiftError, match=r"timm:convnext_ato: timm has no such model.*convnext_atto"):
        build_network(Architecture(name="timm:convnext_ato"), 2, 0)


def test_unknown_argument_is_named():
    with pytest.raises(FacesiftError, match=r"arguments \{'deepness': 3\}"):
        build_network(Architecture(name="timm:test_convnext", arguments={"deepness": 3}), 2, 0)


def test_saved_network_scores_alike_when_loaded(tmp_path):
    network = build_network(TINY, 2, 0).eval()
    save_weights(tmp_path / "a.safetensors", network, {"architecture": TINY.model_dump(), "classes": ["real", "fake"]})
    loaded, header = load_network(tmp_path / "a.safetensors")
    images = torch.randn(2, 3, 64, 64)
    assert torch.equal(network(images), loaded(images))
    assert header["classes"] == ["real", "fake"]


def test_same_weights_give_the_same_bytes(tmp_path):
    header = {"architecture": TINY.model_dump(), "classes": ["real", "fake"], "preprocessing": {"image_size": 64}}
    for name in "ab":
        save_weights(tmp_path / name, build_network(TINY, 2, 0), header)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_file_that_is_no_weights_file_is_named(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"nonsense")
    with pytest.raises(FacesiftError, match=r"a\.safetensors: not a readable safetensors file"):
        read_header(tmp_path / "a.safetensors")


def test_network_starts_undecided():
    logits = build_network(TINY, 2, 0).eval()(torch.randn(8, 3, 64, 64))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1] * 4))
    assert loss.item() == pytest.approx(math.log(2), abs=0.2)


def test_image_size_too_small_for_the_network_is_named():
    with pytest.raises(FacesiftError, match=r"timm:test_convnext cannot take images of data\.image_size 16 pixels"):
        check_size(build_network(TINY, 2, 0), TINY, 16)
