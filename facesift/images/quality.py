"""How bright, how rich in contrast and how sharp an image is: what a stream of images is watched by, without labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

QUALITIES = ("brightness", "contrast", "sharpness")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # shares of red, green and blue, ITU-R BT.601


def measure_quality(pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Measure RGB images (b, S, S, 3) in 0 to 255: `QUALITIES` by name, each (b,), in grey levels.

    Brightness is the mean grey, contrast its standard deviation, sharpness the standard deviation of the Laplacian
    (focus measure of Pech-Pacheco et al. 2000; its root, so that all three have one unit). All need the same S: a
    smaller image is a sharper one.

    >>> grey = np.full((1, 8, 8, 3), 100, np.uint8)
    >>> {name: round(float(values[0]), 3) for name, values in measure_quality(grey).items()}
    {'brightness': 100.0, 'contrast': 0.0, 'sharpness': 0.0}
    """
    grey = pixels.astype(np.float32) @ LUMA
    measured = (grey.mean(axis=(1, 2)), grey.std(axis=(1, 2)), _laplacian(grey).std(axis=(1, 2)))
    return {name: values.astype(np.float64) for name, values in zip(QUALITIES, measured, strict=True)}


def _laplacian(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum of the four neighbours minus four times the pixel; beyond the border the border goes on. (b, S, S)."""
    wide = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1] + wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:] - 4 * grey
