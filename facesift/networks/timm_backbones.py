"""Backbones by timm: any of its models without its head, frozen, on a GPU where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray

from facesift.config.backbones import Backbone
from facesift.core.errors import FacesiftError
from facesift.networks.architectures import TIMM
from facesift.networks.backbones import BLOCK, outputs_of
from facesift.networks.checkpoints import read_checkpoint
from facesift.networks.hub import pretrained_model


def open_timm(spec: Backbone, weights: Path | None) -> tuple[int, Any]:
    """Build a frozen model of timm without its classifier.

    Args:
        spec: the backbone's parameters.
        weights: file of its weights; None: the hub's with `pretrained`, else random ones from seed 0.

    Returns:
        The side of its input in pixels, and a function from views (v, 3, side, side) to outputs by name: `class` and
        `mean` of the tokens or of the feature map, and `embedding`, what timm's own pooling gives.

    Raises:
        FacesiftError: for a model that timm does not have, or weights that do not fit.
    """
    name = spec.name.removeprefix(TIMM)
    if not timm.is_model(name.partition(".")[0]):
        raise FacesiftError(f"backbone {spec.name}: timm has no such model")
    torch.manual_seed(0)
    model: Any = pretrained_model(name) if spec.pretrained else timm.create_model(name, num_classes=0)
    if weights is not None:
        tensors = read_checkpoint(weights, f"backbone {spec.name}:")
        missing = model.load_state_dict(tensors, strict=False).missing_keys
        if missing:
            raise FacesiftError(f"backbone {spec.name}: {weights} lacks {len(missing)} tensors, such as {missing[0]}")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)  # several processes share the work of a stage
    model = model.eval().requires_grad_(requires_grad=False).to(device)
    side = model.pretrained_cfg.get("input_size", (3, 224, 224))[-1]

    @torch.inference_mode()
    def run(views: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        images, tokens_of = torch.from_numpy(views).to(device), {}
        if spec.blocks:
            last, inner = model.forward_intermediates(
                images, indices=[block - 1 for block in spec.blocks], return_prefix_tokens=True, output_fmt="NLC"
            )
            tokens_of = {f"{BLOCK}{block}": _joined(each) for block, each in zip(spec.blocks, inner, strict=True)}
        else:
            last = model.forward_features(images)
        pooled = model.forward_head(last, pre_logits=True).float().cpu().numpy()
        if last.ndim == 3:  # (views, tokens, width)
            first = int(getattr(model, "num_prefix_tokens", 0))
            tokens = last.float().cpu().numpy()
            mean = tokens[:, first:].mean(axis=1)
            own = {"class": tokens[:, 0] if first else mean, "mean": mean, "embedding": pooled}
            return own | outputs_of(tokens_of)
        mean = last.float().mean(dim=(2, 3)).cpu().numpy()
        return {"class": pooled, "mean": mean, "embedding": pooled}

    return int(side), run


def _joined(tokens: Any) -> NDArray[np.float32]:
    """Put prefix tokens (class first) and patch tokens of one block side by side: (views, tokens, width)."""
    patches, prefix = tokens
    joined: NDArray[np.float32] = torch.cat([prefix, patches], dim=1).float().cpu().numpy()
    return joined
