"""Losses from logits (b, classes) and labels, (b,) or soft (b, classes), to one number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812  the name everybody knows it by
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from facesift.config.members import CrossEntropy, Focal
from facesift.core.errors import FacesiftError

Loss = Callable[[Tensor, Tensor], Tensor]


def divisor(spec: CrossEntropy | Focal, labels: Tensor) -> Tensor:
    """What the mean of a loss divides by: the images, or with class weights and hard labels the sum of their weights.

    With it, the means over parts of a batch make the mean over all of it, as they came.

    >>> spec = CrossEntropy(name="cross_entropy", class_weights=[1.0, 3.0], label_smoothing=0.0)
    >>> divisor(spec, torch.tensor([0, 1, 1])).item()
    7.0
    """
    if isinstance(spec, CrossEntropy) and spec.class_weights is not None and not labels.is_floating_point():
        return torch.tensor(spec.class_weights, device=labels.device)[labels].sum()
    return torch.tensor(float(len(labels)), device=labels.device)


def make_loss(spec: CrossEntropy | Focal, classes: int = 2, name: str = "") -> Loss:
    """Return cross entropy, or the focal loss of Lin et al. 2017 (https://arxiv.org/abs/1708.02002).

    Both take labels that are smoothed by `label_smoothing`. The focal loss sees the label one-hot, as the published
    study used it: `alpha` weighs the right class's output against the wrong ones', not one class against another.
    Raises `FacesiftError` when the class weights are not one per class; `name` is the member's, for the message.
    """
    if isinstance(spec, CrossEntropy):
        return _cross_entropy(spec, classes, name)

    def focal(logits: Tensor, labels: Tensor) -> Tensor:
        soft = labels.is_floating_point()
        targets = labels if soft else F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        if spec.label_smoothing:
            targets = torch.lerp(targets, torch.full_like(targets, 1 / logits.shape[1]), spec.label_smoothing)
        return sigmoid_focal_loss(logits, targets, alpha=spec.alpha, gamma=spec.gamma, reduction="mean")

    return focal


def _cross_entropy(spec: CrossEntropy, classes: int, name: str) -> Loss:
    if spec.class_weights is None:
        return partial(F.cross_entropy, label_smoothing=spec.label_smoothing)
    if len(spec.class_weights) != classes:
        key = f"members.{name}.loss.class_weights"
        raise FacesiftError(f"{key}: {len(spec.class_weights)} weights for {classes} classes; give one for each")
    weights = torch.tensor(spec.class_weights)

    def weighted(logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels, weight=weights.to(logits.device), label_smoothing=spec.label_smoothing)

    return weighted
