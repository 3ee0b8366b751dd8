"""Paints hair, beards, scarves and caps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facesift.portraits.canvas import EVERYWHERE, Canvas, Plane, bump, clouds, smooth, threads
from facesift.portraits.head import outline
from facesift.portraits.scene import Light
from facesift.portraits.traits import Hair, Person


@dataclass(frozen=True)
class HairCut:
    """Shape of a hair cut, in half head heights.

    Attributes:
        volume: added to the skull.
        steep: how steeply the hairline falls at the sides.
        side_end: height where the sides end.
        back_end: height where the back ends.
    """

    volume: float
    steep: float
    side_end: float
    back_end: float


def hair_cut(hair: Hair) -> HairCut:
    """Return the cut of a style with this volume and length."""
    long_end = 0.7 + hair.length
    return {
        "bald": HairCut(0.0, 0.0, 0.0, -1.0),
        "buzz": HairCut(0.01 + 0.1 * hair.volume, 1.1, 0.12, -1.0),
        "short": HairCut(0.05 + 0.6 * hair.volume, 1.1, 0.15, -1.0),
        "parted": HairCut(0.08 + 0.6 * hair.volume, 1.2, 0.22, -1.0),
        "fringe": HairCut(0.08 + 0.6 * hair.volume, 3.4, long_end, long_end),
        "long": HairCut(0.07 + 0.7 * hair.volume, 1.7, long_end, long_end),
        "bob": HairCut(0.09 + 0.7 * hair.volume, 2.0, 0.85, 0.85),
        "curly": HairCut(0.16 + 1.2 * hair.volume, 1.3, 0.5, 0.6),
        "bun": HairCut(0.02 + 0.2 * hair.volume, 1.0, 0.1, -1.0),
        "scarf": HairCut(0.1, 1.6, 1.2, 2.2),
        "cap": HairCut(0.09, 0.0, -0.25, -1.0),
    }[hair.style]


def paint_back_hair(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Paint what hangs behind head and neck, and a bun on top."""
    hair, cut = person.hair, hair_cut(person.hair)
    x, y, half = canvas.x, canvas.y, person.head.half_width
    if hair.style == "bun":
        box = canvas.box_in_plane(hair.parting * 0.4, -1.12, 0.45)
        ball = 1 - np.hypot((x[box] - hair.parting * 0.4) / 0.34, (y[box] + 1.12) / 0.28)
        canvas.blend(box, smooth(ball, 0.06), hair.colour * np.float32(0.75))
    if cut.back_end <= 0:
        return
    wobble = 0.05 * hair.wave * np.sin(y * 9 + hair.parting * 9) + 0.02 * clouds(rng, (canvas.side, canvas.side), 20)
    width = half + cut.volume + 0.1 * np.clip(y, 0, 1.5) * hair.wave
    curtain = smooth(width + wobble - np.abs(x), 0.03) * smooth(y + 0.35, 0.05)
    curtain *= smooth(cut.back_end - y + wobble, 0.05)
    colour = hair.cloth if hair.style == "scarf" else hair.colour
    stripes = 0.68 + 0.14 * threads(rng, x + wobble + 4, 16)
    canvas.blend(EVERYWHERE, curtain, colour[:, None, None] * stripes)


