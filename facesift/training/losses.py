"""Losses: functions from logits (b, classes) and labels, (b,) or soft (b, classes), to one number.

To add a loss, open two files: `config/losses.py` (a section of its parameters with a `name`, listed in `Loss`),
and this one (a function from such a section to a `Loss`, and its line in `LOSSES`, by that `name`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812  the name everybody knows it by
from torch import Tensor

from facesift.core.errors import FacesiftError

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.losses import CrossEntropy, Focal, Ldam, LogitAdjusted

Loss = Callable[[Tensor, Tensor], Tensor]
LossSpec: TypeAlias = "CrossEntropy | Focal | LogitAdjusted | Ldam"  # the sections of `Member.loss`


def make_loss(spec: LossSpec, classes: int = 2, name: str = "") -> Loss:
    """Make the loss of a recipe.

    Args:
        spec: name and parameters of the loss.
        classes: number of classes.
        name: name of the member, for messages.

    Returns:
        A function from logits (b, classes) and labels, (b,) or soft (b, classes), to the mean loss.

    Raises:
        FacesiftError: when the class weights are not one per class.
    """
    return LOSSES[spec.name](spec, classes, name)


def without_smoothing(spec: LossSpec) -> LossSpec:
    """Return the loss for validation: label smoothing is for training alone."""
    return spec.model_copy(update={"label_smoothing": 0.0}) if getattr(spec, "label_smoothing", 0.0) else spec


def divisor(spec: LossSpec, labels: Tensor) -> Tensor:
    """Return the number by which the mean of a loss divides.

    It is the number of images, or with class weights and hard labels the sum of their weights. Means over parts of a
    batch, weighted by it, give the mean over the whole batch.

    >>> from facesift.config.losses import CrossEntropy
    >>> spec = CrossEntropy(name="cross_entropy", class_weights=[1.0, 3.0], label_smoothing=0.0)
    >>> divisor(spec, torch.tensor([0, 1, 1])).item()
    7.0

    Args:
        spec: name and parameters of the loss.
        labels: (b,), or soft (b, classes).

    Returns:
        A scalar on the device of the labels.
    """
    class_weights = getattr(spec, "class_weights", None)
    if class_weights is not None and not labels.is_floating_point():
        return torch.tensor(class_weights, device=labels.device)[labels].sum()
    return torch.tensor(float(len(labels)), device=labels.device)


def _cross_entropy(spec: CrossEntropy, classes: int, name: str) -> Loss:
    """Make torch's cross entropy."""
    if spec.class_weights is None:
        return partial(F.cross_entropy, label_smoothing=spec.label_smoothing)
    if len(spec.class_weights) != classes:
        key = f"members.{name}.loss.class_weights"
        raise FacesiftError(f"{key}: {len(spec.class_weights)} weights for {classes} classes; give one for each")
    weights = torch.tensor(spec.class_weights)

    def weighted(logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels, weight=weights.to(logits.device), label_smoothing=spec.label_smoothing)

    return weighted


def _focal(spec: Focal, classes: int, name: str) -> Loss:
    """Make the focal loss of Lin et al. 2017 (https://arxiv.org/abs/1708.02002).

    It sees the label one-hot, as the published study used it: `alpha` weights the right class's output against the
    wrong ones', not one class against another.
    """
    from torchvision.ops import sigmoid_focal_loss  # noqa: PLC0415  takes a second, and other losses do without it

    del classes, name

    def focal(logits: Tensor, labels: Tensor) -> Tensor:
        soft = labels.is_floating_point()
        targets = labels if soft else F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        if spec.label_smoothing:
            targets = torch.lerp(targets, torch.full_like(targets, 1 / logits.shape[1]), spec.label_smoothing)
        return sigmoid_focal_loss(logits, targets, alpha=spec.alpha, gamma=spec.gamma, reduction="mean")

    return focal


def _logit_adjusted(spec: LogitAdjusted, classes: int, name: str) -> Loss:
    """Make the loss of Menon et al. 2021 (https://arxiv.org/abs/2007.07314); scores are logits without the shift."""
    shift = spec.tau * torch.log(_shares(spec, classes, name))

    def adjusted(logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits + shift.to(logits.device), labels)

    return adjusted


def _ldam(spec: Ldam, classes: int, name: str) -> Loss:
    """Make the loss of Cao et al. 2019 (https://arxiv.org/abs/1906.07413), without its re-weighting of later epochs."""
    rarity = _shares(spec, classes, name) ** -0.25
    margins = spec.margin * rarity / rarity.max()

    def ldam(logits: Tensor, labels: Tensor) -> Tensor:
        targets = labels if labels.is_floating_point() else F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        return F.cross_entropy(spec.scale * (logits - targets * margins.to(logits.device)), labels)

    return ldam


def _shares(spec: LogitAdjusted | Ldam, classes: int, name: str) -> Tensor:
    if spec.prior is None or len(spec.prior) != classes:
        found = "null and never counted" if spec.prior is None else f"{len(spec.prior)} numbers"
        raise FacesiftError(f"members.{name}.loss.prior: {found}, for {classes} classes; give one for each")
    counts = torch.tensor(spec.prior, dtype=torch.float32)
    return counts / counts.sum()


def with_prior(spec: LossSpec, counts: Sequence[int]) -> LossSpec:
    """Put the number of images of each class into the parameters of a loss that asks for it; others stay as they are.

    >>> from facesift.config.losses import Ldam
    >>> with_prior(Ldam(name="ldam", margin=0.5, scale=10.0, prior=None), [90, 10]).prior
    [90.0, 10.0]
    """
    if getattr(spec, "prior", 0) is not None:
        return spec
    return spec.model_copy(update={"prior": [float(max(count, 1)) for count in counts]})


# name of a section of the parameters -> function of section, number of classes and member's name
LOSSES: dict[str, Callable[[Any, int, str], Loss]] = {
    "cross_entropy": _cross_entropy,
    "focal": _focal,
    "logit_adjusted": _logit_adjusted,
    "ldam": _ldam,
}
