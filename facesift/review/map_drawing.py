"""A map of what speaks for and against the positive class, drawn to lie over the photo."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

LONGEST = 480  # pixels of the drawing's longer side
FOR, AGAINST = (213, 94, 0), (0, 114, 178)  # vermilion and blue of Okabe and Ito: apart for the colour-blind, too
OPAQUE = 190  # of 255, at the strongest place
STRIPES = 6  # pixels; what speaks against is striped, so that colour is not the only sign
FLAT = 0.01  # log-odds; below this nothing in the image matters to the member
ROWS, COLUMNS = ("top", "", "bottom"), ("left", "", "right")


@dataclass(frozen=True)
class Map:
    """A drawing with transparent ground as PNG, as high and wide as the photo in proportion; and what it says."""

    png: bytes
    says: str


def draw(changes: NDArray[np.float64], size: tuple[int, int], seen: tuple[int, int, int, int], positive: str) -> Map:
    """Draw changes of log-odds (S, S) for a photo of `size` (width, height).

    The committee saw the part `seen` (left, top, right, bottom) of it, in its pixels.
    """
    width, height = _scaled(size)
    ground = Image.new("RGBA", (width, height))
    left, top, right, bottom = (
        round(at * length / of) for at, length, of in zip(seen, (width, height) * 2, size * 2, strict=True)
    )
    box, corner = (max(1, right - left), max(1, bottom - top)), (left, top)
    ground.paste(_colours(changes, box), corner)
    if np.abs(changes).max() >= FLAT:
        _ring(ground, changes, box, corner)
    png = io.BytesIO()
    ground.save(png, "PNG")
    return Map(png.getvalue(), _words(changes, positive))


def _scaled(size: tuple[int, int]) -> tuple[int, int]:
    scale = LONGEST / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _colours(changes: NDArray[np.float64], box: tuple[int, int]) -> Image.Image:
    most = max(float(np.abs(changes).max()), FLAT)
    smooth = Image.fromarray((changes / most).astype(np.float32)).resize(box, Image.Resampling.BICUBIC)
    strength = np.clip(np.asarray(smooth), -1, 1)
    down, across = np.indices(strength.shape)
    striped = (down + across) // STRIPES % 2 == 0
    pixels = np.zeros((*strength.shape, 4), np.uint8)
    pixels[..., :3] = np.where((strength > 0)[..., None], FOR, AGAINST)
    pixels[..., 3] = np.abs(strength) * OPAQUE * np.where((strength < 0) & ~striped, 0.35, 1.0)
    return Image.fromarray(pixels)


def _strongest(changes: NDArray[np.float64]) -> tuple[float, float, float]:
    """The strongest change, and its place (down, across) in [0, 1]."""
    down, across = np.unravel_index(np.abs(changes).argmax(), changes.shape)
    return float(changes[down, across]), (down + 0.5) / len(changes), (across + 0.5) / len(changes)


def _ring(ground: Image.Image, changes: NDArray[np.float64], box: tuple[int, int], corner: tuple[int, int]) -> None:
    _, down, across = _strongest(changes)
    x, y, radius = corner[0] + across * box[0], corner[1] + down * box[1], LONGEST / 12
    pen = ImageDraw.Draw(ground)
    for colour, wide in (("black", 5), ("white", 2)):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=wide)


def _words(changes: NDArray[np.float64], positive: str) -> str:
    strongest, down, across = _strongest(changes)
    if abs(strongest) < FLAT:
        return f"No part of the image matters to its opinion (log-odds change by less than {FLAT})."
    place = f"{ROWS[int(down * 3)]} {COLUMNS[int(across * 3)]}".strip() or "centre"
    verb = "lowers" if strongest > 0 else "raises"
    return f"Strongest at the {place} (ring): blurring it {verb} the log-odds of {positive} by {abs(strongest):.2f}."
