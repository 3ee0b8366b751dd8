"""Networks by name: any timm model, and the ones the studies published. A new one of our own is a line in `OWN`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from facesift.config.members import Architecture
from facesift.core.errors import FacesiftError
from facesift.networks.convnext import ConvNeXtThesis
from facesift.networks.small_networks import deepfakenet, lenet, simple_cnn
from facesift.networks.support_vectors import SVM

TIMM = "timm:"
# Arguments of timm's that the rest of a recipe decides, or that would load files of their own.
TAKEN = ("checkpoint_path", "num_classes", "in_chans", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay")


# What a weights file's `architecture` may leave out: older files lack keys, and None of `package` is never written.
LEFT_OUT = {"arguments": {}, "pretrained": False, "checkpoint": None, "package": None, "freeze": 0.0}


def stored_architecture(entry: Mapping[str, Any]) -> Architecture:
    """Read the `architecture` of a weights file's header.

    >>> stored_architecture({"name": "lenet"}).freeze
    0.0
    """
    return Architecture.model_validate(LEFT_OUT | dict(entry))


def check_name(name: str, member: str) -> None:
    """Raise `FacesiftError` with all the names there are when `name` is neither a network nor the support vectors.

    `member` is whose key the message names. A model that timm does not have is found when it is built.
    """
    names = [*OWN, SVM]
    if name in names or (name.startswith(TIMM) and name != TIMM):
        return
    raise FacesiftError(
        f"members.{member}.architecture.name: {name!r} is none; there are {TIMM}NAME and {', '.join(names)}"
    )


def _thesis(classes: int, image_size: int | None, **arguments: Any) -> nn.Module:
    del image_size  # the global pool takes any
    return ConvNeXtThesis(classes, **arguments)


def _alexnet(classes: int, image_size: int | None, **arguments: Any) -> nn.Module:
    """AlexNet as torchvision has it (Krizhevsky 2014, "one weird trick"), for images of 63 pixels and more."""
    del image_size  # the adaptive pool takes any that its stride-4 stem does
    from torchvision.models import alexnet  # noqa: PLC0415

    network: nn.Module = alexnet(num_classes=classes, **arguments)
    return network


# name -> function of the number of classes, the side of the images in pixels, and the architecture's arguments
OWN: dict[str, Callable[..., nn.Module]] = {
    "convnext_thesis": _thesis,
    "simple_cnn": simple_cnn,
    "lenet": lenet,
    "deepfakenet": deepfakenet,
    "torchvision:alexnet": _alexnet,
}


def timm_arguments(name: str, arguments: dict[str, Any], image_size: int | None) -> dict[str, Any]:
    """Return what to build a timm model with: networks for one size only, such as ViTs, are built for `image_size`."""
    from timm.models import get_pretrained_cfg  # noqa: PLC0415  takes seconds, and own networks do without it

    published = get_pretrained_cfg(name)
    fixed = image_size is not None and published is not None and published.fixed_input_size
    return ({"img_size": image_size} if fixed else {}) | arguments


def _timm(name: str, classes: int, image_size: int | None, arguments: dict[str, Any]) -> nn.Module:
    import timm  # noqa: PLC0415

    if not timm.is_model(name):
        similar = get_close_matches(name, timm.list_models(), n=3)
        raise FacesiftError(f"architecture timm:{name}: timm has no such model; the nearest names: {similar or 'none'}")
    if taken := [key for key in TAKEN if key in arguments]:
        raise FacesiftError(
            f"architecture timm:{name}: arguments.{taken[0]} is not for the arguments; `classes` and "
            "architecture.pretrained, architecture.package or architecture.checkpoint decide it"
        )
    network: nn.Module = timm.create_model(name, num_classes=classes, **timm_arguments(name, arguments, image_size))
    return network


def build_network(architecture: Architecture, classes: int, seed: int, image_size: int | None = None) -> nn.Module:
    """Build a network (b, 3, h, w) -> logits (b, classes) whose random weights depend on `seed` alone.

    `image_size`: side of the images in pixels, for networks whose layers depend on it. Nothing is downloaded or read:
    where the weights come from is the business of `starts.start_network`. Raises `FacesiftError` for a name, an
    argument or an image size that the architecture does not know.
    """
    name, arguments = architecture.name, architecture.arguments
    torch.manual_seed(seed)
    try:
        if name.startswith(TIMM):
            return _timm(name.removeprefix(TIMM), classes, image_size, arguments)
        if name not in OWN:
            raise FacesiftError(f"architecture {name}: not a network; there are timm:NAME, {', '.join(OWN)}")
        return OWN[name](classes, image_size, **arguments)
    except (TypeError, ValueError, RuntimeError, AssertionError, IndexError) as error:
        raise FacesiftError(f"architecture {name}: arguments {arguments}: {error}") from error


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
