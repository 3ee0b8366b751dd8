"""Backbones by timm: any of its models without its head, frozen, on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesift.config.backbones import Backbone
from facesift.core.errors import FacesiftError
from facesift.networks.architectures import TIMM
from facesift.networks.backbones import Network
from facesift.networks.checkpoints import read_checkpoint
from facesift.networks.hub import pretrained_model
from facesift.networks.package_weights import package_weights


class TimmTower(nn.Module):
    """A frozen model of timm without its classifier; its outputs by name of `config.backbones.Pool`.

    Args:
        model: timm's.
        blocks: numbers of blocks whose tokens are pooled, too, or of stages whose maps are; counted from 1.

    Attributes:
        side: of its input in pixels.
    """

    def __init__(self, model: Any, blocks: Sequence[int] = ()) -> None:
        super().__init__()
        self.model, self.blocks = model, list(blocks)
        self._tokens = hasattr(model, "patch_embed") and hasattr(model, "cls_token")
        self.side = int(model.pretrained_cfg.get("input_size", (3, 224, 224))[-1])

    def forward(self, views: Tensor) -> dict[str, Tensor]:
        """Map views (v, 3, side, side) to `class` and `mean` of the tokens or of the feature map, and `embedding`.

        `embedding` is what timm's own pooling gives; each output is float32 (v, width).
        """
        outputs: dict[str, Tensor] = {}
        if self.blocks and self._tokens:
            last, inner = self.model.forward_intermediates(
                views, indices=[block - 1 for block in self.blocks], return_prefix_tokens=True, output_fmt="NLC"
            )
            for block, (patches, prefix) in zip(self.blocks, inner, strict=True):
                outputs |= {f"class.{block}": prefix[:, 0].float(), f"mean.{block}": patches.float().mean(dim=1)}
        elif self.blocks:
            last, inner = self.model.forward_intermediates(views, indices=[block - 1 for block in self.blocks])
            outputs |= {f"mean.{block}": _mean(maps) for block, maps in zip(self.blocks, inner, strict=True)}
        else:
            last = self.model.forward_features(views)
        pooled = self.model.forward_head(last, pre_logits=True).float()
        if last.ndim == 3:  # (views, tokens, width)
            first = int(getattr(self.model, "num_prefix_tokens", 0))
            mean = last[:, first:].float().mean(dim=1)
            own = {"class": last[:, 0].float() if first else mean, "mean": mean, "embedding": pooled}
            return own | outputs
        return {"class": pooled, "mean": _mean(last), "embedding": pooled} | outputs


def _mean(maps: Tensor) -> Tensor:
    """Average feature maps (views, width, height, width) over their places."""
    return maps.float().mean(dim=(2, 3))


def build_tower(spec: Backbone, weights: Path | None) -> TimmTower:
    """Build a frozen model of timm without its classifier, on the CPU.

    Args:
        spec: the backbone's parameters.
        weights: file of its weights; None: the hub's with `pretrained`, else random ones from seed 0.

    Raises:
        FacesiftError: for a model that timm does not have, or weights that do not fit.
    """
    name = spec.name.removeprefix(TIMM)
    if not timm.is_model(name.partition(".")[0]):
        raise FacesiftError(f"backbone {spec.name}: timm has no such model")
    torch.manual_seed(0)
    model: Any = pretrained_model(name) if spec.pretrained else timm.create_model(name, num_classes=0)
    if weights is not None:
        expected = model.state_dict()
        tensors = (
            package_weights(spec.package, expected)
            if spec.package
            else read_checkpoint(weights, f"backbone {spec.name}:")
        )
        missing = model.load_state_dict(tensors, strict=False).missing_keys
        if missing:
            raise FacesiftError(f"backbone {spec.name}: {weights} lacks {len(missing)} tensors, such as {missing[0]}")
    return TimmTower(model.eval().requires_grad_(requires_grad=False), spec.blocks).eval()


def open_timm(spec: Backbone, weights: Path | None) -> tuple[int, Network]:
    """Open a frozen model of timm, on a GPU where there is one; see `build_tower`.

    Returns:
        The side of its input in pixels, and the network.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)  # several processes share the work of a stage
    tower = build_tower(spec, weights).to(device)

    @torch.inference_mode()
    def run(views: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        outputs = tower(torch.from_numpy(views).to(device))
        return {name: values.cpu().numpy() for name, values in outputs.items()}

    return tower.side, run
