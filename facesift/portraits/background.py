"""What lies behind the person: a colour gradient with blurred shapes."""

from __future__ import annotations

import numpy as np

from facesift.portraits.canvas import Canvas, clouds, enlarge, smooth
from facesift.portraits.person import bright

_GRID = 24  # shapes are set on a coarse grid and enlarged, which blurs them


def paint_background(canvas: Canvas, rng: np.random.Generator) -> None:
    """Fill the canvas with a gradient between two colours and up to eight out-of-focus shapes."""
    rows, columns = np.mgrid[0:_GRID, 0:_GRID].astype(np.float32) / _GRID
    angle = rng.uniform(0, 2 * np.pi)
    along = smooth((columns - 0.5) * np.cos(angle) + (rows - 0.5) * np.sin(angle), 0.7)
    first, second = bright(rng), bright(rng)
    coarse = first[:, None, None] + along * (second - first)[:, None, None]
    for _ in range(rng.integers(0, 9)):
        middle, radii = rng.uniform(0, 1, 2), rng.uniform(0.04, 0.3, 2)
        across, down = np.abs(columns - middle[0]) / radii[0], np.abs(rows - middle[1]) / radii[1]
        distance = np.maximum(across, down) if rng.uniform() < 0.5 else np.hypot(across, down)
        coarse += rng.uniform(0.3, 0.9) * smooth(1 - distance, 0.25) * (bright(rng)[:, None, None] - coarse)
    for channel in range(3):
        canvas.pixels[channel] = enlarge(coarse[channel], (canvas.side, canvas.side))
    canvas.pixels[:] += clouds(rng, (canvas.side, canvas.side), 32) * rng.uniform(0, 0.012)
    np.clip(canvas.pixels, 0.01, 0.99, out=canvas.pixels)
