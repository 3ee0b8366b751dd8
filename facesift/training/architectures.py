"""Networks by name: any timm model, and the ones the studies published."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from facesift.errors import FacesiftError
from facesift.params import Architecture
from facesift.training.convnext import ConvNeXtThesis

OWN = {"convnext_thesis": ConvNeXtThesis}


def _timm(name: str, classes: int, arguments: dict[str, Any]) -> nn.Module:
    import timm  # noqa: PLC0415  takes seconds, and own networks do without it

    if not timm.is_model(name):
        similar = get_close_matches(name, timm.list_models(), n=3)
        raise FacesiftError(f"architecture timm:{name}: timm has no such model; the nearest names: {similar or 'none'}")
    network: nn.Module = timm.create_model(name, num_classes=classes, **arguments)
    return network


def build_network(architecture: Architecture, classes: int, seed: int) -> nn.Module:
    """Build a network (b, 3, h, w) -> logits (b, classes) whose random weights depend on `seed` alone.

    Raises `FacesiftError` for a name or an argument that the library behind it does not know.
    """
    kind, _, name = architecture.name.rpartition(":")
    torch.manual_seed(seed)
    try:
        if kind == "timm":
            return _timm(name, classes, architecture.arguments)
        return OWN[name](classes, **architecture.arguments)
    except TypeError as error:
        raise FacesiftError(f"architecture {architecture.name}: arguments {architecture.arguments}: {error}") from error


def check_size(network: nn.Module, architecture: Architecture, image_size: int) -> None:
    """Raise `FacesiftError` when the network cannot take square images of `image_size` pixels."""
    network.eval()
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError) as error:
        raise FacesiftError(
            f"architecture {architecture.name} cannot take images of data.image_size {image_size} pixels: {error}"
        ) from error
    network.train()
