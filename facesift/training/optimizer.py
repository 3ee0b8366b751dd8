"""The optimiser of a recipe, and its parameter groups: learning rate by layer, weight decay with or without norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from facesift.networks.head import head_names, layers_below_head

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.members import Optimizer


def make_optimizer(network: nn.Module, spec: Optimizer) -> torch.optim.Optimizer:
    """Build the optimiser over all parameters that learn, see `parameter_groups`.

    Args:
        network: its parameters are optimised.
        spec: name and parameters of the optimiser. `momentum` is for SGD; Adam and AdamW keep their usual betas.

    Returns:
        SGD, Adam or AdamW. Adam and AdamW are fused: one kernel moves all parameters. Schedules multiply every
        group's own learning rate.
    """
    groups = parameter_groups(network, spec)
    if spec.name == "sgd":
        # Not fused: its kernel fails where some parameters begin to learn later than others (`head_epochs`).
        return torch.optim.SGD(groups, lr=spec.lr, momentum=spec.momentum)
    kind = torch.optim.Adam if spec.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=spec.lr, fused=True)


def parameter_groups(network: nn.Module, spec: Optimizer) -> list[dict[str, Any]]:
    """Group the parameters that learn by learning rate and weight decay, as torch's optimisers take them.

    The head has `spec.lr`, the k-th layer below it lr x body_lr x layer_decay^k (Howard and Ruder 2018,
    https://arxiv.org/abs/1801.06146; Clark et al. 2020, https://arxiv.org/abs/2003.10555).

    `timm.optim.param_groups_layer_decay` gives the same rates for EfficientNets, ResNets and ViTs. It counts one layer
    less in ConvNeXts, and gives one rate to all layers of networks that are not timm's, so it is not used.

    Args:
        network: its parameters with `requires_grad` are grouped.
        spec: learning rates and weight decay.

    Returns:
        Groups with the keys params, lr, weight_decay, in the order of their first parameters. With one rate and one
        decay there is one group.
    """
    below = layers_below_head(network) if spec.layer_decay != 1 else {}
    head, without_decay = head_names(network), _without_decay(network, spec)
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        share = 1.0 if name in head else spec.body_lr * spec.layer_decay ** below.get(name, 1)
        decay = 0.0 if name in without_decay else spec.weight_decay
        new = {"params": [], "lr": spec.lr * share, "weight_decay": decay}
        groups.setdefault((share, name in without_decay), new)["params"].append(parameter)
    return list(groups.values())


def _without_decay(network: nn.Module, spec: Optimizer) -> set[str]:
    """Return the names of norms, biases, and what the network itself names, such as a transformer's positions."""
    if spec.decay_norms:
        return set()
    named: Callable[[], set[str]] = getattr(network, "no_weight_decay", set)
    return {name for name, parameter in network.named_parameters() if parameter.ndim <= 1} | set(named())
