"""Where and how a portrait is taken: pose, light and camera, drawn from a seeded generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pose:
    """Centre of the head (fractions of the picture), half head height, and turns in radians."""

    column: float
    row: float
    scale: float
    roll: float
    yaw: float
    pitch: float

    def turn(self, u: float, v: float, half_width: float) -> tuple[float, float]:
        """Return where in the picture plane a point of the face comes to lie when the head turns."""
        inside = float(np.clip(u, -half_width, half_width))
        x = u * np.cos(self.yaw) + np.sqrt(half_width**2 - inside**2) * np.sin(self.yaw)
        depth = np.sqrt(max(0.0, 1 - (x / half_width) ** 2))
        return float(x), float(v + self.pitch * depth)

    def project(self, x: float, y: float) -> tuple[float, float]:
        """Return the (column, row) in [0, 1] of a point of the picture plane."""
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        return (
            float(self.column + self.scale * (cosine * x - sine * y)),
            float(self.row + self.scale * (sine * x + cosine * y)),
        )


@dataclass(frozen=True)
class Light:
    """Direction the light comes from (unit vector; z towards the viewer), its colour, and how hard it is."""

    direction: tuple[float, float, float]
    colour: NDArray[np.float32]
    ambient: float
    gloss: float
    falloff: float


@dataclass(frozen=True)
class Camera:
    """Blur in thousandths of the picture, noise deviation, colour noise share, gains, contrast, vignette."""

    blur: float
    noise: float
    chroma: float
    gains: NDArray[np.float32]
    gamma: float
    contrast: float
    vignette: float


def draw_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose near the middle of the picture."""
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
    """Draw a camera from a good one to an old phone."""
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
