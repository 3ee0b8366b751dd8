"""Other views of a photo, to find where it was changed: local contrast, error level, and noise residual."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from facesift.images.decoding import decode

LONGEST = 2048  # pixels of a side; larger photos are shrunk first, so that no view takes seconds
QUALITY = 90  # of the JPEG that the error level compares with, and of the views
SEEN = 99.5  # per cent of the differences that are drawn within the range of grey levels
REACH = 16  # the neighbourhood of the local contrast: one so many-th of the longer side

VIEWS = {
    "contrast": "Local contrast: each place against its surroundings. Seams and pasted edges may show.",
    "error": "Error level: difference from the photo saved as JPEG once more. A part with another past may differ.",
    "noise": "Noise: the photo without its content. A part without noise, or with another, may be from elsewhere.",
}


def photo_view(data: bytes, kind: str, max_pixels: int) -> bytes:
    """Make a view of a photo.

    Args:
        data: bytes of the image file.
        kind: a key of `VIEWS`.
        max_pixels: the largest image that is opened.

    Returns:
        A JPEG with the proportions of the upright photo.

    Raises:
        BadImage: for a file that is no image.
    """
    photo = decode(data, max_pixels)
    if max(photo.size) > LONGEST:
        photo.thumbnail((LONGEST, LONGEST), reducing_gap=2.0)
    made = {"contrast": local_contrast, "error": error_level, "noise": noise_residual}[kind](photo)
    jpeg = io.BytesIO()
    made.save(jpeg, "JPEG", quality=QUALITY)
    return jpeg.getvalue()


def local_contrast(photo: Image.Image) -> Image.Image:
    """Stretch each place against its blurred surroundings."""
    grey = np.asarray(photo.convert("L"), np.float32)
    blur = ImageFilter.BoxBlur(max(2, max(photo.size) // REACH))
    mean = np.asarray(Image.fromarray(grey.astype(np.uint8)).filter(blur), np.float32)
    apart = grey - mean
    spread = np.asarray(Image.fromarray(np.abs(apart).clip(0, 255).astype(np.uint8)).filter(blur), np.float32)
    return Image.fromarray((128 + 48 * apart / np.maximum(spread, 4)).clip(0, 255).astype(np.uint8))


def error_level(photo: Image.Image) -> Image.Image:
    """Draw the difference from the photo saved as JPEG once more (Krawetz 2007), amplified to be seen."""
    again = io.BytesIO()
    photo.save(again, "JPEG", quality=QUALITY)
    difference = np.asarray(ImageChops.difference(photo, Image.open(again).convert("RGB")), np.float32)
    return Image.fromarray((difference * (255 / _largest(difference))).clip(0, 255).astype(np.uint8))


def noise_residual(photo: Image.Image) -> Image.Image:
    """Draw what a median filter of 3 x 3 pixels takes away, amplified to be seen."""
    grey = photo.convert("L")
    residual = np.asarray(grey, np.float32) - np.asarray(grey.filter(ImageFilter.MedianFilter(3)), np.float32)
    return Image.fromarray((128 + residual * (127 / _largest(np.abs(residual)))).clip(0, 255).astype(np.uint8))


def _largest(values: NDArray[np.float32]) -> float:
    return max(2.0, float(np.percentile(values, SEEN)))
