"""Pose, light and camera of a portrait, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pose:
    """Where the head is in the picture, and how it is turned.

    Attributes:
        column: of the head's centre, as a share of the picture.
        row: of the head's centre, as a share of the picture.
        scale: half the head's height, as a share of the picture.
        roll: tilt in radians.
        yaw: turn to the side in radians.
        pitch: turn up or down in radians.
    """

    column: float
    row: float
    scale: float
    roll: float
    yaw: float
    pitch: float

    def turn(self, u: float, v: float, half_width: float) -> tuple[float, float]:
        """Return (x, y) in the picture plane of a point (u, v) of the face, when the head is turned."""
        inside = float(np.clip(u, -half_width, half_width))
        x = u * np.cos(self.yaw) + np.sqrt(half_width**2 - inside**2) * np.sin(self.yaw)
        depth = np.sqrt(max(0.0, 1 - (x / half_width) ** 2))
        return float(x), float(v + self.pitch * depth)

    def project(self, x: float, y: float) -> tuple[float, float]:
        """Return (column, row) in [0, 1] of a point (x, y) of the picture plane."""
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        return (
            float(self.column + self.scale * (cosine * x - sine * y)),
            float(self.row + self.scale * (sine * x + cosine * y)),
        )


@dataclass(frozen=True)
class Light:
    """The light.

    Attributes:
        direction: unit vector towards the light; z points to the viewer.
        colour: factor of each channel, shape (3,).
        ambient: share of light without direction: the higher, the softer.
        gloss: strength of highlights on the skin.
        falloff: change of brightness from one side of the picture to the other.
    """

    direction: tuple[float, float, float]
    colour: NDArray[np.float32]
    ambient: float
    gloss: float
    falloff: float


@dataclass(frozen=True)
class Camera:
    """The camera.

    Attributes:
        blur: deviation of the lens blur, in thousandths of the picture.
        noise: standard deviation of the sensor noise.
        chroma: strength of colour noise relative to grey noise.
        gains: white balance: factor of each channel, shape (3,).
        gamma: exponent of the tone curve.
        contrast: factor of the contrast.
        vignette: how dark the corners are.
    """

    blur: float
    noise: float
    chroma: float
    gains: NDArray[np.float32]
    gamma: float
    contrast: float
    vignette: float


def draw_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose: the head near the middle of the picture, little turned."""
    return Pose(
        column=float(rng.normal(0.5, 0.01)),
        row=float(rng.normal(0.5, 0.01)),
        scale=float(rng.uniform(0.42, 0.46)),
        roll=float(np.clip(rng.normal(0, 0.04), -0.12, 0.12)),
        yaw=float(np.clip(rng.normal(0, 0.11), -0.3, 0.3)),
        pitch=float(np.clip(rng.normal(0, 0.035), -0.1, 0.1)),
    )


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a light from above, left or right."""
    side, height = rng.normal(0, 0.4), rng.uniform(-0.75, -0.1)
    direction = np.array([side, height, 1.0])
    direction /= np.linalg.norm(direction)
    warmth = rng.normal(0, 0.05)
    return Light(
        direction=(float(direction[0]), float(direction[1]), float(direction[2])),
        colour=np.array([1 + warmth, 1.0, 1 - warmth], np.float32),
        ambient=float(rng.uniform(0.3, 0.62)),
        gloss=float(rng.uniform(0.01, 0.12)),
        falloff=float(rng.normal(0, 0.12)),
    )


def draw_camera(rng: np.random.Generator) -> Camera:
    """Draw a camera, from a good one to an old phone."""
    warmth, green = rng.normal(0, 0.05), rng.normal(0, 0.015)
    return Camera(
        blur=float(rng.uniform(0.2, 6.0)),
        noise=float(0.003 + 0.03 * rng.beta(1, 3)),
        chroma=float(rng.uniform(0.1, 0.9)),
        gains=np.array([1 + warmth, 1 + green, 1 - warmth], np.float32),
        gamma=float(rng.uniform(0.82, 1.2)),
        contrast=float(rng.uniform(0.9, 1.15)),
        vignette=float(rng.uniform(0, 0.35)),
    )
