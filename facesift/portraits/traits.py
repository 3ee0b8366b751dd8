"""The traits that make one drawn person differ from the next: head, eyes, nose, mouth, hair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

HairStyle: TypeAlias = Literal[
    "bald", "buzz", "short", "parted", "fringe", "long", "bob", "curly", "bun", "scarf", "cap"
]
Rgb: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Head:
    """Shape of the head, in half head heights.

    Attributes:
        half_width: half the width.
        widest: height of the widest line.
        jaw: how square the jaw is: exponent of the lower outline.
        taper: how far the jaw narrows.
        ear: height of the ears.
        neck: half width of the neck.
        age: in [0, 1].
    """

    half_width: float
    widest: float
    jaw: float
    taper: float
    ear: float
    neck: float
    age: float


@dataclass(frozen=True)
class Eyes:
    """Both eyes. Lengths are in half head heights.

    Attributes:
        apart: distance of an eye's centre from the middle line.
        height: of the centres, downwards.
        width: half width of an eye.
        openness: opening of the lids, as a share of the width.
        slant: rise towards the temple per half eye width.
        iris: colour of the iris.
        gaze: shift of the iris to the right and down, in iris radii.
        brow_gap: distance of the brow from the eye.
        brow_arch: height of the brow's arch.
        brow_weight: thickness of the brow.
        makeup: strength of the make-up, in [0, 1].
        glasses: thickness of the frame; 0: no glasses.
    """

    apart: float
    height: float
    width: float
    openness: float
    slant: float
    iris: Rgb
    gaze: tuple[float, float]
    brow_gap: float
    brow_arch: float
    brow_weight: float
    makeup: float
    glasses: float


@dataclass(frozen=True)
class Nose:
    """The nose, in half head heights.

    Attributes:
        base: height of the nostrils.
        width: half width of the wings.
        relief: how far it stands out, around 1.
    """

    base: float
    width: float
    relief: float


@dataclass(frozen=True)
class Mouth:
    """The mouth, in half head heights.

    Attributes:
        height: of the line between the lips.
        width: half the width.
        upper: thickness of the upper lip.
        lower: thickness of the lower lip.
        smile: how far the corners rise.
        gap: how far the mouth is open.
        colour: of the lips.
    """

    height: float
    width: float
    upper: float
    lower: float
    smile: float
    gap: float
    colour: Rgb


@dataclass(frozen=True)
class Hair:
    """Hair, beard and head-dress.

    Attributes:
        style: of the hair, or a scarf or cap.
        colour: of hair and beard.
        volume: over the skull, in half head heights.
        line: height of the hairline, in half head heights.
        parting: place of the parting, negative on the picture's left.
        wave: how wavy the hair is, in [0, 1].
        length: of long hair, in half head heights.
        beard: in [0, 1]: 0.2 is stubble, 1 a full beard.
        moustache: in [0, 1].
        cloth: colour of scarf, cap and glasses.
    """

    style: HairStyle
    colour: Rgb
    volume: float
    line: float
    parting: float
    wave: float
    length: float
    beard: float
    moustache: float
    cloth: Rgb


@dataclass(frozen=True)
class Person:
    """All that stays the same from one photo of a person to the next.

    Attributes:
        skin: colour of the skin, RGB in [0, 1].
        head: shape of the head.
        eyes: both eyes, brows and glasses.
        nose: the nose.
        mouth: the mouth.
        hair: hair, beard and head-dress.
    """

    skin: Rgb
    head: Head
    eyes: Eyes
    nose: Nose
    mouth: Mouth
    hair: Hair
