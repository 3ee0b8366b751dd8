"""Light fine-tuning: what learns, what stays bit for bit, and low-rank updates that are merged into the weights."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from facesift.core.errors import FacesiftError
from facesift.networks.architectures import build_network
from facesift.networks.head import head_names
from facesift.networks.initialisation import initialise_network
from facesift.networks.tuning import merge_updates
from facesift.networks.weights import load_network, save_weights
from facesift.training.optimizer import make_optimizer
from tests.made_config import Architecture, Normalise, Optimizer, Tune

VIT, SIZE = "timm:test_vit", 32
WAYS = ["norms", "lora", "last"]
LR = 0.1


def started(way, name=VIT, **more):
    return initialise_network(Architecture(name=name, tune=Tune(way, **more)), 2, 3, SIZE)


def names_that_learn(network):
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


def learn(network, steps=3):
    optimizer = make_optimizer(network, Optimizer(name="adamw", lr=LR, weight_decay=0.1))
    torch.manual_seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(torch.rand(4, 3, SIZE, SIZE)), torch.tensor([0, 1, 0, 1])).backward()
        optimizer.step()
    return network


def moved(before, after):
    return {name for name, tensor in after.state_dict().items() if not torch.equal(tensor, before.state_dict()[name])}


@pytest.mark.parametrize("name", [VIT, "timm:test_convnext", "timm:test_resnet", "timm:test_efficientnet"])
def test_norms_and_head_alone_learn(name):
    before, after = (started("norms", name) for _ in range(2))
    learn(after)
    of_norms = {
        f"{prefix}.{part}"
        for prefix, module in before.named_modules()
        if isinstance(module, nn.LayerNorm | nn.BatchNorm2d)
        for part in module.state_dict()
    }
    assert moved(before, after) == of_norms | head_names(before)


def test_last_block_and_head_alone_learn():
    before, after = (started("last", blocks=1) for _ in range(2))
    last = len(before.blocks) - 1
    found = moved(before, learn(after))
    assert found >= head_names(before) | {f"blocks.{last}.attn.qkv.weight", f"blocks.{last}.mlp.fc1.bias"}
    assert all(name.startswith((f"blocks.{last}.", "head", "norm.", "fc_norm.")) for name in found)


def test_batch_norms_below_the_last_block_keep_their_statistics():
    before, after = (started("last", "timm:test_resnet", blocks=1) for _ in range(2))
    found = moved(before, learn(after))
    assert "bn1.running_mean" not in found
    assert any("running_mean" in name for name in found)


@pytest.mark.parametrize(
    ("name", "layers", "parts"),
    [
        (VIT, "attention", {"attn.qkv", "attn.proj"}),
        (VIT, "linear", {"attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"}),
        ("timm:test_convnext", "linear", {"mlp.fc1", "mlp.fc2"}),
    ],
)
def test_updated_layers_and_head_alone_move(name, layers, parts):
    before, after = build_network(Architecture(name=name), 2, 3, SIZE), started("lora", name, layers=layers)
    merge_updates(learn(after))
    updated = {
        f"{prefix}.weight"
        for prefix, module in before.named_modules()
        if isinstance(module, nn.Linear) and prefix.endswith(tuple(parts))
    }
    assert moved(before, after) == updated | head_names(before)


def test_updates_have_the_rank_that_is_asked_for():
    before, after = build_network(Architecture(name=VIT), 2, 3, SIZE), started("lora", rank=3)
    merge_updates(learn(after))
    update = after.blocks[0].attn.qkv.weight - before.blocks[0].attn.qkv.weight
    assert torch.linalg.matrix_rank(update, rtol=1e-4) == 3


def test_updates_start_at_nothing():
    images = torch.rand(2, 3, SIZE, SIZE)
    plain, updated = build_network(Architecture(name=VIT), 2, 3, SIZE).eval(), started("lora").eval()
    assert torch.equal(plain(images), updated(images))


def test_first_factors_follow_the_seed():
    factors = []
    for seed in (1, 1, 2):
        network = initialise_network(Architecture(name=VIT, tune=Tune("lora")), 2, seed, SIZE)
        factors.append(network.state_dict()["blocks.0.attn.qkv.parametrizations.weight.0.down"])
    assert torch.equal(factors[0], factors[1])
    assert not torch.equal(factors[0], factors[2])


def test_merged_logits_are_the_unmerged_ones():
    network, images = learn(started("lora")).eval(), torch.rand(4, 3, SIZE, SIZE)
    with torch.no_grad():
        unmerged = network(images)
        merge_updates(network)
        torch.testing.assert_close(network(images), unmerged)


def test_weights_file_loads_without_lora(tmp_path):
    network = learn(started("lora")).eval()
    images = torch.rand(4, 3, SIZE, SIZE)
    unmerged = network(images)
    merge_updates(network)
    preprocessing = {"image_size": SIZE, "normalise": Normalise().model_dump()}
    header = {"architecture": {"name": VIT}, "classes": ["real", "fake"], "preprocessing": preprocessing}
    save_weights(tmp_path / "a.safetensors", network, header)
    assert (
        load_file(tmp_path / "a.safetensors").keys()
        == build_network(Architecture(name=VIT), 2, 0, SIZE).state_dict().keys()
    )
    torch.testing.assert_close(load_network(tmp_path / "a.safetensors")[0](images), unmerged)


@pytest.mark.parametrize("way", WAYS)
def test_head_always_learns(way):
    network = started(way)
    assert head_names(network) <= names_that_learn(network)


@pytest.mark.parametrize(
    ("way", "name", "message"),
    [
        ("norms", "lenet", r"tune\.name: norms, but \w+ has no norms"),
        ("lora", "timm:test_convnext", r"tune\.layers: attention, but ConvNeXt has no linear layers in attention"),
        ("last", VIT, r"tune\.blocks: 99, but VisionTransformer has \d+ below its head"),
    ],
)
def test_network_without_such_parts_is_named(way, name, message):
    with pytest.raises(FacesiftError, match=message):
        started(way, name, **({"blocks": 99} if way == "last" else {}))


def test_freeze_is_refused_beside_another_choice():
    with pytest.raises(ValueError, match=r"`freeze` \(0\.5\) is for `tune: \{name: all\}`"):
        Architecture(name=VIT, freeze=0.5, tune=Tune("norms"))
