"""Small networks of the published studies. The reports leave details open: each docstring says how they are filled.

All are built by `(classes, image_size, **arguments)` and map (b, 3, image_size, image_size) to logits (b, classes).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from facesift.core.errors import FacesiftError

SIMPLE_WIDTHS = (32, 64, 64, 64, 64)
DROPOUT = (0.25, 0.25, 0.25)
DEEPFAKENET_WIDTHS = (32, 64, 128)


def _check_room(name: str, image_size: int | None, smallest: int) -> int:
    """Return the image size; `FacesiftError` when it is unknown or below `smallest`."""
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
    """Build the thesis' simple CNN: one 3x3 convolution for each of `widths`, dense `dense`, dense `classes`.

    Each convolution is followed by ReLU and a 2x2 max pool. Published with widths 32,64,64,64,64 and with one more 64,
    at 256 pixels. Convolutions keep the size (padding 1), so n of them need 2**n pixels.
    """
    if not widths:
        raise FacesiftError("architecture simple_cnn: arguments.widths is empty; give one number a convolution")
    side = _check_room("simple_cnn", image_size, 2 ** len(widths)) // 2 ** len(widths)
    layers: list[nn.Module] = []
    for inputs, width in zip((3, *widths[:-1]), widths, strict=True):
        layers += [nn.Conv2d(inputs, width, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Flatten(), nn.Linear(widths[-1] * side**2, dense), nn.ReLU(), nn.Linear(dense, classes)]
    return nn.Sequential(*layers, *head)


def lenet(classes: int, image_size: int | None) -> nn.Module:
    """Build LeNet-5 for colour: 5x5 convolutions 6 and 16, each pooled 2x2, then dense 120, 84 and `classes`.

    After LeCun et al. 1998 (doi:10.1109/5.726791), with ReLU for its tanh, max pools for its trainable averages, and a
    linear last layer for its radial basis functions, as is usual today. Needs 16 pixels; CIFAKE has 32.
    """
    side = ((_check_room("lenet", image_size, 16) - 4) // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(3, 6, kernel_size=5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, kernel_size=5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * side**2, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes),
    )  # fmt: skip


def deepfakenet(classes: int, image_size: int | None, dropout: Sequence[float] = DROPOUT) -> nn.Module:
    """Build the five-class report's network: three blocks of two 3x3 convolutions, global average pool, linear.

    Widths 32, 64, 128; each convolution keeps the size (padding 1) and has batch norm and ReLU; each block ends in a
    2x2 max pool and its rate of `dropout`. The two published variants differ in these rates alone.
    """
    if len(dropout) != len(DEEPFAKENET_WIDTHS):
        raise FacesiftError(f"architecture deepfakenet: arguments.dropout is {list(dropout)}; give three rates")
    if image_size is not None:
        _check_room("deepfakenet", image_size, 8)
    layers: list[nn.Module] = []
    inputs = 3
    for width, rate in zip(DEEPFAKENET_WIDTHS, dropout, strict=True):
        for channels in (inputs, width):
            layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.MaxPool2d(2), nn.Dropout(rate)]
        inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))
