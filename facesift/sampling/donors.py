"""Donors for forging: for each face, the random other face with the closest pose and skin tone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.sampling.regions import face_landmarks
from facesift.shards.reading import ShardFolder

CHUNK = 4096  # targets computed together: bounds the memory
TWIN = 0.02  # images closer than this in pose and tone may be the same photo
TONE_WEIGHT = 1.0  # at 1, a tone 10 % off counts as much as landmarks off by 10 % of the face's size


@dataclass(frozen=True)
class FaceFeatures:
    """The features of n images by which donors are chosen.

    Attributes:
        landmarks: (x, y) in pixels, shape (n, 5, 2).
        tone: mean colour of the middle of the face, 0 to 255, shape (n, 3).
        source: number of the source, shape (n,).
    """

    landmarks: NDArray[np.float32]
    tone: NDArray[np.float32]
    source: NDArray[np.int64]


def read_face_features(shards: ShardFolder, numbers: list[int], label: int) -> FaceFeatures:
    """Read the features of all images of a class in some shards.

    Args:
        shards: the training split.
        numbers: numbers of the shards.
        label: number of the class.

    Returns:
        The features, in the order of the shards and their rows.
    """
    points, colours, sources = [], [], []
    for shard in numbers:
        rows = np.flatnonzero(shards.labels(shard) == label)
        points.append(face_landmarks(shards, shard)[rows])
        colours.append(_tones_of(shards, shard, rows, points[-1]))
        sources.append(np.asarray(shards.sources(shard))[rows])
    _, source = np.unique(np.concatenate(sources), return_inverse=True)
    return FaceFeatures(np.concatenate(points), np.concatenate(colours), source.astype(np.int64))


def _tones_of(
    shards: ShardFolder, shard: int, rows: NDArray[np.int64], points: NDArray[np.float32]
) -> NDArray[np.float32]:
    pixels = shards.pixels(shard)
    return np.array([mean_tone(pixels[row], at) for row, at in zip(rows, points, strict=True)], np.float32).reshape(
        -1, 3
    )


def mean_tone(image: NDArray[np.uint8], points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Compute the mean colour of nose and cheeks, where there is hardly any hair.

    Args:
        image: pixels (S, S, 3).
        points: landmarks (5, 2) in pixels.

    Returns:
        Red, green and blue, 0 to 255.
    """
    middle = points.mean(axis=0)
    reach = max(1.0, float(np.ptp(points[:, 1])) * 0.35)
    (left, top), (right, bottom) = (np.clip(middle + sign * reach, 0, len(image) - 1).astype(int) for sign in (-1, 1))
    return image[top : bottom + 1, left : right + 1].mean(axis=(0, 1)).astype(np.float32)


def choose_donors(
    faces: FaceFeatures, targets: NDArray[np.int64], candidates: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose for each target the closest of some random other faces of its source.

    The distance is that of the landmarks after the best similarity transform, in sizes of the face, plus that of the
    tones. Faces so close that they may be the same photo are avoided while there are others. A face that is alone in
    its source gets any other face.

    Args:
        faces: features of n >= 2 faces.
        targets: rows of the m faces that need a donor.
        candidates: random faces to choose among.
        rng: source of random numbers.

    Returns:
        Rows of the donors, shape (m,); none is its own target.
    """
    donors = np.empty(len(targets), np.int64)
    everyone = np.arange(len(faces.source))
    for source in np.unique(faces.source[targets]).tolist():
        people = np.flatnonzero(faces.source == source)
        pool = people if len(people) > 1 else everyone
        mine = np.flatnonzero(faces.source[targets] == source)
        for start in range(0, len(mine), CHUNK):
            some = mine[start : start + CHUNK]
            donors[some] = _closest(faces, targets[some], pool, candidates, rng)
    return donors


def _closest(
    faces: FaceFeatures, targets: NDArray[np.int64], pool: NDArray[np.int64], candidates: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    # Draw among the others: positions from the target's own on move up by one.
    own = np.searchsorted(pool, targets)
    drawn = rng.integers(len(pool) - 1, size=(len(targets), candidates))
    drawn = pool[drawn + (drawn >= own[:, None])]
    apart = _pose_distance(faces.landmarks[targets], faces.landmarks[drawn])
    apart += TONE_WEIGHT * np.linalg.norm(faces.tone[drawn] - faces.tone[targets][:, None], axis=2) / (255 * np.sqrt(3))
    nearest = np.where(apart < TWIN, apart + apart.max() + 1, apart).argmin(axis=1)
    return drawn[np.arange(len(targets)), nearest]


def _pose_distance(target: NDArray[np.float32], donors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the RMS distance of landmarks (m, 5, 2) and (m, k, 5, 2) after the best similarity transform: (m, k)."""
    goal, shapes = (points[..., 0].astype(np.float64) + 1j * points[..., 1] for points in (target[:, None], donors))
    goal, shapes = (points - points.mean(axis=-1, keepdims=True) for points in (goal, shapes))
    size, spread = ((np.abs(points) ** 2).sum(axis=-1) for points in (goal, shapes))
    shared = np.abs((shapes.conj() * goal).sum(axis=-1)) ** 2 / np.maximum(spread, 1e-9)
    left: NDArray[np.float64] = np.sqrt(np.maximum(size - shared, 0) / np.maximum(size, 1e-9))
    return left
