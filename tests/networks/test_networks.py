import math
from importlib.metadata import version

import pytest
import torch

from facesift.core.errors import FacesiftError
from facesift.networks.architectures import NETWORKS, build_network, check_name, check_size
from facesift.networks.published_networks import ConvNeXtThesis
from facesift.networks.weights import load_network, load_scorer, save_weights
from facesift.networks.weights_header import read_header
from tests.made_config import Architecture

TINY = Architecture(name="timm:test_convnext", arguments={})
SEEN = {"image_size": 64, "normalise": {"name": "unit"}}


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
    header = {"architecture": TINY.model_dump(), "classes": ["real", "fake"], "preprocessing": SEEN}
    save_weights(tmp_path / "a.safetensors", network, header)
    loaded, header = load_network(tmp_path / "a.safetensors")
    images = torch.randn(2, 3, 64, 64)
    assert torch.equal(network(images), loaded(images))
    assert header.classes == ["real", "fake"]


def test_same_weights_give_the_same_bytes(tmp_path):
    header = {"architecture": TINY.model_dump(), "classes": ["real", "fake"], "preprocessing": SEEN}
    for name in "ab":
        save_weights(tmp_path / name, build_network(TINY, 2, 0), header)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_header_records_the_versions_of_the_libraries(tmp_path):
    header = {"architecture": TINY.model_dump(), "classes": ["real", "fake"], "preprocessing": SEEN}
    save_weights(tmp_path / "a.safetensors", build_network(TINY, 2, 0), header)
    versions = read_header(tmp_path / "a.safetensors").stored["libraries"]
    assert versions["torch"] == version("torch")
    assert {"facesift", "numpy", "pytorch-lightning", "timm", "torchvision"} < versions.keys()


def test_file_that_is_no_weights_file_is_named(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"nonsense")
    with pytest.raises(FacesiftError, match=r"a\.safetensors: not a readable safetensors file"):
        read_header(tmp_path / "a.safetensors")


@pytest.mark.parametrize("lacks", ["architecture", "classes", "preprocessing"])
def test_header_without_a_part_is_named(tmp_path, lacks):
    header = {"architecture": TINY.model_dump(), "classes": ["real", "fake"], "preprocessing": SEEN}
    del header[lacks]
    save_weights(tmp_path / "a.safetensors", build_network(TINY, 2, 0), header)
    with pytest.raises(FacesiftError, match=rf"a\.safetensors: its header lacks {lacks}.*dvc repro -f train@a"):
        load_network(tmp_path / "a.safetensors")


def test_header_without_the_normalisation_is_named(tmp_path):
    header = {"architecture": TINY.model_dump(), "classes": ["real", "fake"], "preprocessing": {"image_size": 64}}
    save_weights(tmp_path / "a.safetensors", build_network(TINY, 2, 0), header)
    with pytest.raises(FacesiftError, match=r"its header lacks preprocessing\.normalise"):
        load_scorer(tmp_path / "a.safetensors")


def test_header_with_a_wrong_value_is_named(tmp_path):
    seen = {"image_size": 64, "normalise": {"name": "per_imagge"}}
    header = {"architecture": TINY.model_dump(), "classes": ["real", "fake"], "preprocessing": seen}
    save_weights(tmp_path / "a.safetensors", build_network(TINY, 2, 0), header)
    with pytest.raises(FacesiftError, match=r"a\.safetensors: its header has a wrong value at normalise\.name: "):
        read_header(tmp_path / "a.safetensors")


def test_network_starts_undecided():
    logits = build_network(TINY, 2, 0).eval()(torch.randn(8, 3, 64, 64))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1] * 4))
    assert loss.item() == pytest.approx(math.log(2), abs=0.2)


def test_image_size_too_small_for_the_network_is_named():
    with pytest.raises(FacesiftError, match=r"timm:test_convnext cannot take images of data\.image_size 16 pixels"):
        check_size(build_network(TINY, 2, 0), TINY, 16)


def built(name, classes=2, image_size=64, **arguments):
    return build_network(Architecture(name=name, arguments=arguments), classes, 0, image_size=image_size).eval()


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def layers(network, kind):
    return [module for module in network.modules() if isinstance(module, kind)]


def conv(inputs, outputs, side=3):
    return outputs * (inputs * side**2 + 1)


def dense(inputs, outputs):
    return outputs * (inputs + 1)


@pytest.mark.parametrize("name", ["timm:resnet18", "svm_rbf", *NETWORKS])
def test_every_network_is_known_by_name(name):
    assert check_name(Architecture(name=name).name, "m") is None


@pytest.mark.parametrize("name", ["resnet18", "timm:", "lenet5"])
def test_unknown_network_is_refused_with_the_names_there_are(name):
    message = rf"members\.m\.architecture\.name: '{name}' is none; there are timm:NAME and .*lenet, .*svm_rbf"
    with pytest.raises(FacesiftError, match=message):
        check_name(name, "m")


