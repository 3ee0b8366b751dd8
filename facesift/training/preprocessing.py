"""From pixels to what a network sees: augmentation in training, standardisation always."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

from facesift.params import Augment

GREY = 0.5  # what rotation and shift leave empty
FLAT = 1.0 / 255  # smallest standard deviation: one grey level, so that a blank image does not become noise


def to_unit(pixels: NDArray[np.generic] | Tensor) -> Tensor:
    """(b, h, w, 3) in 0..255 -> float32 (b, 3, h, w) in [0, 1]."""
    return torch.as_tensor(pixels).permute(0, 3, 1, 2).to(torch.float32) / 255


def standardise(images: Tensor) -> Tensor:
    """Subtract each image's mean and divide by its standard deviation: (b, 3, h, w) in [0, 1] -> same shape.

    >>> standardise(torch.tensor([[[[0.0, 0.5]]]])).flatten().tolist()
    [-1.0, 1.0]
    """
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    deviation = images.std(dim=(1, 2, 3), keepdim=True, correction=0)
    return (images - mean) / deviation.clamp(min=FLAT)


def make_augmentation(augment: Augment) -> Callable[[Tensor], Tensor]:
    """Return a function (b, 3, h, w) in [0, 1] -> same, that draws anew for every image from torch's generator."""
    steps: list[torch.nn.Module] = []
    if augment.flip:
        steps.append(v2.RandomHorizontalFlip(augment.flip))
    if augment.rotate or augment.shift:
        shift = (augment.shift, augment.shift)
        bilinear = v2.InterpolationMode.BILINEAR
        steps.append(v2.RandomAffine(augment.rotate, translate=shift, interpolation=bilinear, fill=GREY))
    if augment.jitter:
        steps.append(v2.ColorJitter(brightness=augment.jitter, contrast=augment.jitter, saturation=augment.jitter))
    if not steps:
        return lambda images: images
    each = v2.Compose(steps)
    return lambda images: torch.stack([each(image) for image in images])
