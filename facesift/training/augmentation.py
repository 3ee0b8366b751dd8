"""Augmentation of training images, a batch at once with draws of each image's own, and mixing of the images."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

from facesift.networks.preprocessing import GREY

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.members import Augment, Jpeg

Step: TypeAlias = Callable[[Tensor], Tensor]

GREY_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue in brightness (ITU-R BT.601), as torchvision has them
BLUR_WIDTH, BLUR_SIGMA = 5, (0.1, 2.0)  # pixels; standard deviations
ERASED_AREA, ERASED_SHAPE = (0.02, 0.33), (0.3, 3.3)  # share of the image; height to width (Zhong et al. 2017)
ERASE_TRIES = 10  # rectangles that are drawn until one fits into the image


def make_augmentation(augment: Augment) -> Step:
    """Make the augmentation of a recipe.

    The draws are those of torchvision's transforms of the same names, but for all images of a batch together, on the
    CPU, from torch's generator: one call for each number and not one for each image.

    Args:
        augment: probabilities and strengths of all steps; a step of 0 is left out.

    Returns:
        A function from images (b, 3, h, w) in [0, 1] to the same shape.
    """
    jpeg, moved = augment.jpeg, augment.rotate or augment.zoom
    all_steps: list[tuple[float | Jpeg | None, Step]] = [
        (augment.flip, lambda images: _where(augment.flip, images.flip(-1), images)),
        (augment.flip_vertical, lambda images: _where(augment.flip_vertical, images.flip(-2), images)),
        (moved, lambda images: turn(images, augment)),
        (0 if moved else augment.shift, lambda images: shift_pixels(images, augment.shift)),
        (augment.jitter, lambda images: jitter_colours(images, augment.jitter)),
        (augment.blur, lambda images: _some(augment.blur, images, blur)),
        (jpeg, lambda images: recompress(images, jpeg) if jpeg else images),
        (augment.erase, lambda images: _some(augment.erase, images, erase)),
    ]
    steps = [step for strength, step in all_steps if strength]

    def augmented(images: Tensor) -> Tensor:
        for step in steps:
            images = step(images)
        return images

    return augmented


def _uniform(count: int, low: float, high: float) -> Tensor:
    return torch.empty(count).uniform_(low, high)


def _where(probability: float, changed: Tensor, images: Tensor) -> Tensor:
    """Take `changed` for images drawn with a probability."""
    chosen = torch.rand(len(images)) < probability
    return torch.where(chosen.view(-1, 1, 1, 1).to(images.device), changed, images)


def _some(probability: float, images: Tensor, change: Step) -> Tensor:
    """Change images drawn with a probability, and leave the others as they are."""
    chosen = torch.nonzero(torch.rand(len(images)) < probability).flatten().to(images.device)
    return images.index_copy(0, chosen, change(images[chosen])) if len(chosen) else images


def shift_pixels(images: Tensor, shift: float) -> Tensor:
    """Shift each image by whole pixels across and down.

    Args:
        images: (b, 3, h, w).
        shift: at most this share of the side, either way.

    Returns:
        Images of the same shape; what is left empty is grey.
    """
    count, _, height, width = images.shape
    reach = [round(shift * side) for side in (height, width)]
    down, across = (
        (most - _uniform(count, -shift * side, shift * side).round().long()).to(images.device)
        for side, most in zip((height, width), reach, strict=True)
    )
    padded = functional.pad(images, (reach[1], reach[1], reach[0], reach[0]), value=GREY)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(count, device=images.device), :, down, across]


def turn(images: Tensor, augment: Augment) -> Tensor:
    """Turn each image about its centre, enlarge or shrink it, and shift it by whole pixels.

    Args:
        images: (b, 3, h, w).
        augment: `rotate` in degrees, `zoom` and `shift` as shares, all of them at most, either way.

    Returns:
        Images of the same shape by bilinear interpolation; what is left empty is grey.
    """
    count, _, height, width = images.shape
    angle = _uniform(count, -augment.rotate, augment.rotate) * (math.pi / 180)
    zoom = _uniform(count, 1 - augment.zoom, 1 + augment.zoom)
    down, across = ((_uniform(count, -1, 1) * augment.shift * side).round() * 2 / side for side in (height, width))
    cosine, sine = angle.cos() / zoom, angle.sin() / zoom
    ratio = height / width  # affine_grid measures both sides as 2
    rows = (
        torch.stack([cosine, sine * ratio, -(cosine * across + sine * ratio * down)], dim=1),
        torch.stack([-sine / ratio, cosine, sine / ratio * across - cosine * down], dim=1),
    )
    grid = functional.affine_grid(torch.stack(rows, dim=1), [count, 3, height, width], align_corners=False)
    return functional.grid_sample(images - GREY, grid.to(images.device), align_corners=False) + GREY


def jitter_colours(images: Tensor, strength: float) -> Tensor:
    """Change brightness, contrast and saturation of each image by factors near 1.

    The three are linear maps of colours that can be done in any order, so they are one map here: without the clipping
    between them that torchvision does, but with one at the end.

    Args:
        images: (b, 3, h, w) in [0, 1].
        strength: each factor is within 1 - strength and 1 + strength.

    Returns:
        Images of the same shape in [0, 1].
    """
    count = len(images)
    brightness, contrast, saturation = (_uniform(count, 1 - strength, 1 + strength).view(-1, 1, 1) for _ in range(3))
    weights = torch.tensor(GREY_WEIGHTS)
    maps = brightness * contrast * (saturation * torch.eye(3) + (1 - saturation) * weights)
    flat = images.flatten(2)
    grey = (flat.mean(dim=2) @ weights.to(images.device)).view(-1, 1, 1)
    offset = (brightness * (1 - contrast)).to(images.device) * grey
    return torch.baddbmm(offset, maps.to(images.device), flat).clamp_(0, 1).view(images.shape)


def blur(images: Tensor) -> Tensor:
    """Blur each image by a Gaussian of its own width.

    Args:
        images: (b, 3, h, w).

    Returns:
        Images of the same shape; they are mirrored at their edges.
    """
    count, channels, height, width = images.shape
    half = BLUR_WIDTH // 2
    steps = torch.arange(-half, half + 1, dtype=torch.float32)
    kernels = (-0.5 * (steps / _uniform(count, *BLUR_SIGMA).view(-1, 1)) ** 2).exp()
    kernels = (kernels / kernels.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0).to(images.device)
    planes = functional.pad(images, (half, half, half, half), mode="reflect").reshape(
        1, count * channels, -1, width + 2 * half
    )
    for shape in ((-1, 1, 1, BLUR_WIDTH), (-1, 1, BLUR_WIDTH, 1)):
        planes = functional.conv2d(planes, kernels.view(shape), groups=count * channels)
    return planes.view(count, channels, height, width)


def recompress(images: Tensor, jpeg: Jpeg) -> Tensor:
    """Encode some images as JPEG, each at a quality of its own, and decode them again.

    Forged images are put together from JPEGs. When all images are compressed once more, that leaves no trace to learn.

    Args:
        images: (b, 3, h, w) in [0, 1]. They are encoded on the CPU, one by one.
        jpeg: share of the images, and range of the quality.

    Returns:
        Images of the same shape, on their own device.
    """
    return _some(jpeg.probability, images, lambda chosen: _recompressed(chosen, jpeg))


def _recompressed(images: Tensor, jpeg: Jpeg) -> Tensor:
    low, high = jpeg.quality
    qualities = torch.randint(low, high + 1, (len(images),)).tolist()
    values = (images.clamp(0, 1) * 255).round().to("cpu", torch.uint8)
    decoded = [v2.functional.jpeg(image, quality) for image, quality in zip(values, qualities, strict=True)]
    return torch.stack(decoded).to(images.device, images.dtype) / 255


def erase(images: Tensor) -> Tensor:
    """Blacken a rectangle of each image (Zhong et al. 2017, https://arxiv.org/abs/1708.04896).

    Args:
        images: (b, 3, h, w).

    Returns:
        Images of the same shape. An image stays as it is when none of the rectangles drawn for it fits.
    """
    count, _, height, width = images.shape
    tries = count * ERASE_TRIES
    area = _uniform(tries, *ERASED_AREA) * height * width
    shape = _uniform(tries, *(math.log(ratio) for ratio in ERASED_SHAPE)).exp()
    sides = torch.stack([(area * shape).sqrt().round(), (area / shape).sqrt().round()], dim=1)
    fits = (sides < torch.tensor([height, width])).all(dim=1).view(count, ERASE_TRIES)
    first = torch.arange(count) * ERASE_TRIES + fits.int().argmax(dim=1)
    tall, wide = (sides[first] * fits.any(dim=1, keepdim=True)).unbind(dim=1)
    top, left = ((torch.rand(count) * (side - size + 1)).floor() for side, size in ((height, tall), (width, wide)))
    row, column = torch.arange(height).view(1, -1, 1), torch.arange(width).view(1, 1, -1)
    inside = _between(row, top, tall) & _between(column, left, wide)
    return images.masked_fill(inside.unsqueeze(1).to(images.device), 0.0)


def _between(places: Tensor, start: Tensor, length: Tensor) -> Tensor:
    start, end = start.view(-1, 1, 1), (start + length).view(-1, 1, 1)
    return (places >= start) & (places < end)


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
