"""Blends a piece of one image into another: geometric alignment, colour transfer, Poisson blending."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]
GAIN = (0.75, 1.33)  # limits of the change of contrast
SEAM = 50.0  # most change in grey levels: without it, a seam across hair would tint the skin


def fit_similarity(
    source: NDArray[np.complex128], goal: NDArray[np.complex128], weights: NDArray[np.floating]
) -> tuple[complex, complex]:
    """Fit the similarity transform `goal = a * source + b` by weighted least squares.

    Args:
        source: n points x + iy.
        goal: n points x + iy.
        weights: of the points, shape (n,).

    Returns:
        a (rotation and scale) and b (translation).

    >>> a, b = fit_similarity(np.array([0, 1, 1j]), np.array([2, 2 + 2j, 0]), np.ones(3))
    >>> abs(a - 2j) < 1e-9, abs(b - 2) < 1e-9
    (True, True)
    """
    share = weights / weights.sum()
    from_mean, to_mean = complex(share @ source), complex(share @ goal)
    spread = source - from_mean
    size = float(share @ np.abs(spread) ** 2)
    a = complex(share @ (spread.conj() * (goal - to_mean))) / size if size else 1 + 0j
    return a, to_mean - a * from_mean


def warp_similarity(image: NDArray[np.uint8], a: complex, b: complex, box: tuple[slice, slice]) -> NDArray[np.uint8]:
    """Move what is at z in an image to `a * z + b`.

    Args:
        image: pixels (S, S, 3); pixels from beyond its edge repeat the edge.
        a: rotation and scale.
        b: translation in pixels.
        box: the rows and columns to return.

    Returns:
        Pixels (h, w, 3) of the box.
    """
    border = len(image) // 4
    padded = np.pad(image, ((border, border), (border, border), (0, 0)), mode="edge")
    rows, columns = box
    # Pillow asks where each pixel comes from, and counts from the corner of a pixel, not from its middle.
    back, half = 1 / a, 0.5 + 0.5j
    start = half - back * (half + b - complex(columns.start, rows.start)) + complex(border, border)
    affine = (back.real, -back.imag, start.real, back.imag, back.real, start.imag)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    moved = Image.fromarray(padded).transform(size, Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)
    return np.asarray(moved)


def match_tones(piece: Pixels, target: Pixels, mask: Pixels, strength: float) -> Pixels:
    """Give a piece the mean and the standard deviation of the target, channel by channel.

    They are taken mostly at the edge of the mask. Reinhard et al., "Color Transfer between Images", 2001.

    Args:
        piece: pixels (h, w, 3).
        target: pixels (h, w, 3) that the piece is to be laid into.
        mask: shape (h, w) in [0, 1].
        strength: share of the change that is applied, in [0, 1].
    """
    weight: Pixels = (mask * (1 - mask) + 0.15 * mask)[..., None]
    weight /= max(float(weight.sum()), 1e-6)
    (mean, spread), (goal, goal_spread) = (_moments(image, weight) for image in (piece, target))
    gain: Pixels = np.clip(goal_spread / np.maximum(spread, 1.0), *GAIN)
    matched: Pixels = (piece - mean) * gain + goal
    return piece + np.float32(strength) * (matched - piece)


def _moments(image: Pixels, weight: Pixels) -> tuple[Pixels, Pixels]:
    mean: Pixels = (image * weight).sum(axis=(0, 1))
    away: Pixels = image - mean
    return mean, np.sqrt((away * away * weight).sum(axis=(0, 1)))


def poisson_blend(piece: Pixels, target: Pixels, mask: Pixels) -> Pixels:
    """Blend by Poisson's equation: keep the gradients of the piece, and meet the target at the mask's edge.

    Perez et al., "Poisson Image Editing", 2003.

    Args:
        piece: pixels (h, w, 3).
        target: pixels (h, w, 3).
        mask: shape (h, w) in [0, 1]; the piece is inside where it is above 0.

    Returns:
        The changed piece; the change is limited to `SEAM` grey levels.
    """
    return piece + np.clip(laplace_fill(target - piece, mask > 0), -SEAM, SEAM)


def laplace_fill(values: Pixels, inside: NDArray[np.bool_], sweeps: int = 10) -> Pixels:
    """Fill a region smoothly from its surroundings: an approximate solution of Laplace's equation.

    Coarse to fine: every level starts from the solution at half the size, and is improved by Jacobi iterations.

    Args:
        values: shape (h, w, c).
        inside: the region to fill, shape (h, w).
        sweeps: Jacobi iterations at each level.

    Returns:
        `values` outside the region, the solution inside.
    """
    known = ~inside
    if min(inside.shape) <= 2 or not known.any():
        rest = values[known].mean(axis=0) if known.any() else np.zeros(values.shape[2], np.float32)
        return np.where(inside[..., None], rest, values).astype(np.float32)
    field = np.where(inside[..., None], _coarser(values, known, sweeps), values)
    return _relax(field, inside, sweeps)


def _relax(field: Pixels, inside: NDArray[np.bool_], sweeps: int) -> Pixels:
    """Run Jacobi iterations: replace values `inside` by the mean of their four neighbours; the box's edge repeats."""
    edged = np.pad(field, ((1, 1), (1, 1), (0, 0)), mode="edge")
    middle, where = edged[1:-1, 1:-1], inside[..., None]
    for _ in range(sweeps):
        mean = edged[:-2, 1:-1] + edged[2:, 1:-1]
        mean += edged[1:-1, :-2]
        mean += edged[1:-1, 2:]
        mean *= np.float32(0.25)
        np.copyto(middle, mean, where=where)
        edged[0], edged[-1], edged[:, 0], edged[:, -1] = edged[1], edged[-2], edged[:, 1], edged[:, -2]
    return middle


def _coarser(values: Pixels, known: NDArray[np.bool_], sweeps: int) -> Pixels:
    """Solve at half the size, and enlarge the solution to the size of `values`."""
    height, width, channels = values.shape
    odd = ((0, height % 2), (0, width % 2))
    weight = np.pad(known.astype(np.float32), odd)[..., None]
    total = np.pad(values, (*odd, (0, 0))) * weight
    shape = ((height + 1) // 2, 2, (width + 1) // 2, 2)
    count = weight.reshape(*shape, 1).sum(axis=(1, 3))
    small = total.reshape(*shape, channels).sum(axis=(1, 3)) / np.maximum(count, 1)
    solved = laplace_fill(small, count[..., 0] == 0, sweeps)
    return solved.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
