"""Penultimate features: what the head makes logits of."""

import pytest
import torch
from torch import nn

from facesift.config.members import Architecture
from facesift.core.errors import FacesiftError
from facesift.networks.architectures import NETWORKS, build_network
from facesift.networks.features import load_features, penultimate
from facesift.networks.head import head_layers
from facesift.networks.weights import load_scorer, save_weights

ARGUMENTS = {  # the whole networks take seconds to build
    "convnext_thesis": {"depths": [1, 1, 1, 1], "widths": [8, 8, 8, 16]},
    "timm:vgg11": {"mlp_ratio": 0.02},
}
TIMM = [f"timm:{name}" for name in ("test_convnext", "test_resnet", "test_vit", "mobilenetv3_small_050", "vgg11")]


def built(name, classes=3):
    return build_network(Architecture(name=name, arguments=ARGUMENTS.get(name, {})), classes, 0, image_size=64).eval()


@torch.inference_mode()
@pytest.mark.parametrize("name", [*NETWORKS, *TIMM])
def test_head_makes_the_logits_of_the_features(name):
    network, images = built(name), torch.rand(2, 3, 64, 64)
    features = penultimate(network, images)
    assert features.ndim == 2
    (head,) = head_layers(network)
    torch.testing.assert_close(head(features), network(images))


@torch.inference_mode()
def test_two_heads_give_their_inputs_side_by_side():
    network, images = built("timm:deit_tiny_distilled_patch16_224"), torch.rand(2, 3, 64, 64)
    first, second = penultimate(network, images).chunk(2, dim=1)
    torch.testing.assert_close((network.head(first) + network.head_dist(second)) / 2, network(images))


@torch.inference_mode()
def test_maps_before_the_head_are_flattened():
    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Conv2d(3, 2, kernel_size=4)

        def get_classifier(self):
            return self.fc

        def forward(self, images):
            return self.fc(images).flatten(1)

    images = torch.rand(5, 3, 4, 4)
    assert torch.equal(penultimate(Mapped(), images), images.flatten(1))


def test_last_layer_of_a_deep_head_counts():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 2))
    network.get_classifier = lambda: network[1:]
    images = torch.rand(4, 3, 2, 2)
    assert torch.equal(penultimate(network, images), network[:3](images))


def test_no_hook_stays_behind():
    network = built("lenet")
    penultimate(network, torch.rand(1, 3, 64, 64))
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_network_without_a_head_is_named():
    with pytest.raises(FacesiftError, match="Flatten: no layer that gives the logits"):
        penultimate(nn.Flatten(), torch.rand(1, 3, 4, 4))


def test_features_of_a_weights_file_lead_to_its_scores(tmp_path):
    network, path = built("deepfakenet"), tmp_path / "a.safetensors"
    seen = {"image_size": 64, "normalise": {"name": "fixed", "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7]}}
    architecture = Architecture(name="deepfakenet").model_dump()
    save_weights(path, network, {"architecture": architecture, "classes": list("abc"), "preprocessing": seen})
    pixels = torch.randint(0, 256, (3, 64, 64, 3), generator=torch.manual_seed(0)).numpy()
    logits = network[-1](torch.from_numpy(load_features(path)(pixels)))
    torch.testing.assert_close(logits, torch.from_numpy(load_scorer(path)(pixels)))
