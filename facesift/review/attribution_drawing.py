"""Draws an attribution map as a transparent picture to lay over the photo, and describes it in one sentence."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

LONGEST = 480  # pixels of the drawing's longer side
FOR, AGAINST = (
    (213, 94, 0),
    (0, 114, 178),
)  # Okabe and Ito's vermilion and blue: safe for the colour-blind
OPAQUE = 190  # alpha of 255 at the largest change
STRIPES = 6  # width in pixels; evidence against is striped, so that colour is not the only sign
FLAT = 0.01  # log-odds; smaller changes count as none
ROWS, COLUMNS = ("top", "", "bottom"), ("left", "", "right")


@dataclass(frozen=True)
class AttributionMap:
    """A drawn attribution map.

    Attributes:
        png: PNG with a transparent background and the proportions of the photo.
        description: What the map shows, in one sentence.
    """

    png: bytes
    description: str


def draw_map(
    changes: NDArray[np.float64], size: tuple[int, int], seen: tuple[int, int, int, int], description: str
) -> AttributionMap:
    """Draw an attribution map.

    Args:
        changes: What speaks for the positive class, place by place, (rows, columns); negative values speak against it.
        size: Width and height of the photo in pixels.
        seen: Left, top, right, bottom of the part of the photo that the member sees, in pixels of the photo.
        description: What the map shows, in one sentence.
    """
    width, height = _scaled(size)
    background = Image.new("RGBA", (width, height))
    left, top, right, bottom = (
        round(at * length / of) for at, length, of in zip(seen, (width, height) * 2, size * 2, strict=True)
    )
    box, corner = (max(1, right - left), max(1, bottom - top)), (left, top)
    background.paste(_colour_layer(changes, box), corner)
    if np.abs(changes).max() >= FLAT:
        _draw_ring(background, changes, box, corner)
    png = io.BytesIO()
    background.save(png, "PNG")
    return AttributionMap(png.getvalue(), description)


def _scaled(size: tuple[int, int]) -> tuple[int, int]:
    scale = LONGEST / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _colour_layer(changes: NDArray[np.float64], box: tuple[int, int]) -> Image.Image:
    largest = max(float(np.abs(changes).max()), FLAT)
    smooth = Image.fromarray((changes / largest).astype(np.float32)).resize(box, Image.Resampling.BICUBIC)
    strength = np.clip(np.asarray(smooth), -1, 1)
    down, across = np.indices(strength.shape)
    striped = (down + across) // STRIPES % 2 == 0
    pixels = np.zeros((*strength.shape, 4), np.uint8)
    pixels[..., :3] = np.where((strength > 0)[..., None], FOR, AGAINST)
    pixels[..., 3] = np.abs(strength) * OPAQUE * np.where((strength < 0) & ~striped, 0.35, 1.0)
    return Image.fromarray(pixels)


def _strongest(changes: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the largest change and its position (down, across) in [0, 1]."""
    down, across = np.unravel_index(np.abs(changes).argmax(), changes.shape)
    return float(changes[down, across]), (down + 0.5) / len(changes), (across + 0.5) / len(changes)


def _draw_ring(
    background: Image.Image, changes: NDArray[np.float64], box: tuple[int, int], corner: tuple[int, int]
) -> None:
    _, down, across = _strongest(changes)
    x, y, radius = corner[0] + across * box[0], corner[1] + down * box[1], LONGEST / 12
    canvas = ImageDraw.Draw(background)
    for colour, line_width in (("black", 5), ("white", 2)):
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=line_width)


def describe_change(changes: NDArray[np.float64], positive: str) -> str:
    """Say where blurring changes the log-odds of the positive class most, and by how much."""
    strongest, down, across = _strongest(changes)
    if abs(strongest) < FLAT:
        return f"No part of the image matters to this member (log-odds change by less than {FLAT})."
    place = _place(down, across)
    verb = "lowers" if strongest > 0 else "raises"
    return f"Strongest at the {place} (ring): blurring it {verb} the log-odds of {positive} by {abs(strongest):.2f}."


def describe_place(values: NDArray[np.float64], positive: str) -> str:
    """Say which place matters most; without the name of the positive class, not whether it speaks for or against it."""
    strongest, down, across = _strongest(values)
    if abs(strongest) < FLAT:
        return "No part of the image stands out."
    said = f": it speaks {'for' if strongest > 0 else 'against'} {positive}" if positive else ""
    return f"Strongest at the {_place(down, across)} (ring){said}."


def _place(down: float, across: float) -> str:
    return f"{ROWS[int(down * 3)]} {COLUMNS[int(across * 3)]}".strip() or "centre"
