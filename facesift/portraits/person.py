"""Draws the traits of a person at random."""

from __future__ import annotations

from typing import TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from facesift.portraits.traits import Eyes, Hair, HairStyle, Head, Mouth, Nose, Person, Rgb

Generator: TypeAlias = np.random.Generator
_SKIN = np.array(  # from very light to very dark
    [(250, 222, 202), (240, 203, 176), (226, 182, 148), (202, 152, 114), (166, 115, 82), (124, 82, 58), (88, 58, 44)]
)
_DARK_HAIR = [(28, 24, 24), (52, 36, 28), (92, 62, 40), (110, 52, 34)]  # black, dark brown, brown, auburn
_FAIR_HAIR = [(158, 82, 40), (150, 116, 72), (206, 172, 112), (134, 130, 128), (216, 212, 206)]  # red, blonds, greys
_HAIR = np.array([*_DARK_HAIR, *_FAIR_HAIR])
_HAIR_LIGHT_SKIN = (0.10, 0.17, 0.18, 0.09, 0.08, 0.13, 0.13, 0.07, 0.05)
_HAIR_DARK_SKIN = (0.50, 0.26, 0.07, 0.03, 0.01, 0.02, 0.02, 0.06, 0.03)
_IRIS = np.array(
    [(70, 44, 28), (96, 62, 34), (120, 96, 54), (92, 112, 72), (92, 122, 148), (70, 104, 150), (120, 130, 136)]
)
_STYLES: tuple[HairStyle, ...] = get_args(HairStyle)
_STYLE_SHARES = (0.06, 0.09, 0.19, 0.15, 0.10, 0.12, 0.09, 0.07, 0.07, 0.03, 0.04)


def draw_person(rng: Generator) -> Person:
    """Draw the traits of a person."""
    tone = float(rng.uniform(0, 1)) ** 1.15
    skin = _along(_SKIN, tone) + rng.normal(0, 0.012, 3).astype(np.float32)
    feminine = float(rng.uniform())
    head = Head(
        half_width=float(rng.uniform(0.66, 0.78)),
        widest=float(rng.uniform(-0.2, 0.05)),
        jaw=float(rng.uniform(2.1, 3.4) - 0.4 * feminine),
        taper=float(rng.uniform(0.05, 0.26)),
        ear=float(rng.uniform(0.16, 0.24)),
        neck=float(rng.uniform(0.42, 0.56) - 0.1 * feminine),
        age=float(rng.beta(1.3, 2.2)),
    )
    nose = Nose(float(rng.uniform(0.34, 0.44)), float(rng.uniform(0.11, 0.185)), float(rng.uniform(0.7, 1.35)))
    hair = _draw_hair(rng, tone, feminine, head.age)
    return Person(skin, head, _draw_eyes(rng, tone, feminine), nose, _draw_mouth(rng, skin, nose, feminine), hair)


def draw_colour(rng: Generator, low: float = 0.08, high: float = 0.9) -> Rgb:
    """Draw a colour (3,): a grey level in [low, high] with some saturation."""
    return np.clip(rng.uniform(low, high) + rng.normal(0, 0.12, 3), 0.02, 0.98).astype(np.float32)


def _along(palette: NDArray[np.int_], place: float) -> Rgb:
    """Return the colour at `place` in [0, 1] along a palette."""
    knots = np.linspace(0, 1, len(palette))
    return np.array([np.interp(place, knots, palette[:, c]) for c in range(3)], np.float32) / 255


def _draw_eyes(rng: Generator, tone: float, feminine: float) -> Eyes:
    light_eyes = rng.uniform() > 0.25 + 0.9 * tone
    iris = _IRIS[rng.integers(2, 7) if light_eyes else rng.integers(0, 3)]
    return Eyes(
        apart=float(rng.uniform(0.29, 0.34)),
        height=float(rng.uniform(-0.04, 0.04)),
        width=float(rng.uniform(0.16, 0.2)),
        openness=float(rng.uniform(0.3, 0.55)),
        slant=float(rng.normal(0.04, 0.07)),
        iris=(iris / 255 + rng.normal(0, 0.02, 3)).astype(np.float32),
        gaze=(float(rng.normal(0, 0.22)), float(rng.normal(0, 0.1))),
        brow_gap=float(rng.uniform(0.15, 0.215)),
        brow_arch=float(rng.uniform(0.02, 0.07)),
        brow_weight=float(rng.uniform(0.02, 0.045) - 0.012 * feminine),
        makeup=float(rng.uniform(0.2, 1) if rng.uniform() < 0.6 * feminine else 0),
        glasses=float(rng.uniform(0.006, 0.016) if rng.uniform() < 0.10 else 0),
    )


def _draw_mouth(rng: Generator, skin: Rgb, nose: Nose, feminine: float) -> Mouth:
    laughing = rng.uniform() < 0.42
    lipstick = rng.uniform() < 0.55 * feminine
    natural = skin * np.array([0.86, 0.62, 0.62]) + np.array([0.04, 0.0, 0.01])
    painted = np.array([rng.uniform(0.55, 0.85), rng.uniform(0.08, 0.35), rng.uniform(0.15, 0.4)])
    return Mouth(
        height=nose.base + float(rng.uniform(0.21, 0.27)),
        width=float(rng.uniform(0.19, 0.29)),
        upper=float(rng.uniform(0.026, 0.055)),
        lower=float(rng.uniform(0.045, 0.085)),
        smile=float(rng.uniform(0.015, 0.05) if laughing else rng.normal(0.014, 0.014)),
        gap=float(rng.uniform(0.02, 0.06) if laughing else 0),
        colour=(0.35 * natural + 0.65 * painted if lipstick else natural).astype(np.float32),
    )


def _draw_hair(rng: Generator, tone: float, feminine: float, age: float) -> Hair:
    share = np.array(_HAIR_LIGHT_SKIN) * (1 - tone) + np.array(_HAIR_DARK_SKIN) * tone
    colour = _HAIR[8 - int(rng.integers(0, 2)) if age > 0.7 else rng.choice(9, p=share)] / 255
    male = feminine < 0.5
    tilt = np.array([2, 1.7, 1.6, 1.2, 0.6, 0.25, 0.3, 1, 0.15, 0, 1] if male else [0, 0.2, 0.5, 0.8, 1.4] + [1.8] * 6)
    shares = np.array(_STYLE_SHARES) * tilt
    bearded = male and rng.uniform() < 0.55
    return Hair(
        style=_STYLES[rng.choice(len(_STYLES), p=shares / shares.sum())],
        colour=np.clip(colour + rng.normal(0, 0.02, 3), 0.05, 0.95).astype(np.float32),
        volume=float(rng.uniform(0.05, 0.2)),
        line=float(rng.uniform(-0.66, -0.46)),
        parting=float(rng.uniform(-0.4, 0.4)),
        wave=float(rng.beta(0.7, 2)),
        length=float(rng.uniform(0.9, 2.2)),
        beard=float(rng.uniform(0.2, 1) if bearded else 0),
        moustache=float(rng.uniform(0.2, 1) if bearded or (male and rng.uniform() < 0.12) else 0),
        cloth=draw_colour(rng),
    )
