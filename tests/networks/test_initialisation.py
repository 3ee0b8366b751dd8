"""First weights: from checkpoints made here, from a hub that cannot be reached, and which of them stay as they are."""

import os
import time

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from facesift.config.members import Architecture
from facesift.core.errors import FacesiftError
from facesift.networks import hub
from facesift.networks.architectures import build_network
from facesift.networks.head import body_parameters, freeze_share, head_names
from facesift.networks.initialisation import initialise_network
from facesift.networks.weights import save_weights

SIZE = 32
RESNET = "timm:test_resnet"


def head_parameters(network):
    head = head_names(network)
    return [parameter for name, parameter in network.named_parameters() if name in head]


def built(name=RESNET, classes=2, seed=7):
    return build_network(Architecture(name=name), classes, seed, SIZE)


def started(path, name=RESNET, classes=2, seed=0, **more):
    return initialise_network(Architecture(name=name, checkpoint=str(path), **more), classes, seed, SIZE)


def same(one, other, but=()):
    pairs = zip(one.state_dict().items(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for (name, a), b in pairs if name not in but)


def trained(name=RESNET, classes=2):
    """A network whose batch norms have seen something."""
    network = built(name, classes).train()
    network(torch.rand(4, 3, SIZE, SIZE))
    return network


@pytest.mark.parametrize("name", ["simple_cnn", "deepfakenet", RESNET])
def test_our_own_weights_file_is_a_checkpoint(tmp_path, name):
    network = trained(name)
    save_weights(tmp_path / "a.safetensors", network, {"architecture": {}, "classes": []})
    assert same(started(tmp_path / "a.safetensors", name), network)


@pytest.mark.parametrize("suffix", ["pth", "pt"])
@pytest.mark.parametrize(
    "nest",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "optimizer": {"lr": 0.1}},
        lambda state: {"model": {"state_dict": state}},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"state_dict": {f"model.module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {name: tensor for name, tensor in state.items() if "num_batches" not in name},
    ],
)
def test_what_trainers_save_is_a_checkpoint(tmp_path, suffix, nest):
    network = built()
    torch.save(nest(network.state_dict()), tmp_path / f"a.{suffix}")
    assert same(started(tmp_path / f"a.{suffix}"), network)


def test_fitting_head_is_taken_over_in_silence(tmp_path, capsys):
    save_file(built().state_dict(), tmp_path / "a.safetensors")
    started(tmp_path / "a.safetensors")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "head"), [(RESNET, "fc"), ("deepfakenet", "26"), ("torchvision:alexnet", "classifier.6")]
)
def test_head_of_other_classes_is_left_random_and_named(tmp_path, capsys, name, head):
    size = 64
    other = build_network(Architecture(name=name), 5, 7, size)
    torch.save(other.state_dict(), tmp_path / "a.pth")
    network = initialise_network(Architecture(name=name, checkpoint=str(tmp_path / "a.pth")), 2, 0, size)
    names = {f"{head}.weight", f"{head}.bias"}
    assert same(network, other, but=names)
    random = build_network(Architecture(name=name), 2, 0, size).state_dict()
    assert all(torch.equal(network.state_dict()[one], random[one]) for one in names)
    assert f"its head is for 5 classes, not 2; random weights: {head}.bias, {head}.weight" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("conv1.0.weight"), r"1 missing, first conv1\.0\.weight$"),
        (lambda state: state.update(extra=torch.zeros(1)), r"1 unexpected, first extra$"),
        (
            lambda state: state.update({"bn1.bias": torch.zeros(3)}),
            r"1 misshapen, first bn1\.bias \(3,\) where \(\d+,\)",
        ),
        (lambda state: state.update({"fc.weight": torch.zeros(5, 3)}), r"1 misshapen, first fc\.weight \(5, 3\)"),
        (lambda state: state.pop("fc.weight"), r"1 missing, first fc\.weight"),
    ],
)
def test_any_other_difference_is_named(tmp_path, change, message):
    state = built().state_dict()
    change(state)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(FacesiftError, match=rf"a\.pth: not the weights of this architecture: {message}"):
        started(tmp_path / "a.pth")


def test_checkpoint_of_another_network_names_both_sides(tmp_path):
    torch.save(built("lenet").state_dict(), tmp_path / "a.pth")
    with pytest.raises(FacesiftError, match=r"missing, first conv1\.0\.weight.*; 10 unexpected, first 0\.weight"):
        started(tmp_path / "a.pth")


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickle_with_code_is_refused_and_not_run(tmp_path):
    torch.save({"state_dict": built().state_dict(), "extra": Evil(tmp_path / "run")}, tmp_path / "a.pth")
    with pytest.raises(FacesiftError, match=r"a\.pth: refused, it holds posix\.mkdir, and loading that could run code"):
        started(tmp_path / "a.pth")
    assert not (tmp_path / "run").exists()


def test_pickled_network_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "a.pt")
    with pytest.raises(
        FacesiftError, match=r"it holds torch\.nn\.modules\.linear\.Linear.*torch\.save\(model\.state_dict"
    ):
        started(tmp_path / "a.pt")


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth", "a.pt"])
@pytest.mark.parametrize("part", [0, 1, 100, -50])
def test_damaged_checkpoint_is_named(tmp_path, name, part):
    state = built("lenet").state_dict()
    if name.endswith("safetensors"):
        save_file(state, tmp_path / name)
    else:
        torch.save(state, tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:part])
    with pytest.raises(FacesiftError, match=rf"{name}: (not a readable|refused)"):
        started(tmp_path / name, "lenet")


