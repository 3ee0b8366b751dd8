"""A photo of a photo on a screen: a tilted frame, moire stripes and another gamma."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# At strength 1: corners move inwards by up to this share of the side, ...
CORNER = 0.06
# ... stripes change the brightness by up to this share, and their periods are between these shares of the side, ...
STRIPES, SHORTEST, LONGEST = 0.08, 0.02, 0.06
# ... and grey levels in [0, 1] are raised to a power of up to this, or of one over it.
GAMMA = 1.5


def photo_of_screen(pixels: NDArray[np.uint8], rng: np.random.Generator, strength: float) -> NDArray[np.floating]:
    """Photograph an image from a screen.

    The corners move inwards, so that the image fills the frame. The moire is two crossing waves, of which each colour
    has its own phase: what the stripes of red, green and blue of a screen give under a camera's grid of pixels. The
    draws do not depend on the strength.

    Args:
        pixels: the image (h, w, 3) uint8.
        rng: draws corners, stripes, and whether the photo is darker or lighter.
        strength: in (0, 1].

    Returns:
        Grey levels (h, w, 3), some beyond 255.
    """
    side = min(pixels.shape[:2])
    tilted = tilt(pixels, strength * CORNER * side * rng.uniform(0.2, 1, (4, 2)))
    exponent = GAMMA ** (strength * rng.choice([-1, 1]) * rng.uniform(0.5, 1))
    stripes = 1 + strength * STRIPES * moire(pixels.shape[0], pixels.shape[1], rng)
    return 255 * (tilted.astype(np.float32) / 255) ** exponent * stripes


def tilt(pixels: NDArray[np.uint8], inwards: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Stretch a quadrangle of the image over the whole frame, in perspective.

    Args:
        pixels: the image (h, w, 3).
        inwards: how far each corner of the quadrangle is from the image's, in pixels (4, 2) of x and y: upper left,
            upper right, lower right, lower left.

    Returns:
        An image of the same size.
    """
    height, width = pixels.shape[:2]
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    source = frame + inwards * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
    rows = []  # x' = (a x + b y + c) / (g x + h y + 1), y' = (d x + e y + f) / (g x + h y + 1) at four corners
    for (x, y), (to_x, to_y) in zip(frame, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -to_x * x, -to_x * y], [0, 0, 0, x, y, 1, -to_y * x, -to_y * y]]
    found = tuple(np.linalg.solve(np.array(rows), source.ravel()).tolist())
    method, filtering = Image.Transform.PERSPECTIVE, Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(pixels).transform((width, height), method, found, filtering))


def moire(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw two crossing waves in [-1, 1], of the same periods in each colour but other phases: (height, width, 3)."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / min(height, width)
    angle, waves = rng.uniform(0, np.pi), np.zeros((height, width, 3), np.float32)
    for turn in (0, np.pi / 2):
        frequency = 1 / rng.uniform(SHORTEST, LONGEST)
        along = x * np.float32(np.cos(angle + turn)) + y * np.float32(np.sin(angle + turn))
        phases = rng.uniform(0, 2 * np.pi, 3).astype(np.float32)
        waves += np.sin(np.float32(2 * np.pi * frequency) * along[:, :, None] + phases) / 2
    return waves
