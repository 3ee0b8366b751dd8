"""Paints the features of a face: eyes with lids and brows, nose, mouth, glasses. Fakes have some of them exchanged."""

from __future__ import annotations

import math

import numpy as np

from facesift.portraits.canvas import Box, Canvas, Plane, bump, smooth, threads
from facesift.portraits.traits import Eyes, Person

_DARK_RED = np.array([0.16, 0.05, 0.05], np.float32)
_WARM_SHADE = np.array([0.42, 0.28, 0.26], np.float32)
_TOOTH = np.array([0.93, 0.9, 0.84], np.float32)
_SCLERA = np.array([0.93, 0.91, 0.9], np.float32)


def paint_eye(canvas: Canvas, person: Person, side: int, rng: np.random.Generator) -> None:
    """Paint one eye and its brow: `side` -1 is the eye on the picture's left, +1 the one on its right."""
    eyes = person.eyes
    box = canvas.box(side * eyes.apart, eyes.height - 0.08, 0.36)
    # p runs from the nose (-1) to the temple (+1), q downwards, both in half eye widths.
    p = (canvas.u[box] * side - eyes.apart) / eyes.width
    q = (canvas.v[box] - eyes.height) / eyes.width + eyes.slant * p
    arc = np.sqrt(np.maximum(0, 1 - p * p))
    upper = -eyes.openness * arc**1.2 * (1 - 0.15 * p)
    lower = eyes.openness * 0.62 * arc**1.4 * (1 + 0.12 * p)
    opening = smooth(q - upper, 0.06) * smooth(lower - q, 0.06) * smooth(1.0 - np.abs(p), 0.06)
    crease = bump((q - upper + 0.28) / 0.1, p / 0.9)
    shadow = np.clip(1 - eyes.makeup * np.array([0.45, 0.6, 0.45]), 0, 1).astype(np.float32)
    canvas.darken(box, smooth(upper - q, 0.1) * bump((q - upper) / 0.55, p / 1.2) * eyes.makeup, shadow)
    canvas.darken(box, crease * 0.55, _WARM_SHADE)
    canvas.darken(box, bump((q - lower - 0.16) / 0.12, p / 0.9) * 0.22, _WARM_SHADE)
    canvas.blend(box, opening, _SCLERA[:, None, None] - 0.12 * smooth(upper + 0.25 - q, 0.25))
    canvas.darken(box, opening * bump((p + 1) / 0.2, q / 0.3), np.array([0.85, 0.5, 0.5], np.float32))
    _paint_iris(canvas, eyes, (box, p * side, q, opening), rng)
    lashes = bump((q - upper) / (0.075 + 0.06 * eyes.makeup), np.maximum(0, np.abs(p) - 0.95) / 0.12)
    canvas.blend(box, lashes * 0.85, np.array([0.09, 0.06, 0.06], np.float32))
    canvas.darken(box, bump((q - lower) / 0.05, np.maximum(0, np.abs(p) - 0.7) / 0.2) * 0.45, _WARM_SHADE)
    _paint_brow(canvas, person, (box, p, q), rng)


def _paint_iris(canvas: Canvas, eyes: Eyes, place: tuple[Box, Plane, Plane, Plane], rng: np.random.Generator) -> None:
    box, p, q, opening = place
    radius = 0.44  # in half eye widths
    a, b = p - eyes.gaze[0] * radius, q - eyes.gaze[1] * radius + 0.06
    distance = np.hypot(a, b) / radius
    rays = 1 + 0.22 * threads(rng, np.arctan2(a, b) + np.pi, 5)
    colour = eyes.iris[:, None, None] * rays * (1.25 - 0.35 * distance**3)
    canvas.blend(box, opening * smooth(1 - distance, 0.1), colour.astype(np.float32))
    canvas.darken(box, opening * bump((distance - 0.98) / 0.14, distance * 0) * 0.6, np.full(3, 0.25, np.float32))
    canvas.blend(box, opening * smooth(0.42 - distance, 0.1), np.full(3, 0.03, np.float32))
    glint = bump((a + 0.15) / 0.1, (b + 0.17) / 0.1) + 0.4 * bump((a - 0.16) / 0.09, (b - 0.14) / 0.09)
    canvas.blend(box, np.minimum(1, glint) * opening * 0.9, np.ones(3, np.float32))


def _paint_brow(canvas: Canvas, person: Person, place: tuple[Box, Plane, Plane], rng: np.random.Generator) -> None:
    box, p, q = place
    eyes, unit = person.eyes, person.eyes.width
    arch = eyes.brow_arch / unit * (1 - ((p - 0.15) / 1.15) ** 2)
    middle = 0.06 - eyes.brow_gap / unit - arch + (0.06 - 0.5 * eyes.slant) * p
    thick = eyes.brow_weight / unit * (1 - 0.45 * np.clip((p + 1) / 2.3, 0, 1)) * 1.3
    band = smooth(thick - np.abs(q - middle), 0.09) * smooth(1.2 - np.abs(p - 0.05), 0.2)
    strokes = 0.75 + 0.35 * threads(rng, p + 0.8 * q + 4, 9)
    colour = np.minimum(person.hair.colour * 0.7, person.skin * 0.75)
    canvas.blend(box, np.clip(band * strokes, 0, 1) * 0.85, colour.astype(np.float32))


