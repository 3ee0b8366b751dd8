"""Build a network by its name: any timm model, or one of the published studies'."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from facesift.core.errors import FacesiftError
from facesift.networks.published_networks import NETWORKS
from facesift.networks.support_vectors import SVM

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.members import Architecture

TIMM = "timm:"
# Arguments of timm's that the rest of a recipe decides, or that would load files of their own.
RESERVED = ("checkpoint_path", "num_classes", "in_chans", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay")


def check_name(name: str, member: str) -> None:
    """Check that a recipe's architecture exists. A timm model that does not exist is found when it is built.

    Args:
        name: `timm:NAME`, a key of `published_networks.NETWORKS`, or `svm_rbf`.
        member: name of the member, for the message.

    Raises:
        FacesiftError: when it is none of these; the message lists all names.
    """
    names = [*NETWORKS, SVM, "head"]
    if name in names or (name.startswith(TIMM) and name != TIMM):
        return
    raise FacesiftError(
        f"members.{member}.architecture.name: {name!r} is none; there are {TIMM}NAME and {', '.join(names)}"
    )


def build_network(architecture: Architecture, classes: int, seed: int, image_size: int | None = None) -> nn.Module:
    """Build a network with random weights that depend on `seed` alone.

    Nothing is downloaded or read: `initialisation.initialise_network` loads weights.

    Args:
        architecture: name and arguments of the network.
        classes: number of logits.
        seed: seed of torch's generator.
        image_size: side of the images in pixels, for networks whose layers depend on it.

    Returns:
        A module from images (b, 3, h, w) to logits (b, classes).

    Raises:
        FacesiftError: for a name, an argument or an image size that the architecture does not know.
    """
    name, arguments = architecture.name, architecture.arguments
    torch.manual_seed(seed)
    try:
        if name.startswith(TIMM):
            return _timm(name.removeprefix(TIMM), classes, image_size, arguments)
        if name not in NETWORKS:
            raise FacesiftError(f"architecture {name}: not a network; there are timm:NAME, {', '.join(NETWORKS)}")
        return NETWORKS[name](classes, image_size, **arguments)
    except (TypeError, ValueError, RuntimeError, AssertionError, IndexError) as error:
        raise FacesiftError(f"architecture {name}: arguments {arguments}: {error}") from error


def _timm(name: str, classes: int, image_size: int | None, arguments: dict[str, Any]) -> nn.Module:
    import timm  # noqa: PLC0415

    if not timm.is_model(name):
        similar = get_close_matches(name, timm.list_models(), n=3)
        raise FacesiftError(f"architecture timm:{name}: timm has no such model; the nearest names: {similar or 'none'}")
    if reserved := [key for key in RESERVED if key in arguments]:
        raise FacesiftError(
            f"architecture timm:{name}: arguments.{reserved[0]} may not be given here; `classes` and "
            "architecture.pretrained, architecture.package or architecture.checkpoint decide it"
        )
    network: nn.Module = timm.create_model(name, num_classes=classes, **timm_arguments(name, arguments, image_size))
    return network


def timm_arguments(name: str, arguments: dict[str, Any], image_size: int | None) -> dict[str, Any]:
    """Return the arguments of a timm model: networks for one size only, such as ViTs, are built for `image_size`.

    Args:
        name: timm's name of the model, without `timm:`.
        arguments: the recipe's own arguments; they win.
        image_size: side of the images in pixels, or None.

    Returns:
        Arguments of `timm.create_model`.
    """
    from timm.models import get_pretrained_cfg  # noqa: PLC0415  takes seconds, and other networks do without it

    published = get_pretrained_cfg(name)
    fixed = image_size is not None and published is not None and published.fixed_input_size
    return ({"img_size": image_size} if fixed else {}) | arguments


def check_size(network: nn.Module, architecture: Architecture, image_size: int) -> None:
    """Check that the network takes square images of `image_size` pixels.

    Raises:
        FacesiftError: when it does not.
    """
    network.eval()
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError) as error:
        raise FacesiftError(
            f"architecture {architecture.name} cannot take images of data.image_size {image_size} pixels: {error}"
        ) from error
    network.train()
