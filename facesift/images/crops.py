"""The square of an image that the members see: where it is, and its pixels. Shards, screening and maps share it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.config.data import WHOLE, Crop
from facesift.images.decoding import BACKGROUND, to_square
from facesift.images.faces import Face

LANDMARKS = 5


@dataclass(frozen=True)
class InputSquare:
    """The square of an image that is the members' input.

    Attributes:
        size: side of the square in pixels.
        resize: how an image without a crop becomes square: `squish` or `crop` (its middle).
        crop: which part of the image is cut out.
    """

    size: int
    resize: str = "squish"
    crop: Crop = WHOLE

    def box(self, size: tuple[int, int], face: Face | None = None) -> tuple[int, int, int, int]:
        """Compute where the square is in an image.

        A square that reaches over the image's edge is moved inside. Where the image is too small for that, the margin
        around the face gets smaller; only where the face's own box is longer than the image's shorter side does the
        square reach over the edge.

        Args:
            size: width and height of the image in pixels.
            face: the face in it; None without one.

        Returns:
            Left, top, right and bottom in pixels of the image.
        """
        if self.crop.method == "none":
            return _uncut(size, self.resize)
        if face is None or not self.crop.finds:
            side = max(1, round(self.crop.centre.side * min(size)))
            middle = (self.crop.centre.x * size[0], self.crop.centre.y * size[1])
        else:
            left, top, right, bottom = face.box
            longer = max(right - left, bottom - top)
            side = max(1, round(min(longer * (1 + 2 * self.crop.margin), max(longer, min(size)))))
            middle = ((left + right) / 2, (top + bottom) / 2)
        corner = [_start(at, side, length) for at, length in zip(middle, size, strict=True)]
        return corner[0], corner[1], corner[0] + side, corner[1] + side

    def pixels(self, image: Image.Image, face: Face | None = None) -> NDArray[np.uint8]:
        """Cut the square out of an upright RGB image and resize it.

        Args:
            image: of any size.
            face: the face in it; None without one.

        Returns:
            Pixels (size, size, 3); what is beyond the image's edge is mid grey.
        """
        if self.crop.method == "none":
            return to_square(image, self.size, self.resize)
        left, top, right, bottom = self.box(image.size, face)
        square = Image.new("RGB", (right - left, bottom - top), BACKGROUND)
        square.paste(image, (-left, -top))
        return to_square(square, self.size)

    def landmarks(self, size: tuple[int, int], face: Face | None) -> NDArray[np.float32]:
        """Compute where a face's landmarks are in the square.

        Args:
            size: width and height of the image in pixels.
            face: the face in it; None without one.

        Returns:
            (x, y) of each landmark in pixels of the square, shape (5, 2); NaN without a face.
        """
        if face is None:
            return np.full((LANDMARKS, 2), np.nan, np.float32)
        left, top, right, bottom = self.box(size, face)
        scale = self.size / np.array([right - left, bottom - top])
        return ((np.array(face.landmarks) - (left, top)) * scale).astype(np.float32)


def _uncut(size: tuple[int, int], resize: str) -> tuple[int, int, int, int]:
    """Return the box of a whole image, or of its middle square, as `decoding.to_square` takes it."""
    width, height = size
    if resize == "squish":
        return 0, 0, width, height
    side = min(size)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _start(middle: float, side: int, length: int) -> int:
    """Return where an interval of `side` pixels around `middle` begins; it stays within `length` if it fits.

    >>> [_start(middle, 40, 100) for middle in (50, 5, 99)], _start(50, 140, 100)
    ([30, 0, 60], -20)
    """
    start = round(middle - side / 2)
    return min(max(start, 0), length - side) if side <= length else (length - side) // 2