def paint_nose(canvas: Canvas, person: Person) -> None:
    """Paint nostrils and the lines around the wings; the nose's body is in the relief."""
    nose, lean = person.nose, math.sin(canvas.pose.yaw) * 0.08
    box = canvas.box(lean, nose.base, 0.3)
    a, b = (canvas.u[box] - lean) / nose.width, (canvas.v[box] - nose.base) / nose.width
    side = np.abs(a)
    canvas.darken(box, bump((side - 0.5) / 0.26, (b - 0.1 + 0.25 * (side - 0.5)) / 0.16) * 0.85, _WARM_SHADE * 0.7)
    wing = np.hypot(side - 0.62, (b + 0.18) * 1.05)
    canvas.darken(box, bump((wing - 0.46) / 0.11, np.minimum(0, side - 0.75) / 0.25) * 0.4, _WARM_SHADE)
    canvas.darken(box, bump(a / 0.75, (b - 0.32) / 0.2) * 0.3, _WARM_SHADE)


def paint_mouth(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Paint lips, the line between them, and teeth where the mouth is open."""
    mouth = person.mouth
    box = canvas.box(0.0, mouth.height, mouth.width + 0.14)
    p, q = canvas.u[box] / mouth.width, canvas.v[box] - mouth.height
    arc = np.maximum(0, 1 - p * p)
    centre = -mouth.smile * 2.2 * (p * p - 0.4)
    gap = mouth.gap * arc**0.8
    top = centre - gap * 0.5 - mouth.upper * arc**0.7 * (1.1 - 0.35 * bump(p / 0.16, p * 0)) * 1.2
    bottom = centre + gap * 1.1 + mouth.lower * arc**0.6
    lips = smooth(q - top, 0.012) * smooth(bottom - q, 0.014) * smooth(1 - np.abs(p), 0.05)
    wrinkles = 1 + 0.07 * threads(rng, p + 2, 9)
    light = 0.86 + 0.3 * smooth(q - centre - gap, 0.03) - 0.22 * smooth(q - bottom + 0.02, 0.03)
    canvas.blend(box, lips * 0.88, mouth.colour[:, None, None] * wrinkles * light)
    canvas.darken(box, bump((q - bottom - 0.022) / 0.022, p / 0.6) * 0.4, _WARM_SHADE)
    if mouth.gap:
        inside = smooth(q - centre + gap * 0.5, 0.008) * smooth(centre + gap * 1.1 - q, 0.008)
        inside *= smooth(0.93 - np.abs(p), 0.05)
        canvas.blend(box, inside, _DARK_RED)
        between = 0.86 + 0.14 * np.abs(np.cos(p * 9.5))
        row = inside * smooth(centre + gap * 0.85 - q, 0.012) * smooth(0.82 - np.abs(p), 0.1)
        canvas.blend(box, row * 0.95, _TOOTH[:, None, None] * between * (1 - 0.35 * p * p))
    line = bump((q - centre + gap * 0.5) / 0.011, np.maximum(0, np.abs(p) - 0.9) / 0.1)
    canvas.blend(box, line * 0.75, mouth.colour * np.float32(0.3))
    corners = bump((np.abs(p) - 1.02) / 0.09, (q - centre) / 0.03)
    canvas.darken(box, corners * 0.5, _WARM_SHADE)


def paint_glasses(canvas: Canvas, person: Person) -> None:
    """Paint a thin frame around both eyes and the bridge between."""
    eyes = person.eyes
    frame = person.hair.cloth * np.float32(0.35)
    for side in (-1, 1):
        box = canvas.box(side * eyes.apart, eyes.height, 0.42)
        a, b = (canvas.u[box] * side - eyes.apart) / 0.235, (canvas.v[box] - eyes.height - 0.02) / 0.17
        rim = (np.abs(a) ** 3 + np.abs(b) ** 3) ** np.float32(1 / 3)
        canvas.blend(box, smooth(eyes.glasses * 6 - np.abs(rim - 1), 0.04), frame)
        canvas.blend(box, smooth(1 - rim, 0.1) * 0.06, np.ones(3, np.float32))
    box = canvas.box(0.0, eyes.height, 0.12)
    bridge = smooth(eyes.glasses - np.abs(canvas.v[box] - eyes.height + 0.03), 0.008)
    canvas.blend(box, bridge * smooth(eyes.apart - 0.22 - np.abs(canvas.u[box]), 0.01), frame)
