"""Light fine-tuning: only the norms, low-rank updates (LoRA) or the last blocks learn, and always the head.

LoRA is a parametrisation of torch's (`torch.nn.utils.parametrize`): a layer reads its weight, and gets the sum of the
frozen weight and the update. So it works in every layer, also where a network reads the weight itself, and after
`merge_updates` the network is what it was before, with other values. peft has the same, and needs transformers and
accelerate, which nothing else here does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from facesift.core.errors import FacesiftError
from facesift.networks.head import head_layers, head_names, hold_frozen_norms, layers_below_head

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.tuning import Tune, TuneLora

KEY = "architecture.tune"


def restrict_learning(network: nn.Module, tune: Tune, seed: int) -> None:
    """Let only the weights learn that `tune` names, and the head; all others stay as they are, bit for bit.

    The statistics of batch norms that do not learn stay, too, as with `head.freeze_share`.

    Args:
        network: changed in place. With LoRA its logits stay the same: updates start at 0.
        tune: what learns.
        seed: seed of the updates' first factors.

    Raises:
        FacesiftError: when the network has nothing of that kind.
    """
    if tune.name == "all":
        return
    chosen = head_names(network)
    if tune.name == "norms":
        chosen |= _norm_names(network)
    elif tune.name == "last":
        chosen |= _last_blocks(network, tune.blocks)
    for name, parameter in network.named_parameters():
        parameter.requires_grad = name in chosen
    if tune.name == "lora":
        _add_updates(network, tune, seed)
    hold_frozen_norms(network)


def _norm_names(network: nn.Module) -> set[str]:
    """Return the names of the norms' parameters. torch and timm call all norms so, from BatchNorm2d to RmsNorm."""
    norms = {
        name
        for prefix, module in network.named_modules()
        if "norm" in type(module).__name__.lower()
        for name, _ in module.named_parameters(prefix, recurse=False)
    }
    if not norms:
        raise FacesiftError(f"{KEY}.name: norms, but {type(network).__name__} has no norms")
    return norms


def _last_blocks(network: nn.Module, blocks: int) -> set[str]:
    layers = layers_below_head(network)
    if blocks > max(layers.values(), default=0):
        highest = max(layers.values(), default=0)
        raise FacesiftError(f"{KEY}.blocks: {blocks}, but {type(network).__name__} has {highest} below its head")
    return {name for name, layer in layers.items() if layer <= blocks}


class LowRankUpdate(nn.Module):
    """Adds a learned matrix of low rank to a weight that stays as it is.

    Args:
        weight: of a linear layer, (outputs, inputs).
        rank: rank of the update.
        scale: factor of the update.
    """

    def __init__(self, weight: Tensor, rank: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.down = nn.Parameter(weight.new_empty(rank, weight.shape[1]))
        self.up = nn.Parameter(weight.new_zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))  # as the paper's authors do

    def forward(self, weight: Tensor) -> Tensor:
        """Return weight + scale x up x down, (outputs, inputs)."""
        return weight + self.scale * (self.up @ self.down)


def _add_updates(network: nn.Module, tune: TuneLora, seed: int) -> None:
    layers = _linear_layers(network, within_attention=tune.layers == "attention")
    if not layers:
        which = "linear layers in attention" if tune.layers == "attention" else "linear layers below its head"
        raise FacesiftError(f"{KEY}.layers: {tune.layers}, but {type(network).__name__} has no {which}")
    torch.manual_seed(seed)
    for layer in layers:
        update = LowRankUpdate(layer.weight, tune.rank, tune.alpha / tune.rank)
        parametrize.register_parametrization(layer, "weight", update)


def _linear_layers(network: nn.Module, *, within_attention: bool) -> list[nn.Linear]:
    head = {id(layer) for layer in head_layers(network)}
    parents = (
        module for module in network.modules() if not within_attention or "attention" in type(module).__name__.lower()
    )
    found = (layer for parent in parents for layer in parent.children())
    return [layer for layer in found if isinstance(layer, nn.Linear) and id(layer) not in head]


def merge_updates(network: nn.Module) -> None:
    """Make the sums of frozen weights and low-rank updates the network's own weights; without updates nothing happens.

    Afterwards names and shapes of the tensors are those that the architecture has without LoRA.
    """
    for module in list(network.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
