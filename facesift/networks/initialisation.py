"""Where first weights come from - random, published, in a package, or a file - and which of them stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facesift.config.members import Architecture
from facesift.core.errors import FacesiftError
from facesift.networks.architectures import build_network
from facesift.networks.hub import published_weights
from facesift.networks.package_weights import package_weights
from facesift.networks.weight_files import mismatches, other_classes, read_checkpoint, without_wrappers


def start_network(architecture: Architecture, classes: int, seed: int, image_size: int) -> nn.Module:
    """Build a network, load the weights it starts from, and freeze its first part.

    What the loaded weights do not decide depends on `seed` alone. Raises `FacesiftError` when the network cannot be
    built, its published weights cannot be had, a package is not installed, or a checkpoint is missing, unsafe or of
    another network.
    """
    network = build_network(architecture, classes, seed, image_size)
    if architecture.pretrained:
        load_matching(network, published_weights(architecture, image_size), f"published {architecture.name}")
    elif architecture.package:
        tensors = package_weights(architecture.package, network.state_dict())
        if load_matching(network, tensors, f"architecture.package {architecture.package}"):
            draw_head(network, seed)
    elif architecture.checkpoint:
        tensors = read_checkpoint(Path(architecture.checkpoint))
        load_matching(network, tensors, f"architecture.checkpoint {architecture.checkpoint}")
    freeze_share(network, architecture.freeze)
    return network


def load_matching(network: nn.Module, tensors: dict[str, Tensor], origin: str) -> set[str]:
    """Load tensors by name; a head for another number of classes stays random, which is printed; return its names.

    A head for as many classes is taken over: its classes must be in the order of `classes`. Raises `FacesiftError` with
    the first missing, unexpected and misshapen names of anything else that does not fit; `origin` begins the messages.
    """
    expected = network.state_dict()
    tensors = without_wrappers(tensors, set(expected))
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


def draw_head(network: nn.Module, seed: int) -> None:
    """Draw the head's linear layers anew as torch does, evenly between -1 and 1 over the root of the inputs.

    timm's EfficientNets divide by the root of the outputs instead: over 1,280 features that were learned elsewhere, two
    classes then start with logits some ten units apart, which a short training spends its steps on undoing.
    """
    torch.manual_seed(seed)
    for layer in head_layers(network):
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()


def head_layers(network: nn.Module) -> list[nn.Module]:
    """Layers that give the logits: timm's classifier (two beside a distillation token), else the last linear layer."""
    get_classifier: Any = getattr(network, "get_classifier", None)
    classifier = get_classifier() if get_classifier else None
    found = classifier if isinstance(classifier, tuple) else (classifier,)
    layers = [layer for layer in found if isinstance(layer, nn.Module) and any(True for _ in layer.parameters())]
    linear: list[nn.Module] = [module for module in network.modules() if isinstance(module, nn.Linear)]
    return layers or linear[-1:]


def head_names(network: nn.Module) -> set[str]:
    """Names of the parameters of the layers that give the logits, see `head_layers`."""
    inside = {id(parameter) for layer in head_layers(network) for parameter in layer.parameters()}
    return {name for name, parameter in network.named_parameters() if id(parameter) in inside}


def head_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Parameters of the head, see `head_names`."""
    head = head_names(network)
    return [parameter for name, parameter in network.named_parameters() if name in head]


def body_parameters(network: nn.Module) -> list[nn.Parameter]:
    """All parameters but the head's, from the input side: in the order in which the network defines them."""
    head = head_names(network)
    return [parameter for name, parameter in network.named_parameters() if name not in head]


def freeze_share(network: nn.Module, share: float) -> int:
    """Stop the first `share` (0 to 1) of the body's parameter tensors from learning, never the head's; return how many.

    Batch norms all of whose parameters are frozen are held in evaluation mode, whatever mode the network is in: they
    use the statistics they came with and do not move them, so that a frozen part gives the same features all the time.
    Dropout in a frozen part goes on.
    """
    body = body_parameters(network)
    frozen = round(share * len(body))
    for parameter in body[:frozen]:
        parameter.requires_grad = False
    hold_frozen_norms(network)
    return frozen


def hold_frozen_norms(network: nn.Module) -> None:
    """Hold the batch norms whose parameters are all frozen in evaluation mode, see `freeze_share`."""
    for module in network.modules():
        own = list(module.parameters(recurse=False))
        if getattr(module, "running_mean", None) is not None and own and not any(one.requires_grad for one in own):
            module.register_forward_pre_hook(_hold)


def _hold(module: nn.Module, inputs: object) -> None:
    """Put a layer into evaluation mode right before it runs: trainers set the mode of all layers at once."""
    del inputs
    module.eval()
