"""Damaged copies of a training image, from which heads on frozen features learn to see through damage."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from facesift.config.backbones import Copies
from facesift.images.faces import LEFT_TO_RIGHT, Face

WAYS = ("scale", "blur", "noise")


def damaged_copy(
    image: Image.Image, face: Face | None, copies: Copies, number: int, image_id: str
) -> tuple[Image.Image, Face | None]:
    """Make one damaged copy of an image; it depends on the image, the parameters and its number alone.

    Args:
        image: an upright RGB image.
        face: the face in it; None without one.
        copies: the ways of damage and their ranges. Copy i is damaged in way i + the image's turn, in rotation.
        number: of the copy, from 0.
        image_id: 32 hexadecimal digits, from which the random numbers are drawn.

    Returns:
        An image of the same size, and the face in it.
    """
    rng = np.random.default_rng([int(image_id, 16), number])
    if rng.random() < copies.flip:
        image, face = ImageOps.mirror(image), mirrored(face, image.width)
    ways = [way for way in WAYS if getattr(copies, way) is not None]
    way = ways[(int(image_id[:8], 16) + number) % len(ways)]
    if way == "blur":
        return image.filter(ImageFilter.GaussianBlur(_drawn(copies.blur, rng) * min(image.size))), face
    if way == "noise":
        pixels = np.asarray(image, np.float32)
        noisy = pixels + rng.normal(0, _drawn(copies.noise, rng), pixels.shape)
        return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)), face
    return _recoded(image, copies, rng), face


def mirrored(face: Face | None, width: int) -> Face | None:
    """Return where a face is once its image of `width` pixels is mirrored."""
    if face is None:
        return None
    left, top, right, bottom = face.box
    points = [(width - x, y) for x, y in face.landmarks]
    for first, second in LEFT_TO_RIGHT:  # "left" has the smaller x
        points[first], points[second] = points[second], points[first]
    return Face((width - right, top, width - left, bottom), tuple(points), face.score)


def _recoded(image: Image.Image, copies: Copies, rng: np.random.Generator) -> Image.Image:
    """Scale an image down, compress it, and scale it back up."""
    factor = _drawn(copies.scale, rng)
    small = image.resize([max(1, round(side * factor)) for side in image.size], Image.Resampling.BICUBIC)
    if copies.jpeg is not None:
        buffer = BytesIO()
        small.save(buffer, "JPEG", quality=int(rng.integers(copies.jpeg[0], copies.jpeg[1] + 1)))
        small = Image.open(buffer).convert("RGB")
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _drawn(ends: list[float] | None, rng: np.random.Generator) -> float:
    low, high = ends or (0.0, 0.0)
    return float(rng.uniform(low, high))
