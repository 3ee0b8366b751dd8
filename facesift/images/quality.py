"""Brightness, contrast and sharpness of images: figures without labels, by which drift is detected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

QUALITIES = ("brightness", "contrast", "sharpness")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # shares of red, green and blue, ITU-R BT.601


def measure_quality(pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Measure brightness, contrast and sharpness, all in grey levels.

    Brightness is the mean grey, contrast its standard deviation. Sharpness is the standard deviation of the Laplacian,
    the square root of the focus measure of Pech-Pacheco et al. (2000). Compare images of the same size only: the
    smaller a copy, the sharper.

    Args:
        pixels: RGB images (b, S, S, 3) with values 0 to 255.

    Returns:
        Each of `QUALITIES` by its name, shape (b,).

    >>> grey = np.full((1, 8, 8, 3), 100, np.uint8)
    >>> {name: round(float(values[0]), 3) for name, values in measure_quality(grey).items()}
    {'brightness': 100.0, 'contrast': 0.0, 'sharpness': 0.0}
    """
    grey = pixels.astype(np.float32) @ LUMA
    measured = (grey.mean(axis=(1, 2)), grey.std(axis=(1, 2)), _laplacian(grey).std(axis=(1, 2)))
    return {name: values.astype(np.float64) for name, values in zip(QUALITIES, measured, strict=True)}


def _laplacian(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sum of the four neighbours minus four times the pixel, (b, S, S); border pixels are repeated."""
    wide = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1] + wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:] - 4 * grey
