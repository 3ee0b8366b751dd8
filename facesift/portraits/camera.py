"""From the painted canvas to a stored photo: exposure, then JPEG compression."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from facesift.portraits.canvas import Canvas
from facesift.portraits.scene import Camera, Light

_QUALITIES = (76, 97)  # the first is included, the last is not
_SUBSAMPLINGS = (0, 2)  # Pillow's words for 4:4:4 and 4:2:0


def expose(canvas: Canvas, light: Light, camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn the painted canvas into a photo: down-sampling, lens blur, sensor noise, white balance, tone curve.

    Args:
        canvas: n pixels a side.
        light: how brightness falls off over the picture.
        camera: blur, noise, gains and tone curve.
        rng: source of random numbers.

    Returns:
        Pixels (n/2, n/2, 3) uint8.
    """
    side = canvas.side // 2
    rows = canvas.pixels[:, 0::2] + canvas.pixels[:, 1::2]
    pixels = (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)
    pixels *= _falloff(side, light, camera)
    sigma = camera.blur / 1000 * side
    if sigma > 0.2:
        pixels = gaussian_filter(pixels, (0, sigma, sigma), truncate=2.5)
    pixels = np.clip(pixels, 0, 1) ** camera.gamma
    pixels = (pixels - 0.5) * camera.contrast + 0.5
    pixels *= camera.gains[:, None, None]
    grain = rng.standard_normal((4, side, side), np.float32)
    pixels += camera.noise * (grain[:1] + camera.chroma * grain[1:])
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)


def _falloff(side: int, light: Light, camera: Camera) -> NDArray[np.float32]:
    """Return the brightness over the picture: one side nearer the light, the corners dark."""
    steps = (np.arange(side, dtype=np.float32) + 0.5) / side - 0.5
    across = 1 + light.falloff * np.sign(light.direction[0]) * steps
    return across[None, :] * (1 - camera.vignette * (steps[:, None] ** 2 + steps[None, :] ** 2))


def encode_jpeg(pixels: NDArray[np.uint8], rng: np.random.Generator) -> bytes:
    """Compress pixels as JPEG, in the same way for both classes, so that compression does not give them away.

    Args:
        pixels: (height, width, 3) uint8.
        rng: decides the quality and the chroma subsampling.
    """
    buffer = BytesIO()
    quality, subsampling = int(rng.integers(*_QUALITIES)), int(rng.choice(_SUBSAMPLINGS))
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()
