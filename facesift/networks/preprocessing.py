"""Preprocessing of images for a network: pixels to numbers in [0, 1], and normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.members import Normalise

GREY = 0.5  # fills what rotation and shift leave empty
MIN_DEVIATION = 1.0 / 255  # one grey level, so that a blank image does not become noise


def to_unit(pixels: NDArray[np.generic] | Tensor) -> Tensor:
    """Convert pixels (b, h, w, 3) in 0..255 to float32 images (b, 3, h, w) in [0, 1]."""
    return torch.as_tensor(pixels).permute(0, 3, 1, 2).to(torch.float32) / 255


def standardise(images: Tensor) -> Tensor:
    """Subtract each image's mean and divide by its standard deviation.

    Args:
        images: (b, 3, h, w) in [0, 1].

    Returns:
        Images of the same shape with mean 0 and standard deviation 1 each.

    >>> standardise(torch.tensor([[[[0.0, 0.5]]]])).flatten().tolist()
    [-1.0, 1.0]
    """
    around = images - images.mean(dim=(1, 2, 3), keepdim=True)
    deviation = around.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()  # torch's own `std` takes ten times as long
    return around / deviation.clamp(min=MIN_DEVIATION)


def make_normalisation(normalise: Normalise) -> Callable[[Tensor], Tensor]:
    """Make the normalisation of a recipe.

    Args:
        normalise: `per_image` (see `standardise`), `fixed` mean and deviation of each colour, or `unit` (unchanged).

    Returns:
        A function from images (b, 3, h, w) in [0, 1] to the network's input of the same shape.
    """
    if normalise.name == "per_image":
        return standardise
    if normalise.name == "unit":
        return lambda images: images
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (normalise.mean, normalise.std))
    return lambda images: (images - mean.to(images.device)) / std.to(images.device)
