"""Networks of the published studies, by name: a ConvNeXt, a simple CNN, LeNet-5, DeepfakeNet and AlexNet.

A builder is called as `builder(classes, image_size, **arguments)`. It returns a module that maps images
(b, 3, image_size, image_size) to logits (b, classes). The reports leave details open; each docstring says how they are
filled. `NETWORKS` lists the builders by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from facesift.core.errors import FacesiftError

STEM_WIDTH = 64
EXPANSION = 4
LAYER_SCALE = 1e-6
SIMPLE_WIDTHS = (32, 64, 64, 64, 64)
DROPOUT = (0.25, 0.25, 0.25)
DEEPFAKENET_WIDTHS = (32, 64, 128)


class Block(nn.Module):
    """A ConvNeXt block: depthwise 7x7, norm, expand 4x, GELU, project; scaled and added to the input."""

    def __init__(self, width: int, drop_path: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, kernel_size=7, padding=3, groups=width, bias=False),
            nn.GroupNorm(1, width),
            nn.Conv2d(width, EXPANSION * width, kernel_size=1),
            nn.GELU(),
            nn.Conv2d(EXPANSION * width, width, kernel_size=1),
        )
        self.scale = nn.Parameter(torch.full((width, 1, 1), LAYER_SCALE))
        from torchvision.ops import StochasticDepth  # noqa: PLC0415  takes a second, and heads do without it

        self.drop_path = StochasticDepth(drop_path, mode="batch")

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop_path(self.scale * self.body(x))


def _stage(inputs: int, width: int, depth: int, drop_path: float) -> nn.Sequential:
    """Norm and a stride-2 convolution to `width`, then `depth` blocks: (b, inputs, h, w) -> (b, width, h/2, w/2)."""
    return nn.Sequential(
        nn.GroupNorm(1, inputs),
        nn.Conv2d(inputs, width, kernel_size=2, stride=2),
        *(Block(width, drop_path) for _ in range(depth)),
    )


class ConvNeXtThesis(nn.Module):
    """The ConvNeXt of the study `rff_celeba`: 206.6 million parameters, total stride 64.

    It differs from the ConvNeXt of Liu et al. 2022 (https://arxiv.org/abs/2201.03545): a BatchNorm stem, GroupNorm with
    one group in place of LayerNorm, and a stride-2 convolution before *every* stage, the first one too.

    Args:
        classes: number of logits.
        depths: number of blocks of each stage.
        widths: channels of each stage, as many as `depths`.
        drop_path: rate of stochastic depth, 0 to 1.
    """

    def __init__(
        self,
        classes: int = 2,
        depths: tuple[int, ...] = (3, 4, 6, 4),
        widths: tuple[int, ...] = (256, 512, 1024, 2048),
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        inputs = (STEM_WIDTH, *widths[:-1])
        self.stem = nn.Sequential(nn.Conv2d(3, STEM_WIDTH, kernel_size=4, stride=4), nn.BatchNorm2d(STEM_WIDTH))
        self.stages = nn.Sequential(
            *(_stage(*shape, drop_path) for shape in zip(inputs, widths, depths, strict=True)),
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images (b, 3, h, w) with h, w >= 64 to logits (b, classes)."""
        return self.head(self.stages(self.stem(x)))


def _check_image_size(name: str, image_size: int | None, smallest: int) -> int:
    """Return the image size, or raise `FacesiftError` when it is unknown or below `smallest`."""
    if image_size is None:
        raise FacesiftError(f"architecture {name}: its dense layers depend on the image size; give image_size")
    if image_size < smallest:
        raise FacesiftError(
            f"architecture {name} cannot take images of data.image_size {image_size} pixels: it halves them so often "
            f"that it needs {smallest} or more"
        )
    return image_size


def simple_cnn(
    classes: int, image_size: int | None, widths: Sequence[int] = SIMPLE_WIDTHS, dense: int = 64
) -> nn.Module:
    """Build the thesis' simple CNN: 3x3 convolutions, each with ReLU and a 2x2 max pool, then two dense layers.

    Args:
        classes: number of logits.
        image_size: pixels a side. Convolutions keep the size (padding 1), so n of them need 2**n pixels.
        widths: channels of each convolution. Published: 32, 64, 64, 64, 64 and with one more 64, at 256 pixels.
        dense: width of the first dense layer.

    Raises:
        FacesiftError: when `widths` is empty, or the image size is unknown or too small.
    """
    if not widths:
        raise FacesiftError("architecture simple_cnn: arguments.widths is empty; give one number a convolution")
    side = _check_image_size("simple_cnn", image_size, 2 ** len(widths)) // 2 ** len(widths)
    layers: list[nn.Module] = []
    for inputs, width in zip((3, *widths[:-1]), widths, strict=True):
        layers += [nn.Conv2d(inputs, width, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Flatten(), nn.Linear(widths[-1] * side**2, dense), nn.ReLU(), nn.Linear(dense, classes)]
    return nn.Sequential(*layers, *head)


def lenet(classes: int, image_size: int | None) -> nn.Module:
    """Build LeNet-5 for colour: 5x5 convolutions 6 and 16, each pooled 2x2, then dense 120, 84 and `classes`.

    After LeCun et al. 1998 (doi:10.1109/5.726791). As is usual today, ReLU replaces tanh, max pools replace trainable
    averages, and a linear last layer replaces radial basis functions.

    Args:
        classes: number of logits.
        image_size: pixels a side, 16 or more (CIFAKE has 32).

    Raises:
        FacesiftError: when the image size is unknown or too small.
    """
    side = ((_check_image_size("lenet", image_size, 16) - 4) // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(3, 6, kernel_size=5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, kernel_size=5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * side**2, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes),
    )  # fmt: skip


def deepfakenet(classes: int, image_size: int | None, dropout: Sequence[float] = DROPOUT) -> nn.Module:
    """Build the five-class report's network: three blocks of two 3x3 convolutions, global average pool, linear.

    The blocks have widths 32, 64 and 128. Each convolution keeps the size (padding 1) and has batch norm and ReLU.
    Each block ends in a 2x2 max pool and dropout.

    Args:
        classes: number of logits.
        image_size: pixels a side, 8 or more; None: not checked, the global pool takes any.
        dropout: rate of each block, three numbers. The two published variants differ in these alone.

    Raises:
        FacesiftError: when there are not three rates, or the image size is too small.
    """
    if len(dropout) != len(DEEPFAKENET_WIDTHS):
        raise FacesiftError(f"architecture deepfakenet: arguments.dropout is {list(dropout)}; give three rates")
    if image_size is not None:
        _check_image_size("deepfakenet", image_size, 8)
    layers: list[nn.Module] = []
    inputs = 3
    for width, rate in zip(DEEPFAKENET_WIDTHS, dropout, strict=True):
        for channels in (inputs, width):
            layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.MaxPool2d(2), nn.Dropout(rate)]
        inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


def convnext_thesis(classes: int, image_size: int | None, **arguments: Any) -> nn.Module:
    """Build `ConvNeXtThesis`; its global pool takes images of any size from 64 pixels."""
    del image_size
    return ConvNeXtThesis(classes, **arguments)


def alexnet(classes: int, image_size: int | None, **arguments: Any) -> nn.Module:
    """Build torchvision's AlexNet (Krizhevsky 2014, "one weird trick"), for images of 63 pixels and more."""
    del image_size  # the adaptive pool takes any that the stride-4 stem does
    from torchvision import models  # noqa: PLC0415

    network: nn.Module = models.alexnet(num_classes=classes, **arguments)
    return network


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "convnext_thesis": convnext_thesis,
    "simple_cnn": simple_cnn,
    "lenet": lenet,
    "deepfakenet": deepfakenet,
    "torchvision:alexnet": alexnet,
}
