"""Parts of a face: where they are by five landmarks, and soft masks that turn, shrink and move with the face.

Points of the plane are complex numbers x + iy here, so that a similarity transform is `a * z + b`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facesift.shards.reading import ShardFolder

# Weights of the five landmarks when a part is aligned with another face.
ANCHORS: Final = {
    "eyes": (1.0, 1.0, 0.3, 0.1, 0.1),
    "nose": (0.5, 0.5, 1.0, 0.3, 0.3),
    "mouth": (0.1, 0.1, 0.5, 1.0, 1.0),
    "face": (1.0, 1.0, 1.0, 1.0, 1.0),
}
# Horizontal and vertical radii of the mask, in sizes of the face (`FaceGeometry.size`).
RADII: Final = {"eyes": (0.40, 0.27), "nose": (0.31, 0.38), "mouth": (0.56, 0.32), "face": (0.86, 0.90)}
SPREAD = 0.15  # radii vary by this share
EYE_TO_MOUTH = 0.95  # distance seen from the front, in distances of the eyes
ONE_EYE = 0.4  # probability that a mask of the eyes covers only one of them
WAVES = 4  # number of waves in the outline
# Shares of the side: between the medians of two data sets of centred faces. RFF's eyes are at (0.36, 0.49) and its
# mouth at 0.77; those of aligned CelebA, squished to a square, at (0.40, 0.51) and 0.71.
LANDMARK_TEMPLATE: Final = ((0.38, 0.50), (0.62, 0.50), (0.50, 0.64), (0.40, 0.74), (0.60, 0.74))


def landmark_template(side: int) -> NDArray[np.float32]:
    """Return where the landmarks of a centred upright face are expected.

    Args:
        side: of the square image in pixels.

    Returns:
        (x, y) in pixels of left eye, right eye, nose tip, left and right corner of the mouth, shape (5, 2).
    """
    return np.asarray(LANDMARK_TEMPLATE, np.float32) * side


def face_landmarks(shards: ShardFolder, shard: int) -> NDArray[np.float32]:
    """Return the landmarks of each image of a shard, with substitutes where no face was found.

    The substitute is the median of the shard's other images, or `landmark_template` where the shard has no landmarks.

    Args:
        shards: a split.
        shard: number of the shard.

    Returns:
        (x, y) in pixels, shape (n, 5, 2).
    """
    found = shards.landmarks(shard)
    if found is None:
        return np.tile(landmark_template(shards.image_size), (shards.sizes[shard], 1, 1))
    known = np.isfinite(found).all(axis=(1, 2))
    if not known.all():
        found[~known] = np.median(found[known], axis=0) if known.any() else landmark_template(shards.image_size)
    return found


@dataclass(frozen=True)
class FaceGeometry:
    """Position, orientation and size of a face.

    Attributes:
        points: the five landmarks, shape (5,), in pixels.
        across: unit vector from the left to the right eye.
        size: distance of the eyes in pixels, as it would be seen from the front (derived from the distance to the mouth
            where the head is turned).
    """

    points: NDArray[np.complex128]
    across: complex
    size: float

    @classmethod
    def from_landmarks(cls, face_landmarks: NDArray[np.floating]) -> FaceGeometry:
        """Compute it from five landmarks (5, 2) in pixels."""
        points = face_landmarks[:, 0].astype(np.float64) + 1j * face_landmarks[:, 1]
        eyes = points[1] - points[0]
        length = abs(eyes)
        down = abs(points[3:].mean() - points[:2].mean())
        return cls(points, complex(eyes / length) if length else 1 + 0j, float(max(length, down / EYE_TO_MOUTH, 1.0)))

    def centre(self, region: str) -> list[complex]:
        """Return the centre of a region; two centres for the eyes."""
        left, right, nose, *mouth = self.points.tolist()
        eyes, lips = (left + right) / 2, sum(mouth) / 2
        return {
            "eyes": [left, right],
            "nose": [eyes + 0.65 * (nose - eyes)],
            "mouth": [lips],
            "face": [eyes + 0.5 * (lips - eyes)],
        }[region]

    def turned(self) -> float:
        """Return how much of the face's width is seen: 1 from the front, down to 0.6 from the side."""
        return float(np.clip(abs(self.points[1] - self.points[0]) / self.size, 0.6, 1.0))


def region_mask(
    geometry: FaceGeometry, region: str, side: int, rng: np.random.Generator, wave: float = 0.05
) -> NDArray[np.float32]:
    """Draw a soft mask of a region with a random outline.

    The outline is an ellipse with waves; the softness of its edge is random. Of the eyes, one or both are covered.

    Args:
        geometry: where the face is.
        region: eyes, nose, mouth or face.
        side: of the square image in pixels.
        rng: source of random numbers.
        wave: height of the waves, as a share of the radius.

    Returns:
        The mask (side, side) in [0, 1]; exactly 0 away from the region.
    """
    centres = geometry.centre(region)
    if len(centres) > 1 and rng.random() < ONE_EYE:
        centres = [centres[int(rng.integers(len(centres)))]]
    radii = np.asarray(RADII[region]) * rng.uniform(1 - SPREAD, 1 + SPREAD, 2) * geometry.size
    radii = np.maximum(radii * (geometry.turned() if region == "face" else 1.0, 1.0), 1.5)
    soft = rng.uniform(0.25, 0.8)
    phases = rng.uniform(0, 2 * np.pi, WAVES)
    sizes = wave * rng.uniform(-1, 1, WAVES) / (1 + 0.5 * np.arange(WAVES))  # a dent, not a star
    mask = np.zeros((side, side), np.float32)
    for expected in centres:
        centre = expected + complex(*rng.normal(0, 0.03, 2)) * geometry.size * geometry.across
        box = _around(centre, float(radii.max()) * (1 + WAVES * wave), side)
        plane = np.arange(side)[box[1]] + 1j * np.arange(side)[box[0], None]
        place = (plane - centre) / geometry.across
        place = place.real / radii[0] + 1j * place.imag / radii[1]
        angle = np.angle(place)
        outline = 1 + sum(s * np.cos((k + 2) * angle + p) for k, (s, p) in enumerate(zip(sizes, phases, strict=True)))
        inside = np.clip((outline - np.abs(place)) / soft, 0, 1)
        mask[box] = np.maximum(mask[box], inside * inside * (3 - 2 * inside))
    return mask


def _around(centre: complex, reach: float, side: int) -> tuple[slice, slice]:
    """Return the rows and columns of a square image that lie within `reach` of `centre`."""
    rows, columns = (
        slice(*np.clip((np.floor(at - reach), np.ceil(at + reach) + 1), 0, side).astype(int).tolist())
        for at in (centre.imag, centre.real)
    )
    return rows, columns
