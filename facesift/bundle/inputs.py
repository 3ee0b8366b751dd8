"""What the members of a committee see of some images: pixels, and for heads the features of frozen backbones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.errors import FacesiftError

ViewPixels = NDArray[np.uint8]  # of one image: (squares, side, side, 3)
ImageFeatures = NDArray[np.float16]  # of one image: (width,)


@dataclass
class BackboneInputs:
    """What the backbones see of one image, and what they made of it.

    Attributes:
        views: by the backbone's name, uint8 (squares, side, side, 3).
        features: by the backbone's name, float16 (width,); those that were computed so far.
    """

    views: Mapping[str, ViewPixels] = field(default_factory=dict)
    features: dict[str, ImageFeatures] = field(default_factory=dict)


@dataclass(frozen=True)
class MemberInputs:
    """What the members see of n images.

    Some of the images are taken by their rows: `inputs[rows]`. The parts share features, so that a backbone sees an
    image once however often its heads are asked.

    Attributes:
        pixels: of the members that see pixels, uint8 (n, S, S, 3).
        images: what the backbones see of each image; empty in a committee without backbones.
    """

    pixels: NDArray[np.uint8]
    images: Sequence[BackboneInputs] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, rows: Any) -> MemberInputs:
        """Take the images of some rows: an array of row numbers, or a slice."""
        chosen = np.arange(len(self.pixels))[rows].tolist() if self.images else []
        return MemberInputs(self.pixels[rows], [self.images[row] for row in chosen])

    def features(self, backbone: str, compute: Callable[[ViewPixels], ImageFeatures]) -> NDArray[np.float16]:
        """Return the features of all images by one backbone: (n, width).

        Args:
            backbone: its name.
            compute: gives the features of the views of one image; it is asked about images without features alone.

        Raises:
            FacesiftError: when it is not known what the backbone sees of the images.
        """
        if len(self.images) != len(self.pixels):
            raise FacesiftError(
                f"this committee has heads on the backbone {backbone}, which sees more of an image than these pixels; "
                "`screen` decides image files"
            )
        return np.stack([_features(image, backbone, compute) for image in self.images])


def _features(image: BackboneInputs, backbone: str, compute: Callable[[ViewPixels], ImageFeatures]) -> ImageFeatures:
    if backbone not in image.features:
        image.features[backbone] = compute(image.views[backbone])
    return image.features[backbone]


def member_inputs(seen: NDArray[np.uint8] | MemberInputs) -> MemberInputs:
    """Return `seen` itself, or the inputs of members that see pixels (n, S, S, 3) alone."""
    return seen if isinstance(seen, MemberInputs) else MemberInputs(seen)
