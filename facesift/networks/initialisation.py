"""Initialise a network: weights that are random, published, in a package, or in a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from facesift.core.errors import FacesiftError
from facesift.networks.architectures import build_network
from facesift.networks.checkpoints import mismatches, other_classes, read_checkpoint, without_wrappers
from facesift.networks.head import freeze_share, head_layers, head_names
from facesift.networks.hub import published_weights
from facesift.networks.package_weights import check_network, package_weights
from facesift.networks.tuning import restrict_learning

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.members import Architecture


def initialise_network(architecture: Architecture, classes: int, seed: int, image_size: int) -> nn.Module:
    """Build a network, load its first weights, and choose which of them learn.

    What the loaded weights do not decide depends on `seed` alone.

    Args:
        architecture: the network, where its weights come from, and what learns.
        classes: number of logits.
        seed: seed of all random weights.
        image_size: side of the images in pixels.

    Returns:
        A module from images (b, 3, image_size, image_size) to logits (b, classes), in training mode.

    Raises:
        FacesiftError: when the network cannot be built, its published weights cannot be had, a package is not
            installed, a checkpoint is missing, unsafe or of another network, or the network has nothing of what shall
            learn.
    """
    if architecture.package:
        check_network(architecture.package, architecture.name)
    network = build_network(architecture, classes, seed, image_size)
    if architecture.pretrained:
        load_matching(network, published_weights(architecture, image_size), f"published {architecture.name}")
    elif architecture.package:
        tensors = package_weights(architecture.package, network.state_dict())
        if load_matching(network, tensors, f"architecture.package {architecture.package}"):
            reset_head(network, seed)
    elif architecture.checkpoint:
        tensors = read_checkpoint(Path(architecture.checkpoint))
        load_matching(network, tensors, f"architecture.checkpoint {architecture.checkpoint}")
    freeze_share(network, architecture.freeze)
    restrict_learning(network, architecture.tune, seed)
    return network


def load_matching(network: nn.Module, tensors: dict[str, Tensor], origin: str) -> set[str]:
    """Load tensors by name. A head for another number of classes stays random, which is printed.

    A head for as many classes is loaded: its classes must be in the order of `classes`. The position embedding of a
    vision transformer is resized (bicubic) where the images have another size.

    Args:
        network: takes the tensors.
        tensors: weights by name, maybe with the prefixes of wrappers.
        origin: where they come from; it begins the messages.

    Returns:
        Names of the head's tensors that stayed random.

    Raises:
        FacesiftError: when anything else does not fit, with the first missing, unexpected and misshapen names.
    """
    expected = network.state_dict()
    tensors = _resized_positions(network, without_wrappers(tensors, set(expected)))
    random = other_classes(tensors, expected, head_names(network))
    kept = {name: tensor for name, tensor in expected.items() if name in random}
    problems = mismatches(tensors | kept, expected)
    if problems:
        raise FacesiftError(f"{origin}: not the weights of this architecture: {'; '.join(problems)}")
    network.load_state_dict(tensors | kept, strict=False)  # batch counts alone may be missing
    if random:
        names = sorted(random)
        theirs, ours = len(tensors[names[0]]), len(expected[names[0]])
        print(f"{origin}: its head is for {theirs} classes, not {ours}; random weights: {', '.join(names)}")  # noqa: T201
    return random


def _resized_positions(network: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    ours, theirs = network.state_dict().get("pos_embed"), tensors.get("pos_embed")
    grid: Any = getattr(getattr(network, "patch_embed", None), "grid_size", None)
    if ours is None or theirs is None or grid is None or ours.shape == theirs.shape or ours.ndim != theirs.ndim:
        return tensors
    patches = theirs.shape[1] + math.prod(grid) - ours.shape[1]
    if ours.shape[::2] != theirs.shape[::2] or patches < 1 or math.isqrt(patches) ** 2 != patches:
        return tensors  # of another network, which is said by name and shape
    from timm.layers import resample_abs_pos_embed  # noqa: PLC0415  takes seconds, and other networks do without it

    side, prefix = math.isqrt(patches), theirs.shape[1] - patches
    return tensors | {"pos_embed": resample_abs_pos_embed(theirs, list(grid), [side, side], num_prefix_tokens=prefix)}


def reset_head(network: nn.Module, seed: int) -> None:
    """Draw the head's linear layers anew as torch does: uniformly between -1 and 1 over the root of the inputs.

    timm's EfficientNets divide by the root of the outputs instead. Over 1,280 features that were learned on other data,
    two classes then start with logits some ten units apart, and a short training spends its steps on undoing that.
    """
    torch.manual_seed(seed)
    for layer in head_layers(network):
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
