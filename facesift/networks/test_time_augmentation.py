"""Test-time augmentation: average a network's logits over views of an image (Krizhevsky et al. 2012, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from facesift.config.members import Views
from facesift.core.errors import FacesiftError


def average_over_views(network: Callable[[Tensor], Tensor], views: Views) -> Callable[[Tensor], Tensor]:
    """Make a function that averages a network's outputs over the views of each image.

    The mean is of logits, which a member's score table holds, and not of probabilities. With a linear head, the mean of
    features leads to the mean of logits.

    All views go through the network as one batch, so an exported graph holds the network once. That takes memory for
    that many more images, still far less than training on the batch.

    Args:
        network: maps images (b, 3, h, w) in [0, 1] to outputs (b, k). It normalises each view by itself.
        views: flip and zoom.

    Returns:
        A function of the same shapes; `network` itself when the whole image is the only view.
    """
    if views.single:
        return network

    def mean(images: Tensor) -> Tensor:
        variants = make_views(images, views)
        outputs = network(torch.cat(variants))
        return outputs.reshape(len(variants), -1, outputs.shape[-1]).mean(dim=0)

    return mean


def make_views(images: Tensor, views: Views) -> list[Tensor]:
    """Make every view of square images.

    Args:
        images: (b, 3, s, s).
        views: flip and zoom.

    Returns:
        Tensors of the same shape: the enlarged crops, then their mirror images.
    """
    crops = [_enlarged(images, share) for share in views.zoom]
    return [*crops, *(crop.flip(-1) for crop in crops)] if views.flip else crops


def check_views(views: Views, image_size: int, member: str) -> None:
    """Check that all crops differ.

    Args:
        views: flip and zoom.
        image_size: side of the images in pixels.
        member: name of the member, for the message.

    Raises:
        FacesiftError: when two crops have the same pixels of an image of this size.
    """
    margins = [_margin(image_size, share) for share in views.zoom]
    repeated = [share for number, share in enumerate(views.zoom) if margins[number] in margins[:number]]
    if repeated:
        pixels = _margin(image_size, repeated[0])
        raise FacesiftError(
            f"members.{member}.views.zoom: {repeated[0]:g} cuts {pixels} pixels off each edge of {image_size}, "
            f"as another share of {views.zoom} does; name shares further apart"
        )


def _margin(size: int, share: float) -> int:
    """Return the number of pixels to cut off each edge, so that the middle stays the middle.

    >>> _margin(64, 1.0), _margin(64, 0.9), _margin(125, 0.8)
    (0, 3, 12)
    """
    return round(size * (1 - share) / 2)


def _enlarged(images: Tensor, share: float) -> Tensor:
    size = images.shape[-1]
    margin = _margin(size, share)
    if not margin:
        return images
    crop = images[..., margin : size - margin, margin : size - margin]
    return interpolate(crop, size=(size, size), mode="bilinear", align_corners=False)