@pytest.mark.parametrize("widths", [[32, 64, 64, 64, 64], [32, 64, 64, 64, 64, 64]])
def test_simple_cnn_has_the_published_layers(widths):
    network = built("simple_cnn", image_size=256, widths=widths)
    convolutions = sum(conv(inputs, width) for inputs, width in zip([3, *widths[:-1]], widths, strict=True))
    side = 256 // 2 ** len(widths)
    assert count(network) == convolutions + dense(64 * side**2, 64) + dense(64, 2)
    assert [layer.out_channels for layer in layers(network, torch.nn.Conv2d)] == widths
    assert len(layers(network, torch.nn.MaxPool2d)) == len(widths)


def test_simple_cnn_has_five_convolutions_unless_told():
    assert len(layers(built("simple_cnn"), torch.nn.Conv2d)) == 5


def test_lenet_has_the_layers_of_lenet_5_for_colour():
    expected = conv(3, 6, 5) + conv(6, 16, 5) + dense(400, 120) + dense(120, 84) + dense(84, 2)
    assert count(built("lenet", image_size=32)) == expected == 61_326


def test_deepfakenet_has_the_published_layers():
    pairs = [(3, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]
    expected = sum(conv(*pair) + 2 * pair[1] for pair in pairs) + dense(128, 5)
    network = built("deepfakenet", classes=5, image_size=128)
    assert count(network) == expected
    assert network[:-3](torch.zeros(1, 3, 128, 128)).shape == (1, 128, 16, 16)


@pytest.mark.parametrize("rates", [[0.25, 0.25, 0.25], [0.1, 0.3, 0.5]])
def test_deepfakenets_dropout_rates_are_an_argument(rates):
    network = built("deepfakenet", classes=5, dropout=rates)
    assert [layer.p for layer in layers(network, torch.nn.Dropout)] == rates


def test_alexnet_is_torchvisions():
    with torch.device("meta"):
        assert count(built("torchvision:alexnet", classes=1000)) == 61_100_840  # torchvision's own table


@pytest.mark.parametrize("size", [32, 33, 47, 125])
@pytest.mark.parametrize("name", ["simple_cnn", "lenet", "deepfakenet"])
def test_small_networks_take_odd_sizes(name, size):
    assert built(name, 5, size)(torch.zeros(2, 3, size, size)).shape == (2, 5)


def test_timm_network_for_one_size_is_built_for_the_images():
    assert built("timm:test_vit", image_size=32)(torch.zeros(1, 3, 32, 32)).shape == (1, 2)


@pytest.mark.parametrize("name", ["simple_cnn", "lenet", "deepfakenet"])
def test_small_networks_weights_depend_on_the_seed_alone(name):
    def state(seed):
        return torch.cat([p.flatten() for p in build_network(Architecture(name=name), 2, seed, 32).parameters()])

    first = state(1)
    torch.rand(3)
    assert torch.equal(first, state(1))
    assert not torch.equal(first, state(2))


@pytest.mark.parametrize(
    ("name", "size", "smallest"), [("simple_cnn", 31, 32), ("lenet", 15, 16), ("deepfakenet", 7, 8)]
)
def test_small_networks_name_the_smallest_image(name, size, smallest):
    with pytest.raises(FacesiftError, match=rf"{name} cannot take images of data\.image_size {size} .* {smallest}"):
        built(name, image_size=size)
    built(name, image_size=smallest)(torch.zeros(1, 3, smallest, smallest))


def test_alexnet_refuses_images_below_63_pixels():
    spec = Architecture(name="torchvision:alexnet")
    network = build_network(spec, 2, 0)
    with pytest.raises(FacesiftError, match=r"alexnet cannot take images of data\.image_size 62 pixels"):
        check_size(network, spec, 62)
    check_size(network, spec, 63)


def test_network_that_needs_the_image_size_asks_for_it():
    with pytest.raises(FacesiftError, match="simple_cnn: its dense layers depend on the image size"):
        build_network(Architecture(name="simple_cnn"), 2, 0)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("deepfakenet", {"dropout": [0.1, 0.2]}, r"arguments\.dropout is \[0\.1, 0\.2\]; give three rates"),
        ("deepfakenet", {"dropout": [0.1, 0.2, 7]}, r"dropout probability has to be between 0 and 1"),
        ("simple_cnn", {"widths": []}, r"arguments\.widths is empty"),
        ("lenet", {"image_size": 32}, r"multiple values for argument 'image_size'"),
        ("timm:test_convnext", {"num_classes": 7}, r"arguments\.num_classes may not be given here"),
        ("timm:test_convnext", {"checkpoint_path": "x.pth"}, r"architecture\.checkpoint decide it"),
        ("timm:resnet18.nonsense", {}, r"Invalid pretrained tag"),
    ],
)
def test_argument_that_cannot_be_is_named(name, arguments, message):
    with pytest.raises(FacesiftError, match=message):
        build_network(Architecture(name=name, arguments=arguments), 2, 0, image_size=64)


def test_support_vectors_are_no_network():
    with pytest.raises(FacesiftError, match="svm_rbf: not a network"):
        built("svm_rbf")
