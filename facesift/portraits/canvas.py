"""The canvas of a portrait: pixels, the face's coordinates at each of them, and functions that paint softly.

Face coordinates are measured in half head heights: crown at v = -1, eyes near v = 0, chin at v = 1, and u = 0 on the
middle line, u < 0 on the picture's left. `x`, `y` are the same in the picture plane, before the head turns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.portraits.scene import Pose

Plane: TypeAlias = NDArray[np.floating[Any]]  # (height, width)
Colour: TypeAlias = NDArray[np.floating[Any]]  # (3,) or (3, height, width), sRGB in [0, 1]
Box: TypeAlias = tuple[slice, slice]

EVERYWHERE: Box = (slice(None), slice(None))


@dataclass(frozen=True)
class Canvas:
    """A square picture that is painted in place, with the coordinates of each pixel.

    Attributes:
        pixels: (3, n, n) in [0, 1].
        x: picture-plane coordinates to the right, (n, n).
        y: picture-plane coordinates downwards, (n, n).
        u: face coordinates to the right, (n, n).
        v: face coordinates downwards, (n, n).
        pose: of the head.
        half_width: of the head.
    """

    pixels: NDArray[np.float32]
    x: Plane
    y: Plane
    u: Plane
    v: Plane
    pose: Pose
    half_width: float

    @property
    def side(self) -> int:
        """Pixels along one side."""
        return self.pixels.shape[1]

    def place(self, u: float, v: float) -> tuple[float, float]:
        """Return the picture's (column, row) in [0, 1] of a point of the face."""
        x, y = self.pose.turn(u, v, self.half_width)
        return self.pose.project(x, y)

    def box(self, u: float, v: float, reach: float) -> Box:
        """Return the pixels within `reach` (half head heights) of a point of the face, cut at the picture's edge."""
        column, row = self.place(u, v)
        return self._square(column, row, reach)

    def box_in_plane(self, x: float, y: float, reach: float) -> Box:
        """Return the pixels within `reach` of a point of the picture plane that does not turn with the face."""
        column, row = self.pose.project(x, y)
        return self._square(column, row, reach)

    def below(self, v: float) -> Box:
        """Return all rows from the height `v` of an unturned face downwards."""
        start = math.floor((self.pose.row + self.pose.scale * v) * self.side)
        return slice(min(max(0, start), self.side), self.side), slice(0, self.side)

    def _square(self, column: float, row: float, reach: float) -> Box:
        radius = reach * self.pose.scale
        low = np.clip(np.floor(np.array([row - radius, column - radius]) * self.side), 0, self.side).astype(int)
        high = np.clip(np.ceil(np.array([row + radius, column + radius]) * self.side), 0, self.side).astype(int)
        return slice(low[0], high[0]), slice(low[1], high[1])

    def blend(self, box: Box, mask: Plane, colour: Colour) -> None:
        """Lay `colour` over the pixels of `box`, as opaque as `mask` in [0, 1] says."""
        for plane, value in zip(self.pixels, colour, strict=True):  # plane by plane: the temporaries stay in the cache
            area = plane[box]
            change = value - area
            change *= mask
            area += change

    def darken(self, box: Box, mask: Plane, tint: Colour) -> None:
        """Multiply the pixels of `box` by `tint`, as strongly as `mask` in [0, 1] says."""
        for plane, value in zip(self.pixels, tint, strict=True):
            factor = mask * (value - 1)
            factor += 1
            plane[box] *= factor


def blank_canvas(side: int, pose: Pose, half_width: float) -> Canvas:
    """Return a black canvas of `side` pixels for a head `half_width` wide (half head heights) in `pose`."""
    steps = (np.arange(side, dtype=np.float32) + 0.5) / side
    across = (steps[None, :] - pose.column) / pose.scale
    down = (steps[:, None] - pose.row) / pose.scale
    cosine, sine = np.cos(pose.roll), np.sin(pose.roll)
    x = (cosine * across + sine * down).astype(np.float32)
    y = (cosine * down - sine * across).astype(np.float32)
    depth = np.sqrt(np.maximum(0, 1 - (x / half_width) ** 2))
    u = x * np.cos(pose.yaw) - half_width * np.sin(pose.yaw) * depth
    v = y - pose.pitch * depth
    pixels = np.zeros((3, side, side), np.float32)
    return Canvas(pixels, x, y, u.astype(np.float32), v.astype(np.float32), pose, half_width)


def smooth(distance: Plane, softness: float) -> Plane:
    """Return 0 where `distance` <= -softness, 1 where it is >= softness, and a smooth step between.

    >>> smooth(np.array([-1.0, 0.0, 1.0]), 0.5).tolist()
    [0.0, 0.5, 1.0]
    """
    t = distance * (0.5 / softness)
    t += 0.5
    np.clip(t, 0, 1, out=t)
    step = t * -2
    step += 3
    step *= t
    step *= t
    return step


def bump(a: Plane, b: Plane) -> Plane:
    """Return a round hill of height 1 at a = b = 0 and width about 1."""
    return np.exp(-(a * a) - b * b)


def enlarge(plane: Plane, shape: tuple[int, int]) -> Plane:
    """Resize one plane to `shape` (rows, columns), smoothly."""
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def clouds(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> Plane:
    """Return smooth noise of mean 0 and deviation about 1 (rows, columns) with `cells` lumps along a side."""
    return enlarge(rng.standard_normal((cells, cells), np.float32) * 1.4, shape)


def threads(rng: np.random.Generator, coordinate: Plane, per_unit: float) -> Plane:
    """Return hair-like stripes in [-1, 1] along lines of equal `coordinate`, `per_unit` of them per unit."""
    table = np.convolve(rng.uniform(-1.6, 1.6, 2048), [0.25, 0.5, 0.25], mode="same").astype(np.float32)
    return table[(coordinate * (per_unit * 4)).astype(np.int32) & 2047]
