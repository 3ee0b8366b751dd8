"""One portrait from one seed: who, where, painted in order from the background to the glasses, then photographed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.portraits.background import paint_background
from facesift.portraits.camera import expose
from facesift.portraits.canvas import Canvas, blank_canvas
from facesift.portraits.features import paint_eye, paint_glasses, paint_mouth, paint_nose
from facesift.portraits.hair import paint_back_hair, paint_beard, paint_front_hair
from facesift.portraits.head import paint_body, paint_ears, paint_skin
from facesift.portraits.person import Person, draw_person
from facesift.portraits.relief import light_face
from facesift.portraits.scene import Light, draw_camera, draw_light, draw_pose

SUPERSAMPLING = 2
PARTS = ("left_eye", "right_eye", "nose", "mouth")  # in the order of the four digits in a file name


@dataclass(frozen=True)
class Portrait:
    """A photo (size, size, 3) uint8 and where its parts are.

    `places` holds (column, row) in pixels of each part's middle, `scale` half the head's height in pixels, `roll` the
    head's tilt in radians. Left and right are the picture's.
    """

    pixels: NDArray[np.uint8]
    places: Mapping[str, tuple[float, float]]
    scale: float
    roll: float


def draw_portrait(seed: np.random.SeedSequence, size: int) -> Portrait:
    """Draw the portrait of `seed`, `size` pixels wide and high; another seed is another person in another photo."""
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
