"""Measures of a face photo: how many faces, how large, how turned, how covered, how exposed, how sharp, and its bars.

Exposure is measured as in ISO/IEC 29794-5: the shares of black and of white pixels of the face. Where no face is known,
the middle of the image, a third of each side, is measured in its place, since backgrounds are often white.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.images.faces import Face
from facesift.images.quality import LUMA

BLACK, WHITE = 25, 247  # grey levels at most, and at least (ISO/IEC 29794-5)
SIDE = 128  # pixels of the longer side of a face for exposure and blur; a smaller one is not enlarged
SHARPEST = 32  # pixels of the longer side below which blur is not measured
WINDOW = 9  # pixels of the averaging of Crete et al.
SMALLEST = 48  # pixels of the shorter side below which no bars are looked for
BARS_SIDE = 256  # pixels, at least, of the longer side in which bars are looked for; a smaller image is not enlarged
ALIKE, MOSTLY, HALF = 12, 0.9, 0.5  # grey levels; shares of a row
DARK_EYE = 5.0  # grey levels added to both sides of a ratio, so that black divided by black is none
DIGITS = 4

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class PhotoFigures:
    """What is measured of a photo; None where it cannot be.

    Attributes:
        faces: how many are found; None where none are looked for, as for the next five.
        second_face: area of the second largest in areas of the largest.
        face_side: shorter side of the largest face's box in pixels.
        turn: distance of the nose's tip from the middle between the eyes along their line, in distances of the eyes:
            0 from the front; with a nose of 0.4 distances, 0.4 times the tangent of the angle.
        eyes: brightness of the brighter eye in brightnesses of the cheeks; low behind sunglasses.
        mouth: standard deviation of the mouth's brightness over its mean; low behind a mask or a hand.
        dark: share of the face's pixels that are black.
        bright: share that are white.
        blur: 0 sharp to 1 without edges: how little a second blur changes (Crete et al. 2007); None of a tiny face.
        bars: share of the image's height or width, whichever is more, that bars of one colour take.
    """

    faces: int | None
    second_face: float | None
    face_side: float | None
    turn: float | None
    eyes: float | None
    mouth: float | None
    dark: float
    bright: float
    blur: float | None
    bars: float


def measure_photo(image: Image.Image, faces: Sequence[Face] | None) -> PhotoFigures:
    """Measure a photo.

    Args:
        image: upright, RGB.
        faces: all faces in it, the largest first; None where none were looked for.

    Returns:
        The figures, rounded to `DIGITS` digits after the point.
    """
    face = faces[0] if faces else None
    grey = _grey(image.crop(_region(image, face)), SIDE)
    figures = {
        "second_face": None if face is None or faces is None else _second(faces),
        "face_side": None if face is None else min(face.box[2] - face.box[0], face.box[3] - face.box[1]),
        "turn": None if face is None else turn_of(face),
        "eyes": None if face is None else _eyes(image, face),
        "mouth": None if face is None else _mouth(image, face),
        "dark": np.count_nonzero(grey <= BLACK) / grey.size,
        "bright": np.count_nonzero(grey >= WHITE) / grey.size,
        "blur": blur_of(grey) if max(grey.shape) >= SHARPEST else None,
        "bars": bars_of(image),
    }
    rounded = {name: None if value is None else round(float(value), DIGITS) for name, value in figures.items()}
    return PhotoFigures(faces=None if faces is None else len(faces), **rounded)  # type: ignore[arg-type]


def _region(image: Image.Image, face: Face | None) -> tuple[int, int, int, int]:
    """Return the face's box within the image, or the middle of the image: a third of each side."""
    width, height = image.size
    left, top, right, bottom = (width / 3, height / 3, width * 2 / 3, height * 2 / 3) if face is None else face.box
    x, y = min(max(int(left), 0), width - 1), min(max(int(top), 0), height - 1)
    return x, y, min(max(int(right), x + 1), width), min(max(int(bottom), y + 1), height)