def paint_front_hair(canvas: Canvas, person: Person, light: Light, rng: np.random.Generator) -> None:
    """Paint what lies over skull, forehead and cheeks: hair, scarf or cap."""
    hair, cut = person.hair, hair_cut(person.hair)
    if hair.style == "bald":
        return
    x, y = canvas.x, canvas.y
    rough = 0.08 if hair.style == "curly" else 0.02
    noise = clouds(rng, x.shape, 26) * rough
    grown = 1 + cut.volume
    skull = outline(person.head, x / grown, np.minimum(y, 0.0) / grown) + noise
    sides = smooth(cut.side_end - y + noise * 2, 0.06)
    within = smooth(skull, 0.05) * sides
    mask = within * (1 - smooth(_opening(canvas, person, cut) + noise * 0.4, 0.035))
    dressed = hair.style in ("scarf", "cap")
    colour = hair.cloth if dressed else hair.colour
    canvas.darken(EVERYWHERE, _shadow(canvas, person, cut, within), np.array([0.55, 0.47, 0.45], np.float32))
    gain = _sheen(canvas, person, light, rng) * (0.9 if dressed else 1.0)
    opacity = 0.7 if hair.style == "buzz" else 0.97
    canvas.blend(EVERYWHERE, mask * opacity, np.clip(colour[:, None, None] * gain, 0, 1))


def _opening(canvas: Canvas, person: Person, cut: HairCut) -> Plane:
    """Return how far below the hairline a point of the face is (negative: above it)."""
    hair, u = person.hair, canvas.u
    if hair.style == "cap":
        return canvas.v - hair.line - 0.1
    line = {"fringe": -0.3, "scarf": -0.55}.get(hair.style, hair.line)
    part = hair.parting if hair.style in ("parted", "long", "bob") else 0.0
    offset = np.abs(u - part * np.clip((0.3 - canvas.v), 0, 1))
    power = 6.0 if hair.style == "fringe" else 2.6
    return canvas.v - line - cut.steep * (offset / 0.72) ** power


def _shadow(canvas: Canvas, person: Person, cut: HairCut, within: Plane) -> Plane:
    """Return how strongly the hair's edge shades the skin below it."""
    depth = _opening(canvas, person, cut)
    return within * np.exp(-np.square(np.clip(depth, -0.2, 1) / 0.12)) * 0.4


def _sheen(canvas: Canvas, person: Person, light: Light, rng: np.random.Generator) -> Plane:
    """Return the brightness of the hair: strands that fall from the parting, a band of gloss, shade at the sides."""
    hair, x, y = person.hair, canvas.x, canvas.y
    if hair.style == "curly":
        strands = clouds(rng, x.shape, 55) * 0.5
    else:
        fall = (x - hair.parting * 0.5) / (0.25 + np.clip(y + 1.25, 0.02, 0.9))
        strands = threads(rng, fall + 0.04 * hair.wave * np.sin(y * 11) + 8, 24)
        strands = strands * (0.25 if hair.style in ("scarf", "cap") else 1.0)
    turned = x / person.head.half_width - light.direction[0]
    gloss = bump(turned / 0.55, (y + 0.72) / 0.2) * 0.55
    return 0.88 + 0.2 * strands + gloss * (1 + 0.5 * strands) - 0.22 * turned * turned


def paint_beard(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Paint beard and moustache around the mouth; a value of 0.2 is stubble, 1 a full beard."""
    hair, mouth = person.hair, person.mouth
    if not (hair.beard or hair.moustache):
        return
    box = canvas.below(0.1)
    u, v = canvas.u[box], canvas.v[box]
    edge = mouth.height - 0.12 + 0.02 * clouds(rng, u.shape, 20) - 0.9 * np.maximum(0, np.abs(u) - 0.42)
    lips = bump(u / (mouth.width * 0.95), (v - mouth.height) / 0.085)
    below = smooth(v - edge - 0.14 * bump(u / 0.3, u * 0), 0.07) * (1 - np.minimum(1, 1.3 * lips)) * hair.beard
    under_nose = bump(u / (mouth.width * 0.95), (v - mouth.height + 0.1) / 0.045) * hair.moustache
    head = smooth(outline(person.head, canvas.x[box], canvas.y[box]), 0.05)
    strands = 0.85 + 0.1 * clouds(rng, u.shape, 90)
    colour = np.minimum(hair.colour * 0.85, 0.7).astype(np.float32)
    canvas.blend(box, np.clip(np.maximum(below, under_nose) * head * strands * 0.9, 0, 0.95), colour)
