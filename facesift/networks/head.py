"""The head of a network (the layers that give the logits) and the layers of its body, which can be frozen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


def head_layers(network: nn.Module) -> list[nn.Module]:
    """Return the layers that give the logits.

    They are timm's classifier (two layers beside a distillation token), otherwise the last linear layer, if any.
    """
    get_classifier: Any = getattr(network, "get_classifier", None)
    classifier = get_classifier() if get_classifier else None
    found = classifier if isinstance(classifier, tuple) else (classifier,)
    layers = [layer for layer in found if isinstance(layer, nn.Module) and any(True for _ in layer.parameters())]
    linear: list[nn.Module] = [module for module in network.modules() if isinstance(module, nn.Linear)]
    return layers or linear[-1:]


def head_names(network: nn.Module) -> set[str]:
    """Return the names of the head's parameters, see `head_layers`."""
    inside = {id(parameter) for layer in head_layers(network) for parameter in layer.parameters()}
    return {name for name, parameter in network.named_parameters() if id(parameter) in inside}


def body_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return all parameters but the head's, from the input side: in the order in which the network defines them."""
    head = head_names(network)
    return [parameter for name, parameter in network.named_parameters() if name not in head]


def layers_below_head(network: nn.Module) -> dict[str, int]:
    """Number the layers of the body downwards, from 1 right below the head.

    timm's models say which parameters make a layer (a block, or the stem). In other networks a layer begins at each
    module whose weights have two axes or more, and the norms after it belong to it.

    Returns:
        The number of each parameter's layer, by the parameter's name; the head's are left out.
    """
    head = head_names(network)
    names = [name for name, _ in network.named_parameters() if name not in head]
    matcher: Callable[..., Any] | None = getattr(network, "group_matcher", None)
    layers = _timm_layers(network, matcher(coarse=False)) if matcher else _layers_in_order(network)
    ranks = {layer: rank for rank, layer in enumerate(sorted({layers[name] for name in names}, reverse=True), 1)}
    return {name: ranks[layers[name]] for name in names}


def _timm_layers(network: nn.Module, matcher: Any) -> dict[str, int]:
    from timm.models import group_parameters  # noqa: PLC0415  takes seconds, and other networks do without it

    layers: dict[str, int] = group_parameters(network, matcher, reverse=True)
    return layers


def _layers_in_order(network: nn.Module) -> dict[str, int]:
    layers: dict[str, int] = {}
    layer = 0
    for prefix, module in network.named_modules():
        direct = dict(module.named_parameters(prefix, recurse=False))
        layer += any(parameter.ndim > 1 for parameter in direct.values())
        layers |= dict.fromkeys(direct, layer)
    return layers


def freeze_share(network: nn.Module, share: float) -> int:
    """Stop the first part of the body from learning, never the head.

    A batch norm all of whose parameters are frozen stays in evaluation mode, whatever mode the network is in: it uses
    its stored statistics and does not move them, so a frozen part gives the same features all the time. Dropout in a
    frozen part goes on.

    Args:
        network: its parameters are changed in place.
        share: part of the body's parameter tensors, 0 to 1, from the input side.

    Returns:
        Number of frozen parameter tensors.
    """
    body = body_parameters(network)
    frozen = round(share * len(body))
    for parameter in body[:frozen]:
        parameter.requires_grad = False
    hold_frozen_norms(network)
    return frozen


def hold_frozen_norms(network: nn.Module) -> None:
    """Keep the batch norms whose parameters are all frozen in evaluation mode, see `freeze_share`."""
    for module in network.modules():
        parameters = list(module.parameters(recurse=False))
        frozen = bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
        if getattr(module, "running_mean", None) is not None and frozen:
            module.register_forward_pre_hook(_to_evaluation_mode)


def _to_evaluation_mode(module: nn.Module, inputs: object) -> None:
    """Set the mode right before the layer runs: trainers set the mode of all layers at once."""
    del inputs
    module.eval()
