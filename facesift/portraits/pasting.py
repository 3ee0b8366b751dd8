"""Makes fake portraits like photoshopped ones: parts of another portrait, pasted with soft edges and matched colours.

The level says how well it is done. Its names and the four parts are those of the public set "Real and Fake Face
Detection" (RFF): `easy` to spot, `mid`, `hard`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.portraits.drawing import PARTS, Portrait

Level: TypeAlias = Literal["easy", "mid", "hard"]
Span: TypeAlias = tuple[float, float]
_RADII: dict[str, tuple[float, float]] = {  # across and down, in half head heights
    "left_eye": (0.29, 0.25),
    "right_eye": (0.29, 0.25),
    "nose": (0.25, 0.31),
    "mouth": (0.37, 0.21),
}


@dataclass(frozen=True)
class PasteSettings:
    """How well a fake is made. Ranges are drawn from uniformly.

    Attributes:
        donors: number of photos from which the donor is chosen.
        alike: whether the donor is the photo most like the target in colour, or the one least like it.
        parts: how many parts are pasted, from and to.
        match: share of the colour difference that is removed.
        feather: width of the soft edge, as a share of the part.
        slip: misplacement, as a share of the part.
        turn: how far the part is turned, in radians.
        swell: how much larger or smaller it is made: logarithm of the factor.
        light: how much brighter or darker the donor's photo is: logarithm of the factor.
    """

    donors: int
    alike: bool
    parts: tuple[int, int]
    match: Span
    feather: Span
    slip: Span
    turn: Span
    swell: Span
    light: Span


PASTE_SETTINGS: dict[Level, PasteSettings] = {
    "easy": PasteSettings(
        donors=3, alike=False, parts=(4, 4), match=(0.0, 0.05), feather=(0.05, 0.12),
        slip=(0.12, 0.25), turn=(0.1, 0.3), swell=(0.1, 0.25), light=(0.2, 0.45),
    ),
    "mid": PasteSettings(
        donors=3, alike=False, parts=(3, 4), match=(0.0, 0.15), feather=(0.08, 0.2),
        slip=(0.08, 0.2), turn=(0.05, 0.25), swell=(0.05, 0.2), light=(0.15, 0.35),
    ),
    "hard": PasteSettings(
        donors=1, alike=True, parts=(2, 4), match=(0.0, 0.3), feather=(0.12, 0.3),
        slip=(0.08, 0.2), turn=(0.05, 0.25), swell=(0.05, 0.2), light=(0.15, 0.3),
    ),
}  # fmt: skip


def choose_parts(level: Level, rng: np.random.Generator) -> tuple[str, ...]:
    """Draw which parts a fake of a level replaces, in the order of `PARTS`."""
    low, high = PASTE_SETTINGS[level].parts
    chosen = rng.permutation(len(PARTS))[: rng.integers(low, high + 1)]
    return tuple(part for index, part in enumerate(PARTS) if index in chosen)


def face_colour(portrait: Portrait) -> NDArray[np.float64]:
    """Return the mean colour (3,), 0 to 255, of the nose, which hair and glasses leave free."""
    return portrait.pixels[part_distance(portrait, "nose") > 0].mean(axis=0)


def choose_donor(target: Portrait, donors: Iterable[Portrait], level: Level) -> Portrait:
    """Return the donor for a fake of a level: the one whose face colour is most or least like the target's."""
    wanted = face_colour(target)
    sign = 1 if PASTE_SETTINGS[level].alike else -1
    return min(donors, key=lambda donor: sign * float(np.linalg.norm(face_colour(donor) - wanted)))


def part_distance(portrait: Portrait, part: str) -> NDArray[np.float64]:
    """Return how far inside the pasted ellipse of a part each pixel is, (size, size): 1 in its centre, <= 0 outside."""
    column, row = portrait.places[part]
    across, down = _RADII[part]
    size = portrait.pixels.shape[0]
    dx = (np.arange(size) + 0.5 - column)[None, :] / portrait.scale
    dy = (np.arange(size) + 0.5 - row)[:, None] / portrait.scale
    cosine, sine = np.cos(portrait.roll), np.sin(portrait.roll)
    return 1 - np.hypot((cosine * dx + sine * dy) / across, (cosine * dy - sine * dx) / down)


def paste_parts(
    target: Portrait, donor: Portrait, parts: Sequence[str], level: Level, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Paste parts of one portrait into another of the same size.

    Colours are matched by shifting the mean of the pasted part.

    Args:
        target: the portrait that is changed.
        donor: the portrait that the parts come from.
        parts: some of `PARTS`.
        level: how well it is done.
        rng: source of random numbers.

    Returns:
        Pixels (size, size, 3); those outside the parts' ellipses are the target's.
    """
    skill = PASTE_SETTINGS[level]
    pixels = target.pixels.astype(np.float64)
    light = _light(target, donor, skill, rng)
    for part in parts:
        inside = part_distance(target, part)
        t = np.clip(inside / rng.uniform(*skill.feather), 0, 1)
        mask = (t * t * (3 - 2 * t))[..., None]
        patch = _aligned(donor, target, part, skill, rng) * light
        difference = ((pixels - patch) * mask).sum(axis=(0, 1)) / mask.sum()
        patch += rng.uniform(*skill.match) * difference
        pixels += mask * (np.clip(patch, 0, 255) - pixels)
    return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)


def _light(target: Portrait, donor: Portrait, skill: PasteSettings, rng: np.random.Generator) -> float:
    """Draw the factor on the donor's brightness. It takes the donor's skin farther away from the target's."""
    away = np.sign(face_colour(donor).mean() - face_colour(target).mean()) or 1.0
    return float(np.exp(away * rng.uniform(*skill.light)))


def _either_way(span: Span, rng: np.random.Generator) -> float:
    """Draw from a range, then the sign."""
    return float(rng.uniform(*span) * rng.choice((-1, 1)))


def _aligned(
    donor: Portrait, target: Portrait, part: str, skill: PasteSettings, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the donor's photo with the part where the target's is, turned as it is, and as large, but for `skill`."""
    slip = rng.uniform(*skill.slip) * max(_RADII[part])
    zoom = donor.scale / target.scale * np.exp(_either_way(skill.swell, rng))
    turn = donor.roll - target.roll + _either_way(skill.turn, rng)
    cosine, sine = zoom * np.cos(turn), zoom * np.sin(turn)
    away = rng.uniform(0, 2 * np.pi)
    column = target.places[part][0] + slip * target.scale * np.cos(away)
    row = target.places[part][1] + slip * target.scale * np.sin(away)
    from_column, from_row = donor.places[part]
    affine = (
        cosine, -sine, from_column - cosine * column + sine * row,
        sine, cosine, from_row - sine * column - cosine * row,
    )  # fmt: skip
    image = Image.fromarray(donor.pixels)
    moved = image.transform(image.size, Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)
    return np.asarray(moved, dtype=np.float64)
