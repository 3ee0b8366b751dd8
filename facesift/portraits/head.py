"""Paints the head without features: outline, ears, neck, shoulders, skin."""

from __future__ import annotations

import math

import numpy as np

from facesift.portraits.canvas import EVERYWHERE, Canvas, Plane, bump, clouds, smooth
from facesift.portraits.person import draw_colour
from facesift.portraits.traits import Head, Person

_CHEST = 1.1  # height of the shoulders at the neck
_SHADE = np.array([0.48, 0.38, 0.36], np.float32)  # redder than grey, as skin in shadow is


def outline(head: Head, x: Plane, y: Plane) -> Plane:
    """Return how far inside the head's outline a point is: 1 in the middle, 0 on it, negative outside."""
    upper = (y - head.widest) / (1 + head.widest)
    lower = np.maximum(0, (y - head.widest) / (1 - head.widest))
    width = head.half_width * (1 - head.taper * lower)
    below = lower * lower
    square = 0.5 * head.jaw - 1  # this mixture of powers 2 and 4 is close to lower**jaw, and several times faster
    vertical = np.where(y < head.widest, upper * upper, below * (1 - square + square * below))
    return 1 - (x / width) ** 2 - vertical


def paint_body(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Paint neck, shoulders and clothes, with the shadow the chin throws on the neck."""
    box = canvas.below(0.05)  # the neck shows from 0.2 on, and a tilted head needs some margin
    x, y, neck = canvas.x[box], canvas.y[box], person.head.neck
    beside = np.maximum(0, np.abs(x) - neck)
    shoulders = smooth(y - _CHEST - 0.5 * beside * np.sqrt(beside + 0.05), 0.03)
    throat = smooth(neck + 0.12 * np.maximum(0, y - 1) - np.abs(x), 0.03) * smooth(y - 0.3, 0.1)
    canvas.blend(box, np.maximum(throat, shoulders), person.skin * np.float32(0.9))
    round_neck = smooth(np.abs(x) - neck + 0.12, 0.15) * 0.35
    chin_shadow = bump(x / 0.62, (y - 0.95) / 0.42) * 0.75
    canvas.darken(box, throat * (round_neck + chin_shadow - round_neck * chin_shadow), _SHADE)
    box = canvas.below(0.85)
    x, y, shoulders = canvas.x[box], canvas.y[box], shoulders[-(box[0].stop - box[0].start) :]
    neckline = rng.uniform(0.0, 0.22) + float(rng.choice([0.0, 0.9])) * np.maximum(0, 0.35 - np.abs(x))
    folds = 1 + 0.06 * clouds(rng, x.shape, 9)
    mask = shoulders * smooth(y - _CHEST - neckline + 0.12 * np.abs(x), 0.015)
    canvas.blend(box, mask, draw_colour(rng)[:, None, None] * folds)


def paint_ears(canvas: Canvas, person: Person) -> None:
    """Paint both ears; the turn of the head hides the farther one by itself."""
    head = person.head
    for side in (-1, 1):
        centre = side * (head.half_width * 0.98) - math.sin(canvas.pose.yaw) * 0.12
        box = canvas.box_in_plane(centre, 0.06, 0.4)
        a, b = (canvas.x[box] - centre) / (head.ear * 0.55), (canvas.y[box] - 0.06) / head.ear
        inside = 1 - a * a - b * b
        canvas.blend(box, smooth(inside, 0.12), person.skin * np.array([0.93, 0.84, 0.82], np.float32))
        canvas.darken(box, smooth(inside - 0.45, 0.3) * 0.5, _SHADE)


def paint_skin(canvas: Canvas, person: Person, rng: np.random.Generator) -> Plane:
    """Paint the bare head and return its mask (n, n)."""
    mask = smooth(outline(person.head, canvas.x, canvas.y), 0.035)
    shape = (canvas.side, canvas.side)
    blotches = clouds(rng, shape, 14) * 0.014 + clouds(rng, shape, 90) * rng.uniform(0.004, 0.022)
    flush = bump((np.abs(canvas.u) - 0.38) / 0.24, (canvas.v - 0.28) / 0.2) * rng.uniform(0, 0.1)
    flush += bump(canvas.u / 0.12, (canvas.v - person.nose.base + 0.05) / 0.14) * rng.uniform(0, 0.08)
    colour = person.skin[:, None, None] * (1 + blotches)
    colour[1:] -= flush * person.skin[1:, None, None]
    canvas.blend(EVERYWHERE, mask, colour)
    if rng.uniform() < 0.15 + 0.3 * person.head.age:
        _paint_freckles(canvas, rng)
    return mask


def _paint_freckles(canvas: Canvas, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(3, 40)):
        u, v = rng.normal(0, 0.33), rng.normal(0.22, 0.24)
        radius = rng.uniform(0.008, 0.02)
        box = canvas.box(u, v, radius * 3)
        spot = bump((canvas.u[box] - u) / radius, (canvas.v[box] - v) / radius)
        canvas.darken(box, spot * rng.uniform(0.1, 0.45), np.array([0.55, 0.4, 0.35], np.float32))
