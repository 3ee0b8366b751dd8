"""Who lends a part of the face: among some random people, the one whose pose and skin are closest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.sampling.regions import face_landmarks
from facesift.shards.reading import ShardFolder

CHUNK = 4096  # targets reckoned together: bounds the memory
TWIN = 0.02  # closer than that in pose and tone, two images may be of one photo
TONE_WEIGHT = 1.0  # a tone that is 10 % off is as bad as points that are off by 10 % of the size of the face


@dataclass(frozen=True)
class FaceFeatures:
    """What is known of n images: `landmarks` (n, 5, 2), mean `tone` (n, 3) of the middle, and `source` (n,)."""

    landmarks: NDArray[np.float32]
    tone: NDArray[np.float32]
    source: NDArray[np.int64]


def read_face_features(shards: ShardFolder, numbers: list[int], label: int) -> FaceFeatures:
    """Read what donors are chosen by, of all images of a class in the shards `numbers`, in their order."""
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
    """Return the mean colour, 0 to 255, between eyes and mouth: nose and cheeks, hardly any hair."""
    middle = points.mean(axis=0)
    reach = max(1.0, float(np.ptp(points[:, 1])) * 0.35)
    (left, top), (right, bottom) = (np.clip(middle + sign * reach, 0, len(image) - 1).astype(int) for sign in (-1, 1))
    return image[top : bottom + 1, left : right + 1].mean(axis=(0, 1)).astype(np.float32)


def choose_donors(
    faces: FaceFeatures, targets: NDArray[np.int64], candidates: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose for each of the `targets` (m,) the closest of `candidates` random other faces of its source.

    Distance is that of the landmarks after the best similarity, in sizes of the face, and of the tones. What could be
    the target's own photo again is left out while there is another. A face alone in its source gets any other one.

    Returns:
        Rows of the donors (m,), none of them its own target. There are two faces at least.
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
    # One of the others: the places from the target's own on move up by one.
    own = np.searchsorted(pool, targets)
    drawn = rng.integers(len(pool) - 1, size=(len(targets), candidates))
    drawn = pool[drawn + (drawn >= own[:, None])]
    apart = _pose_distance(faces.landmarks[targets], faces.landmarks[drawn])
    apart += TONE_WEIGHT * np.linalg.norm(faces.tone[drawn] - faces.tone[targets][:, None], axis=2) / (255 * np.sqrt(3))
    nearest = np.where(apart < TWIN, apart + apart.max() + 1, apart).argmin(axis=1)
    return drawn[np.arange(len(targets)), nearest]


def _pose_distance(target: NDArray[np.float32], donors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Root mean square of what a similarity leaves of the landmarks (m, 5, 2) and (m, k, 5, 2): (m, k)."""
    goal, shapes = (points[..., 0].astype(np.float64) + 1j * points[..., 1] for points in (target[:, None], donors))
    goal, shapes = (points - points.mean(axis=-1, keepdims=True) for points in (goal, shapes))
    size, spread = ((np.abs(points) ** 2).sum(axis=-1) for points in (goal, shapes))
    shared = np.abs((shapes.conj() * goal).sum(axis=-1)) ** 2 / np.maximum(spread, 1e-9)
    left: NDArray[np.float64] = np.sqrt(np.maximum(size - shared, 0) / np.maximum(size, 1e-9))
    return left
