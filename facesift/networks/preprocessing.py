"""Preprocessing of images for a network: normalisation, and in training augmentation and mixing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.members import Augment, Jpeg, Normalise

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
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    deviation = images.std(dim=(1, 2, 3), keepdim=True, correction=0)
    return (images - mean) / deviation.clamp(min=MIN_DEVIATION)


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


def stored_normalisation(preprocessing: Mapping[str, Any]) -> Normalise:
    """Read the normalisation from the `preprocessing` of a weights header; keys that older files lack are filled in."""
    from facesift.config.members import Normalise  # noqa: PLC0415

    stored = {"name": "per_image", "mean": [0.5] * 3, "std": [0.5] * 3} | preprocessing["normalise"]
    return Normalise.model_validate(stored)


class Recompress(torch.nn.Module):
    """Encode an image as JPEG at a random quality, and decode it again.

    Forged images are put together from JPEGs. When all images are compressed once more, that leaves no trace to learn.

    Args:
        jpeg: range of the quality, which is drawn from torch's generator.
    """

    def __init__(self, jpeg: Jpeg) -> None:
        super().__init__()
        self.encode = v2.JPEG(jpeg.quality)

    def forward(self, image: Tensor) -> Tensor:
        """Map an image (3, h, w) in [0, 1] to the same shape, on its own device; it is encoded on the CPU."""
        values = (image.clamp(0, 1) * 255).round().to("cpu", torch.uint8)
        decoded: Tensor = self.encode(values)
        return decoded.to(image.device, image.dtype) / 255


def make_augmentation(augment: Augment) -> Callable[[Tensor], Tensor]:
    """Make the augmentation of a recipe.

    Args:
        augment: probabilities and strengths of all steps; a step of 0 is left out.

    Returns:
        A function from images (b, 3, h, w) in [0, 1] to the same shape. It draws from torch's generator for each image.
    """
    steps = _augmentation_steps(augment)
    if not steps:
        return lambda images: images
    each = v2.Compose(steps)
    return lambda images: torch.stack([each(image) for image in images])


def _augmentation_steps(augment: Augment) -> list[torch.nn.Module]:
    steps: list[torch.nn.Module] = []
    if augment.flip:
        steps.append(v2.RandomHorizontalFlip(augment.flip))
    if augment.flip_vertical:
        steps.append(v2.RandomVerticalFlip(augment.flip_vertical))
    if augment.rotate or augment.shift or augment.zoom:
        shift = (augment.shift, augment.shift)
        scale = (1 - augment.zoom, 1 + augment.zoom) if augment.zoom else None
        bilinear = v2.InterpolationMode.BILINEAR
        steps.append(v2.RandomAffine(augment.rotate, shift, scale, interpolation=bilinear, fill=GREY))
    if augment.jitter:
        steps.append(v2.ColorJitter(brightness=augment.jitter, contrast=augment.jitter, saturation=augment.jitter))
    if augment.blur:
        steps.append(v2.RandomApply([v2.GaussianBlur(kernel_size=5, sigma=(0.1, 2.0))], augment.blur))
    if augment.jpeg:
        steps.append(v2.RandomApply([Recompress(augment.jpeg)], augment.jpeg.probability))
    if augment.erase:
        steps.append(v2.RandomErasing(augment.erase))
    return steps


def make_mixing(augment: Augment, classes: int) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Make MixUp (Zhang et al. 2018), CutMix (Yun et al. 2019), either of them at random, or neither.

    Args:
        augment: `mix` names one of them, `mix_alpha` is the parameter of the beta distribution.
        classes: number of classes.

    Returns:
        A function from images (b, 3, h, w) and labels (b,) to images of the same shape and labels: mixed labels are
        soft, (b, classes) with rows of sum 1.
    """
    if augment.mix == "none":
        return lambda images, labels: (images, labels)
    kinds = {"mixup": [v2.MixUp], "cutmix": [v2.CutMix], "either": [v2.MixUp, v2.CutMix]}[augment.mix]
    mix = v2.RandomChoice([kind(alpha=augment.mix_alpha, num_classes=classes) for kind in kinds])

    def mixed(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        images, labels = mix(images, labels)
        return images, labels

    return mixed
