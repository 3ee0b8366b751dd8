"""Shades a face: its relief of hills and hollows under a light.

The shading is computed on a coarse grid and enlarged, since it is smooth; `features` paints the sharp lines.
"""

from __future__ import annotations

import numpy as np

from facesift.portraits.canvas import EVERYWHERE, Canvas, Plane, enlarge
from facesift.portraits.scene import Light
from facesift.portraits.traits import Person

_COARSE = 4  # canvas pixels per grid point
_SUNKEN = np.array([0.82, 1.0, 1.1], np.float32)  # shade is redder than light on skin


def hills(person: Person, yaw: float) -> list[tuple[float, float, float, float, float]]:
    """Return the face's relief: (height, u, v, width, length) of each round hill or hollow, in half head heights."""
    eyes, nose, mouth, age = person.eyes, person.nose, person.mouth, person.head.age
    lean, out = np.sin(yaw), nose.relief
    middle = [
        (0.05, 0.0, -0.45, 0.45, 0.28),
        (0.09 * out, 0.06 * lean, nose.base - 0.24, 0.085, 0.26),
        (0.12 * out, 0.12 * lean, nose.base - 0.07, nose.width * 0.7, 0.1),
        (-0.03, 0.0, mouth.height - 0.11, 0.05, 0.06),
        (0.045, 0.0, mouth.height - 0.03, mouth.width * 0.7, 0.05),
        (0.055, 0.0, mouth.height + 0.06, mouth.width * 0.6, 0.05),
        (-0.05, 0.0, mouth.height + 0.15, 0.16, 0.05),
        (0.07, 0.0, 0.88, 0.16, 0.1),
    ]
    paired = [
        (0.06 * out, nose.width * 0.85 + 0.06 * lean, nose.base - 0.03, 0.06, 0.06),
        (-0.085, eyes.apart - 0.06, eyes.height - 0.05, 0.16, 0.1),
        (0.045, eyes.apart, eyes.height, 0.12, 0.08),
        (0.05, eyes.apart, eyes.height - eyes.brow_gap, 0.2, 0.07),
        (-0.015 - 0.03 * age, eyes.apart - 0.02, eyes.height + 0.14, 0.13, 0.04),
        (0.06, 0.42, 0.24, 0.17, 0.14),
        (-0.02 - 0.03 * age - 0.2 * max(0.0, mouth.smile), mouth.width + 0.06, mouth.height - 0.09, 0.045, 0.13),
        (-0.04, 0.5, 0.55, 0.14, 0.2),
        (-0.04, 0.62, -0.15, 0.12, 0.25),
    ]
    mirrored = [(h, sign * u, v, a, b) for h, u, v, a, b in paired for sign in (-1, 1)]
    return middle + mirrored


def _normals(canvas: Canvas, person: Person) -> tuple[Plane, Plane, Plane]:
    """Return the surface's unit normals (right, down, towards the viewer) on the coarse grid."""
    x, y = canvas.x[::_COARSE, ::_COARSE], canvas.y[::_COARSE, ::_COARSE]
    u, v = canvas.u[::_COARSE, ::_COARSE], canvas.v[::_COARSE, ::_COARSE]
    right, down = x / person.head.half_width * 0.95, (y - person.head.widest) * 0.72
    towards = np.sqrt(np.maximum(0.06, 1 - right**2 - down**2))
    for height, u0, v0, width, length in hills(person, canvas.pose.yaw):
        a, b = (u - u0) / width, (v - v0) / length
        hill = np.exp(-a * a - b * b) * (2 * height)
        right, down = right + hill * a / width, down + hill * b / length
    norm = 1 / np.sqrt(right**2 + down**2 + towards**2)
    return right * norm, down * norm, towards * norm


def light_face(canvas: Canvas, person: Person, light: Light, mask: Plane) -> None:
    """Shade what is painted so far inside `mask` as the light falls on the relief, and add the skin's gloss."""
    right, down, towards = _normals(canvas, person)
    to_x, to_y, to_z = light.direction
    facing = np.maximum(0, right * to_x + down * to_y + towards * to_z)
    level = (light.ambient + (1 - light.ambient) * facing) / (light.ambient + (1 - light.ambient) * to_z)
    half = np.array([to_x, to_y, to_z + 1]) / np.sqrt(2 + 2 * to_z)
    gloss = np.maximum(0, right * half[0] + down * half[1] + towards * half[2]) ** 24 * light.gloss
    shape = (canvas.side, canvas.side)
    logarithm = enlarge(np.log(np.clip(level, 0.08, 1.6)), shape)
    shade = np.exp(logarithm * _SUNKEN[:, None, None])
    canvas.darken(EVERYWHERE, mask, shade * light.colour[:, None, None])
    canvas.pixels[:] += mask * enlarge(gloss, shape)
