"""Draws one portrait from a seed: background, person, light, photo, JPEG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.portraits.camera import encode_jpeg, expose
from facesift.portraits.canvas import Canvas, blank_canvas, clouds, enlarge, smooth
from facesift.portraits.features import paint_eye, paint_glasses, paint_mouth, paint_nose
from facesift.portraits.hair import paint_back_hair, paint_beard, paint_front_hair
from facesift.portraits.head import paint_body, paint_ears, paint_skin
from facesift.portraits.person import draw_colour, draw_person
from facesift.portraits.relief import light_face
from facesift.portraits.scene import Light, draw_camera, draw_light, draw_pose
from facesift.portraits.traits import Person

SUPERSAMPLING = 2
PARTS = ("left_eye", "right_eye", "nose", "mouth")  # in the order of the four digits in a file name
_GRID = 24  # shapes are set on a coarse grid and enlarged, which blurs them


@dataclass(frozen=True)
class Portrait:
    """A photo and where its parts are. Left and right are the picture's.

    Attributes:
        pixels: (size, size, 3) uint8.
        places: (column, row) in pixels of the centre of each part.
        scale: half the head's height in pixels.
        roll: the head's tilt in radians.
    """

    pixels: NDArray[np.uint8]
    places: Mapping[str, tuple[float, float]]
    scale: float
    roll: float


def take_photo(seed: np.random.SeedSequence, size: int) -> Portrait:
    """Draw the portrait of a seed and compress it once as JPEG, as a camera does; both classes start like this."""
    drawing, storing = seed.spawn(2)
    portrait = draw_portrait(drawing, size)
    stored = encode_jpeg(portrait.pixels, np.random.default_rng(storing))
    with Image.open(BytesIO(stored)) as image:
        return replace(portrait, pixels=np.asarray(image))


def draw_portrait(seed: np.random.SeedSequence, size: int) -> Portrait:
    """Draw the portrait of a seed, `size` pixels wide and high; another seed is another person in another photo."""
    rng = np.random.default_rng(seed)
    person, pose, light, camera = draw_person(rng), draw_pose(rng), draw_light(rng), draw_camera(rng)
    canvas = blank_canvas(size * SUPERSAMPLING, pose, person.head.half_width)
    _paint(canvas, person, light, rng)
    pixels = expose(canvas, light, camera, rng)
    return Portrait(pixels, _places(canvas, person, size), pose.scale * size, pose.roll)


def _paint(canvas: Canvas, person: Person, light: Light, rng: np.random.Generator) -> None:
    paint_background(canvas, rng)
    paint_back_hair(canvas, person, rng)
    paint_body(canvas, person, rng)
    paint_ears(canvas, person)
    mask = paint_skin(canvas, person, rng)
    paint_nose(canvas, person)
    paint_mouth(canvas, person, rng)
    paint_eye(canvas, person, -1, rng)
    paint_eye(canvas, person, 1, rng)
    paint_beard(canvas, person, rng)
    light_face(canvas, person, light, mask)
    paint_front_hair(canvas, person, light, rng)
    if person.eyes.glasses:
        paint_glasses(canvas, person)


def paint_background(canvas: Canvas, rng: np.random.Generator) -> None:
    """Fill the canvas with a gradient between two colours and up to eight out-of-focus shapes."""
    rows, columns = np.mgrid[0:_GRID, 0:_GRID].astype(np.float32) / _GRID
    angle = rng.uniform(0, 2 * np.pi)
    along = smooth((columns - 0.5) * np.cos(angle) + (rows - 0.5) * np.sin(angle), 0.7)
    first, second = draw_colour(rng), draw_colour(rng)
    coarse = first[:, None, None] + along * (second - first)[:, None, None]
    for _ in range(rng.integers(0, 9)):
        middle, radii = rng.uniform(0, 1, 2), rng.uniform(0.04, 0.3, 2)
        across, down = np.abs(columns - middle[0]) / radii[0], np.abs(rows - middle[1]) / radii[1]
        distance = np.maximum(across, down) if rng.uniform() < 0.5 else np.hypot(across, down)
        coarse += rng.uniform(0.3, 0.9) * smooth(1 - distance, 0.25) * (draw_colour(rng)[:, None, None] - coarse)
    for channel in range(3):
        canvas.pixels[channel] = enlarge(coarse[channel], (canvas.side, canvas.side))
    canvas.pixels[:] += clouds(rng, (canvas.side, canvas.side), 32) * rng.uniform(0, 0.012)
    np.clip(canvas.pixels, 0.01, 0.99, out=canvas.pixels)


def _places(canvas: Canvas, person: Person, size: int) -> dict[str, tuple[float, float]]:
    eyes, nose, mouth = person.eyes, person.nose, person.mouth
    lean = np.sin(canvas.pose.yaw) * 0.08
    face = {
        "left_eye": (-eyes.apart, eyes.height - 0.06),
        "right_eye": (eyes.apart, eyes.height - 0.06),
        "nose": (lean, nose.base - 0.1),
        "mouth": (0.0, mouth.height + 0.01),
    }
    fractions = {part: canvas.place(u, v) for part, (u, v) in face.items()}
    return {part: (column * size, row * size) for part, (column, row) in fractions.items()}
