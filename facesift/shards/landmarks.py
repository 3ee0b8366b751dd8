"""Five points of a face: left eye, right eye, nose tip, left and right corner of the mouth ("left": the smaller x)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from facesift.shards.reading import ShardFolder

POINTS: Final = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
# Shares of the side, between the medians of two data sets of centred faces: RFF's eyes are at (0.36, 0.49) and its
# mouth at 0.77; those of aligned CelebA, squished to a square, at (0.40, 0.51) and 0.71.
TEMPLATE: Final = ((0.38, 0.50), (0.62, 0.50), (0.50, 0.64), (0.40, 0.74), (0.60, 0.74))


def template(side: int) -> NDArray[np.float32]:
    """Return where the points of a centred upright face are expected: (5, 2), (x, y) in pixels of a square image."""
    return np.asarray(TEMPLATE, np.float32) * side


def landmarks(shards: ShardFolder, shard: int) -> NDArray[np.float32]:
    """Return the points of each of a shard's n images: (n, 5, 2), (x, y) in pixels.

    They are those the shard was made with. Where no face was found in an image, it is the median of the shard's other
    images, and the template where there is none or the shard holds no points.
    """
    found = shards.landmarks(shard)
    if found is None:
        return np.tile(template(shards.image_size), (shards.sizes[shard], 1, 1))
    known = np.isfinite(found).all(axis=(1, 2))
    if not known.all():
        found[~known] = np.median(found[known], axis=0) if known.any() else template(shards.image_size)
    return found
