"""Test-time augmentation: one opinion out of several views of the same image (Krizhevsky et al. 2012, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from facesift.config.members import Views
from facesift.core.errors import FacesiftError


def over_views(network: Callable[[Tensor], Tensor], views: Views) -> Callable[[Tensor], Tensor]:
    """Make a function that gives the mean of `network`'s outputs over the views of each image.

    `network` takes images (b, 3, h, w) in [0, 1], normalises them itself (each view is standardised as an image of its
    own, as in training) and gives (b, k); so does the result. The mean is of logits, which a member's score table
    holds, and not of probabilities: a linear head makes of the mean of features the mean of logits, too.

    All views go through the network as one batch, so an exported graph holds the network once. That takes the memory
    of as many images more, still far less than training on the batch.
    """
    if views.single:
        return network

    def mean(images: Tensor) -> Tensor:
        seen = views_of(images, views)
        outputs = network(torch.cat(seen))
        return outputs.reshape(len(seen), -1, outputs.shape[-1]).mean(dim=0)

    return mean


def views_of(images: Tensor, views: Views) -> list[Tensor]:
    """Return every view of square images (b, 3, s, s), each of the same shape: the crops, then their mirror images."""
    crops = [_enlarged(images, share) for share in views.zoom]
    return [*crops, *(crop.flip(-1) for crop in crops)] if views.flip else crops


def stored_views(preprocessing: Mapping[str, Any]) -> Views:
    """Read the views out of a weights file's `preprocessing`; nothing there is the image alone."""
    return Views.model_validate({"flip": False, "zoom": [1.0]} | preprocessing.get("views", {}))


def views_entry(views: Views) -> dict[str, Any]:
    """Return what a weights file's `preprocessing` says of the views: nothing for the image alone.

    >>> views_entry(Views(flip=False, zoom=[1.0])), views_entry(Views(flip=True, zoom=[1.0]))
    ({}, {'views': {'flip': True, 'zoom': [1.0]}})
    """
    return {} if views.single else {"views": views.model_dump()}


def check_views(views: Views, image_size: int, member: str) -> None:
    """Raise `FacesiftError` when two of the crops are the same pixels of an image of this size."""
    margins = [_margin(image_size, share) for share in views.zoom]
    twice = [share for number, share in enumerate(views.zoom) if margins[number] in margins[:number]]
    if twice:
        raise FacesiftError(
            f"members.{member}.views.zoom: {twice[0]:g} cuts {_margin(image_size, twice[0])} pixels off each edge of "
            f"{image_size}, as another share of {views.zoom} does; name shares further apart"
        )


def _margin(size: int, share: float) -> int:
    """Pixels to cut off each edge, whole ones, so that the middle stays the middle.

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
