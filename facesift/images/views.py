"""The views of an image that a frozen backbone sees: squares cut out of the whole image at its own resolution.

Forgeries of a face are a few pixels wide, and shrinking a photo to a network's 224 pixels blurs them. So some views are
cut without shrinking: the tiles, and the squares around eyes, nose and mouth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.images.faces import Face

TILES = 4
FACE_SIDE = 1.2  # side of the view `face`, in longer sides of the face's box
# Where eyes, nose and mouth are in an upright portrait, as shares of its sides: for images in which no face was found.
TEMPLATE = {"face": (0.5, 0.5), "eyes": (0.5, 0.44), "nose": (0.5, 0.55), "mouth": (0.5, 0.66)}
TEMPLATE_FACE = 0.6  # side of the view `face` without a face, as a share of the shorter side

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


def squares_of(views: Sequence[str]) -> list[str]:
    """Name the squares that the views are made of, in their order; `tiles` are four.

    >>> squares_of(["whole", "tiles"])
    ['whole', 'tile0', 'tile1', 'tile2', 'tile3']
    """
    return [name for view in views for name in ([f"tile{i}" for i in range(TILES)] if view == "tiles" else [view])]


def view_boxes(size: tuple[int, int], views: Sequence[str], centre: float, side: int, face: Face | None) -> list[Box]:
    """Compute where each square of `squares_of(views)` is in an image.

    Args:
        size: width and height of the image in pixels.
        views: names as in `config.backbones.View`.
        centre: side of the view `centre`, as a share of the image's shorter side.
        side: side of the network's input in pixels: that of squares at native resolution.
        face: the largest face in the image; None without one: a template's places are taken.

    Returns:
        Boxes within the image. A square longer than the image's shorter side is made as long as that.
    """
    width, height = size
    middle, short = (width / 2, height / 2), min(size)
    boxes = []
    for name in squares_of(views):
        if name == "whole":
            boxes.append(_box(size, middle, short))
        elif name == "centre":
            boxes.append(_box(size, middle, centre * short))
        elif name.startswith("tile"):
            right, down = divmod(int(name.removeprefix("tile")), 2)
            boxes.append(_box(size, (middle[0] + (right - 0.5) * side, middle[1] + (down - 0.5) * side), side))
        else:
            at, length = _of_face(name, face, size)
            boxes.append(_box(size, at, length or side))
    return boxes


def cut_views(
    image: Image.Image, views: Sequence[str], centre: float, side: int, face: Face | None
) -> NDArray[np.uint8]:
    """Cut the views out of an upright RGB image, and resize each to the network's input where its size differs.

    Args:
        image: of any size.
        views: names as in `config.backbones.View`.
        centre: side of the view `centre`, as a share of the shorter side.
        side: side of the network's input in pixels.
        face: the largest face in the image; None without one.

    Returns:
        Pixels (squares, side, side, 3), in the order of `squares_of(views)`.
    """
    cut = []
    for box in view_boxes(image.size, views, centre, side, face):
        square = image.crop(box)
        cut.append(np.asarray(square.resize((side, side), Image.Resampling.BICUBIC)))
    return np.stack(cut)


def _of_face(name: str, face: Face | None, size: tuple[int, int]) -> tuple[tuple[float, float], float | None]:
    """Return the middle of a view of the face, and its side; None: native resolution."""
    if face is None:
        across, down = TEMPLATE[name]
        return (across * size[0], down * size[1]), TEMPLATE_FACE * min(size) if name == "face" else None
    left, top, right, bottom = face.box
    if name == "face":
        return ((left + right) / 2, (top + bottom) / 2), FACE_SIDE * max(right - left, bottom - top)
    points = np.array(face.landmarks)
    at = {"eyes": points[:2].mean(axis=0), "nose": points[2], "mouth": points[3:].mean(axis=0)}[name]
    return (float(at[0]), float(at[1])), None


def _box(size: tuple[int, int], middle: tuple[float, float], length: float) -> Box:
    """Return a square around `middle`, moved inside of the image."""
    side = max(1, min(round(length), *size))
    left, top = (min(max(round(at - side / 2), 0), whole - side) for at, whole in zip(middle, size, strict=True))
    return left, top, left + side, top + side