def test_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FacesiftError, match=r"architecture\.checkpoint .*none\.pth: no such file"):
        started(tmp_path / "none.pth")


def test_checkpoint_of_another_kind_is_named(tmp_path):
    with pytest.raises(FacesiftError, match=r"a\.h5: not one of \.safetensors, \.pth, \.pt"):
        started(tmp_path / "a.h5")


def test_checkpoint_without_tensors_is_named(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "a.pth")
    with pytest.raises(FacesiftError, match=r"a\.pth: no table of tensors"):
        started(tmp_path / "a.pth")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """A hub that refuses the connection at once, and empty caches."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.mark.parametrize("name", ["timm:resnet18", "torchvision:alexnet"])
@pytest.mark.usefixtures("offline")
def test_hub_out_of_reach_names_the_model_and_both_ways_out(name):
    with pytest.raises(
        FacesiftError, match=rf"{name}: .*make the hub reachable, or its cache.*architecture\.checkpoint"
    ):
        initialise_network(Architecture(name=name, pretrained=True), 2, 0, 64)


@pytest.mark.usefixtures("offline")
def test_hub_out_of_reach_is_found_out_within_seconds():
    start = time.monotonic()
    with pytest.raises(FacesiftError):
        initialise_network(Architecture(name="timm:test_convnext", pretrained=True), 2, 0, 64)
    assert time.monotonic() - start < 2 * hub.TIMEOUT


@pytest.mark.usefixtures("offline")
def test_being_offline_leaves_no_setting_behind():
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    with pytest.raises(FacesiftError):
        initialise_network(Architecture(name="timm:test_convnext", pretrained=True), 2, 0, 64)
    assert before == constants.HF_HUB_OFFLINE


@pytest.mark.parametrize("name", ["simple_cnn", "convnext_thesis", "timm:botnet50ts_256"])
def test_network_nobody_published_weights_for_is_named(name):
    with pytest.raises(FacesiftError, match=rf"{name}: .*nobody published weights.*architecture\.checkpoint"):
        hub.published_weights(Architecture(name=name, pretrained=True), 64)


def test_published_weights_are_taken_from_the_hubs_cache(monkeypatch):
    """The library's download is replaced by what it would return; all the rest is real."""
    published = built("timm:test_resnet", classes=1000).state_dict()
    loader = "timm.models._builder.load_state_dict_from_hf"
    monkeypatch.setattr(loader, lambda *_, **__: {name: tensor.clone() for name, tensor in published.items()})
    monkeypatch.setattr(hub, "_answers", lambda _: True)
    network = initialise_network(Architecture(name="timm:test_resnet", pretrained=True), 2, 0, SIZE)
    body = {name for name in published if not name.startswith("fc.")}
    assert all(torch.equal(network.state_dict()[name], published[name]) for name in body)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("lenet", {"11.weight", "11.bias"}),
        ("torchvision:alexnet", {"classifier.6.weight", "classifier.6.bias"}),
        ("timm:test_convnext", {"head.fc.weight", "head.fc.bias"}),
        ("timm:test_vit", {"head.weight", "head.bias"}),
        (
            "timm:deit_tiny_distilled_patch16_224",
            {"head.weight", "head.bias", "head_dist.weight", "head_dist.bias"},
        ),
    ],
)
def test_head_is_the_layer_that_gives_the_logits(name, head):
    assert head_names(built(name)) == head


def test_head_and_body_share_out_all_parameters():
    network = built("deepfakenet")
    parts = {id(one) for one in head_parameters(network)}, {id(one) for one in body_parameters(network)}
    assert parts[0] | parts[1] == {id(one) for one in network.parameters()}
    assert not parts[0] & parts[1]


@pytest.mark.parametrize(("share", "frozen"), [(0.0, 0), (0.5, 12), (1.0, 24)])
def test_share_of_the_body_is_frozen_from_the_input_side(share, frozen):
    network = built("deepfakenet")
    assert freeze_share(network, share) == frozen
    learning = [parameter.requires_grad for parameter in body_parameters(network)]
    assert learning == [False] * frozen + [True] * (24 - frozen)
    assert all(parameter.requires_grad for parameter in head_parameters(network))


def test_recipe_freezes(tmp_path):
    save_file(built("deepfakenet").state_dict(), tmp_path / "a.safetensors")
    assert not any(
        one.requires_grad for one in body_parameters(started(tmp_path / "a.safetensors", "deepfakenet", freeze=1))
    )


@pytest.mark.parametrize("name", ["deepfakenet", RESNET])
def test_frozen_body_stays_as_it_is_in_training(name):
    network = built(name)
    freeze_share(network, 1.0)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items() if key not in head_names(network)}
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    for _ in range(2):
        network.train()
        network(torch.rand(4, 3, SIZE, SIZE)).square().sum().backward()
        optimizer.step()
    assert all(torch.equal(network.state_dict()[key], tensor) for key, tensor in before.items())


def test_batch_norms_that_learn_go_on_counting():
    network = built("deepfakenet").train()
    freeze_share(network, 0.5)
    network(torch.rand(4, 3, SIZE, SIZE))
    counts = [module.num_batches_tracked.item() for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert counts == [0, 0, 0, 1, 1, 1]
