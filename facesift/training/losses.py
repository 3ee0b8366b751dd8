"""Losses from two-column logits (b, 2) and labels (b,) to one number."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F  # noqa: N812  the name everybody knows it by
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from facesift.params import CrossEntropy, Focal

Loss = Callable[[Tensor, Tensor], Tensor]


def make_loss(spec: CrossEntropy | Focal) -> Loss:
    """Return cross entropy, or the focal loss of Lin et al. 2017 (https://arxiv.org/abs/1708.02002).

    The focal loss sees the label one-hot, as the published study used it: `alpha` weighs the right class's output
    against the wrong one's, not fake against real.
    """
    if isinstance(spec, CrossEntropy):
        return F.cross_entropy

    def focal(logits: Tensor, labels: Tensor) -> Tensor:
        targets = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        return sigmoid_focal_loss(logits, targets, alpha=spec.alpha, gamma=spec.gamma, reduction="mean")

    return focal