def _grey(image: Image.Image, longest: int) -> Pixels:
    """Return the brightness of an image (h, w), made smaller where its longer side is more than `longest`."""
    scale = longest / max(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(image, np.float32) @ LUMA


def _second(faces: Sequence[Face]) -> float:
    areas = [(face.box[2] - face.box[0]) * (face.box[3] - face.box[1]) for face in faces]
    return areas[1] / areas[0] if len(areas) > 1 and areas[0] else 0.0


def turn_of(face: Face) -> float:
    """Return how far a face is turned to a side, see `PhotoFigures.turn`.

    >>> turn_of(Face((0, 0, 9, 9), ((2, 3), (6, 3), (4, 5), (2, 7), (6, 7)), 1.0))
    0.0
    """
    left, right, nose = (np.array(point, float) for point in face.landmarks[:3])
    line = right - left
    length = float(line @ line)
    return abs(float((nose - left) @ line) / length - 0.5) if length else 0.0


def _patch(image: Image.Image, middle: NDArray[np.float64], half: tuple[float, float]) -> Pixels:
    """Return the brightness of a part of an image around a point; of the nearest pixel where it lies outside."""
    left, top = (int(at - reach) for at, reach in zip(middle, half, strict=True))
    right, bottom = (int(at + reach) + 1 for at, reach in zip(middle, half, strict=True))
    x, y = min(max(left, 0), image.width - 1), min(max(top, 0), image.height - 1)
    box = (x, y, min(max(right, x + 1), image.width), min(max(bottom, y + 1), image.height))
    return _grey(image.crop(box), SIDE)


def _eyes(image: Image.Image, face: Face) -> float:
    """Return the brightness of the brighter eye in brightnesses of the cheeks, which are beside the nose."""
    points = [np.array(point, float) for point in face.landmarks]
    apart = float(np.hypot(*(points[1] - points[0])))
    eyes = [_patch(image, point, (0.3 * apart, 0.2 * apart)).mean() for point in points[:2]]
    sides = [points[2] + np.array([side * 0.55 * apart, -0.05 * apart]) for side in (-1, 1)]
    cheeks = np.mean([_patch(image, point, (0.12 * apart, 0.12 * apart)).mean() for point in sides])
    return float(max(eyes) / (cheeks + DARK_EYE))


def _mouth(image: Image.Image, face: Face) -> float:
    """Return the contrast of the mouth: standard deviation over mean of the brightness around its middle."""
    points = [np.array(point, float) for point in face.landmarks]
    apart = float(np.hypot(*(points[1] - points[0])))
    grey = _patch(image, (points[3] + points[4]) / 2, (0.45 * apart, 0.25 * apart))
    return float(grey.std() / (grey.mean() + DARK_EYE))


def blur_of(grey: Pixels) -> float:
    """Measure blur: the share of the differences between neighbours that a moving average leaves (Crete et al. 2007).

    Args:
        grey: brightness (h, w).

    Returns:
        The larger one of both directions, in [0, 1].

    >>> sharp = np.zeros((32, 32), np.float32); sharp[:, ::8] = 200; sharp[::8] = 200
    >>> ramp = np.add.outer(np.arange(32, dtype=np.float32), np.arange(32, dtype=np.float32))
    >>> blur_of(sharp) < 0.2 < 0.8 < blur_of(ramp)
    True
    """
    return max(_blur_across(grey), _blur_across(grey.T))


def _blur_across(grey: Pixels) -> float:
    reach = WINDOW // 2
    wide = np.empty_like(grey, np.float64, shape=(len(grey), grey.shape[1] + 2 * reach))  # in the order of `grey`
    wide[:, :reach], wide[:, reach:-reach], wide[:, -reach:] = grey[:, :1], grey, grey[:, -1:]
    sharp = np.abs(grey[:, 1:] - grey[:, :-1])
    left = np.abs(wide[:, WINDOW:] - wide[:, :-WINDOW]) / WINDOW  # neighbouring averages differ in their outer pixels
    total = float(sharp.sum())
    return (total - float(np.maximum(0, sharp - left).sum())) / total if total else 1.0


def bars_of(image: Image.Image) -> float:
    """Measure bars of one colour at the edges of an image: above and below, or left and right of the photo.

    A bar ends in a straight edge: most of the row behind it has other colours. So a plain background is none.

    Args:
        image: RGB.

    Returns:
        The share of the height or of the width, whichever is more, in [0, 1).

    >>> photo = np.random.default_rng(0).integers(0, 256, (60, 100, 3), dtype=np.uint8)
    >>> bars_of(Image.fromarray(np.pad(photo, ((20, 20), (0, 0), (0, 0)))))
    0.4
    """
    if min(image.size) < SMALLEST:
        return 0.0
    factor = max(image.size) // BARS_SIDE
    pixels = np.asarray(image.reduce(factor) if factor > 1 else image)
    sides = (pixels, pixels.transpose(1, 0, 2))
    return max(sum(_bar(each) for each in (side, side[::-1])) / len(side) for side in sides)


def _bar(pixels: NDArray[np.uint8]) -> int:
    """Count the first rows that are of one colour, if a straight edge follows."""
    colour = _colour(pixels[0])
    shares = iter(()) if colour is None else _shares(pixels, colour)
    count = sum(1 for _ in takewhile(lambda share: share >= MOSTLY, shares))
    behind = next(shares, 1.0)  # the row between, which was taken, may be a mixture of both sides
    return count if behind <= HALF else 0


def _colour(row: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the median colour of a row (w, 3); None where less than `MOSTLY` of it can be like one colour.

    What is like a colour lies within twice `ALIKE`. So does all but the darkest and the brightest tenth, then.
    """
    ordered, width = np.sort(row, axis=0, kind="stable"), len(row)  # by counting: five times as fast for bytes
    few = width - int(MOSTLY * width)
    if (ordered[-1 - few] - ordered[few]).max() > 2 * ALIKE:
        return None
    return (ordered[(width - 1) // 2].astype(np.float32) + ordered[width // 2]) / np.float32(2)


def _shares(pixels: NDArray[np.uint8], colour: NDArray[np.float32]) -> Iterator[float]:
    """Yield for each row which share of it is like a colour."""
    for row in pixels:
        alike = np.abs(row - colour) <= ALIKE
        yield np.count_nonzero(alike[:, 0] & alike[:, 1] & alike[:, 2]) / len(row)
