"""Which parameters learn how fast: by their distance from the head, and with weight decay or without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from facesift.config.members import Optimizer
from facesift.networks.initialisation import head_names


def parameter_groups(network: nn.Module, spec: Optimizer) -> list[dict[str, Any]]:
    """Deal the parameters that learn into groups of one learning rate and one weight decay, as torch's optimisers ask.

    The head has `spec.lr`, the k-th layer below it lr x body_lr x layer_decay^k (Howard and Ruder 2018,
    https://arxiv.org/abs/1801.06146; Clark et al. 2020, https://arxiv.org/abs/2003.10555). Groups come in the order
    of their first parameters; with the recipe's defaults there is one, of all parameters.
    """
    below = layers_below_head(network) if spec.layer_decay != 1 else {}
    head, spared = head_names(network), _without_decay(network, spec)
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        share = 1.0 if name in head else spec.body_lr * spec.layer_decay ** below.get(name, 1)
        decay = 0.0 if name in spared else spec.weight_decay
        group = groups.setdefault((share, name in spared), {"params": [], "lr": spec.lr * share, "weight_decay": decay})
        group["params"].append(parameter)
    return list(groups.values())


def layers_below_head(network: nn.Module) -> dict[str, int]:
    """Number the layers of the body downwards, from 1 right below the head; give each parameter's, by its name.

    timm's models say which parameters make a layer (a block, or the stem). In other networks a layer begins at each
    module whose weights have two axes or more, and the norms behind it are its own.
    """
    head = head_names(network)
    names = [name for name, _ in network.named_parameters() if name not in head]
    matcher: Callable[..., Any] | None = getattr(network, "group_matcher", None)
    layers = _timm_layers(network, matcher(coarse=False)) if matcher else _layers_in_order(network)
    ranks = {layer: rank for rank, layer in enumerate(sorted({layers[name] for name in names}, reverse=True), 1)}
    return {name: ranks[layers[name]] for name in names}


def _timm_layers(network: nn.Module, matcher: Any) -> dict[str, int]:
    from timm.models import group_parameters  # noqa: PLC0415  takes seconds, and own networks do without it

    layers: dict[str, int] = group_parameters(network, matcher, reverse=True)
    return layers


def _layers_in_order(network: nn.Module) -> dict[str, int]:
    layers: dict[str, int] = {}
    layer = 0
    for prefix, module in network.named_modules():
        own = dict(module.named_parameters(prefix, recurse=False))
        layer += any(parameter.ndim > 1 for parameter in own.values())
        layers |= dict.fromkeys(own, layer)
    return layers


def _without_decay(network: nn.Module, spec: Optimizer) -> set[str]:
    """Names of norms, biases, and what the network itself asks to spare, such as the places of a transformer."""
    if spec.decay_norms:
        return set()
    asked: Callable[[], set[str]] = getattr(network, "no_weight_decay", set)
    return {name for name, parameter in network.named_parameters() if parameter.ndim <= 1} | set(asked())
