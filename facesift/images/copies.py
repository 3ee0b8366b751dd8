"""Damaged copies of a training image, from which heads on frozen features learn to see through damage."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from facesift.config.backbones import Copies
from facesift.images.damage import blur, noise, smaller_and_back
from facesift.images.faces import LEFT_TO_RIGHT, Face

WAYS = ("scale", "blur", "noise")


def damaged_copy(
    image: Image.Image, face: Face | None, copies: Copies, number: int, image_id: str
) -> tuple[Image.Image, Face | None]:
    """Make one damaged copy of an image; it depends on the image, the parameters and its number alone.

    Args:
        image: an upright RGB image.
        face: the face in it; None without one.
        copies: the ways of damage and their ranges. The copies of an image take the ways in turn; the first way differs
            from image to image.
        number: of the copy, from 0.
        image_id: 32 hexadecimal digits, from which the random numbers are drawn.

    Returns:
        An image of the same size, and the face in it.
    """
    rng = np.random.default_rng([int(image_id, 16), number])
    if rng.random() < copies.flip:
        image, face = ImageOps.mirror(image), mirrored(face, image.width)
    ways = [way for way in WAYS if getattr(copies, way) is not None]
    way, pixels = ways[(int(image_id[:8], 16) + number) % len(ways)], np.asarray(image)
    strength = float(rng.uniform(*getattr(copies, way)))
    if way == "blur":
        pixels = blur(pixels, image_id, strength)
    elif way == "noise":
        pixels = noise(pixels, f"{image_id} {number}", strength)
    else:
        quality = None if copies.jpeg is None else int(rng.integers(copies.jpeg[0], copies.jpeg[1] + 1))
        pixels = smaller_and_back(pixels, strength, quality)
    return Image.fromarray(pixels), face


def mirrored(face: Face | None, width: int) -> Face | None:
    """Return where a face is once its image of `width` pixels is mirrored."""
    if face is None:
        return None
    left, top, right, bottom = face.box
    points = [(width - x, y) for x, y in face.landmarks]
    for first, second in LEFT_TO_RIGHT:  # "left" has the smaller x
        points[first], points[second] = points[second], points[first]
    return Face((width - right, top, width - left, bottom), tuple(points), face.score)
