"""Penultimate features of a network: the input of the layers that give the logits."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from facesift.core.errors import FacesiftError
from facesift.core.scores import Scorer
from facesift.networks.head import head_layers
from facesift.networks.preprocessing import make_normalisation
from facesift.networks.scoring import network_scorer
from facesift.networks.test_time_augmentation import average_over_views
from facesift.networks.weights import load_network


def penultimate(network: nn.Module, images: Tensor) -> Tensor:
    """Compute the penultimate features.

    Args:
        network: any network with a linear layer or a classifier of timm's.
        images: (b, 3, h, w), normalised.

    Returns:
        Features (b, k). Feature maps are flattened. With two heads, as beside a distillation token, the inputs of both
        are side by side.

    Raises:
        FacesiftError: when the network has no layer that gives the logits.
    """
    layers = [_last_with_weights(layer) for layer in head_layers(network)]
    if not layers:
        raise FacesiftError(f"{type(network).__name__}: no layer that gives the logits, so no features before it")
    seen: dict[int, Tensor] = {}

    def remember(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen[id(layer)] = inputs[0]

    hooks = [layer.register_forward_pre_hook(remember) for layer in layers]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat([seen[id(layer)].flatten(start_dim=1) for layer in layers], dim=1)


def _last_with_weights(head: nn.Module) -> nn.Module:
    """Return the last layer of a head that has weights: a head may be a few layers deep."""
    return [module for module in head.modules() if any(True for _ in module.parameters(recurse=False))][-1]


def load_features(path: Path) -> Scorer:
    """Load a network's features: a function from pixels (b, S, S, 3) in 0..255 to features (b, k)."""
    network, header = load_network(path)
    normalise = make_normalisation(header.normalise)
    averaged = average_over_views(lambda images: penultimate(network, normalise(images)), header.views)
    return network_scorer(averaged, torch.device("cpu"))
