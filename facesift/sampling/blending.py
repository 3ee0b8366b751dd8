"""Lay a piece of one image into another: where it goes, what its tones become, and how its edge is hidden."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]
GAIN = (0.75, 1.33)  # contrast is matched within these
SEAM = 50.0  # grey levels: a seam across hair would else dye the skin


def fit_similarity(
    source: NDArray[np.complex128], goal: NDArray[np.complex128], weights: NDArray[np.floating]
) -> tuple[complex, complex]:
    """Return a, b of the least-squares similarity `goal = a * source + b` of points x + iy, with weights.

    >>> a, b = similarity(np.array([0, 1, 1j]), np.array([2, 2 + 2j, 0]), np.ones(3))
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
    """Move what is at z to `a * z + b`, and return the rows and columns `box` of it: uint8 (h, w, 3).

    What would come from beyond the edge of the image (S, S, 3) repeats the edge.
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
    """Give `piece` the mean and the deviation of `target`, channel by channel, seen mostly at the edge of the mask.

    Reinhard et al., "Color Transfer between Images", 2001. `strength` in [0, 1] goes so far of the way.
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
    """Poisson blending (Perez et al. 2003): keep the gradients of `piece`, and meet `target` where the mask ends."""
    return piece + np.clip(laplace_fill(target - piece, mask > 0), -SEAM, SEAM)


def laplace_fill(values: Pixels, inside: NDArray[np.bool_], sweeps: int = 10) -> Pixels:
    """Span a smooth surface over `inside` that meets `values` (h, w, c) elsewhere: Laplace's equation, nearly.

    Coarse to fine: every level starts at the one of half the size, and is relaxed by Jacobi's `sweeps`.
    """
    known = ~inside
    if min(inside.shape) <= 2 or not known.any():
        rest = values[known].mean(axis=0) if known.any() else np.zeros(values.shape[2], np.float32)
        return np.where(inside[..., None], rest, values).astype(np.float32)
    field = np.where(inside[..., None], _coarser(values, known, sweeps), values)
    return _relax(field, inside, sweeps)


def _relax(field: Pixels, inside: NDArray[np.bool_], sweeps: int) -> Pixels:
    """Replace what is `inside` by the mean of its four neighbours, again and again; the edge of the box is repeated."""
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
    """Solve at half the size, and bring it back to the size of `values`."""
    height, width, channels = values.shape
    odd = ((0, height % 2), (0, width % 2))
    weight = np.pad(known.astype(np.float32), odd)[..., None]
    total = np.pad(values, (*odd, (0, 0))) * weight
    shape = ((height + 1) // 2, 2, (width + 1) // 2, 2)
    count = weight.reshape(*shape, 1).sum(axis=(1, 3))
    small = total.reshape(*shape, channels).sum(axis=(1, 3)) / np.maximum(count, 1)
    solved = laplace_fill(small, count[..., 0] == 0, sweeps)
    return solved.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
