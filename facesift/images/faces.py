"""Detects the face in an image with CenterFace (Xu et al. 2019, arXiv:1911.03599): a box and five landmarks.

The network takes an RGB image with values 0 to 255 whose sides are multiples of 32. It returns four maps of a quarter
of its height and width: the score of a face whose centre is in that cell, the logarithm of the face's height and width
in cells, the offset of the centre within the cell (y, x), and the landmarks in heights and widths of the box (y, x).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from facesift.images.decoding import BACKGROUND

LONGEST = 256  # pixels of the longer side for detection: a face of a sixth of it is still found
STRIDE, MULTIPLE = 4, 32  # pixels a cell of the maps; the network's sides are multiples of MULTIPLE
OVERLAP = 0.3  # boxes with a higher intersection over union are one face
PLACES = 2  # decimals of pixels that are kept, so that the manifest's face equals the one that screening finds
LEFT_TO_RIGHT = ((0, 1), (3, 4))  # eyes, corners of the mouth
NO_FACE = "no face found"
# Columns of a table of images, in pixels of the upright image; all null where no face was found.
FACE_COLUMNS: dict[str, pl.DataType] = {
    "face_box": pl.Array(pl.Float64, 4),
    "face_landmarks": pl.Array(pl.Float64, (5, 2)),
    "face_score": pl.Float64(),
}

Floats = NDArray[np.floating]
Maps = tuple[Floats, Floats, Floats, Floats]  # scores (1, H, W), log sizes, offsets (2, H, W), landmarks (10, H, W)
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Face:
    """A face in an upright image. Coordinates are (x, y) in pixels from the upper left corner.

    Attributes:
        box: left, top, right, bottom; it may reach over the image's edge.
        landmarks: left eye, right eye, nose tip, left and right corner of the mouth; "left" has the smaller x.
        score: how sure the detector is, in (0, 1].
    """

    box: tuple[float, float, float, float]
    landmarks: Points
    score: float


@dataclass(frozen=True)
class FaceDetector:
    """A face detector.

    Attributes:
        session: an onnxruntime session with the network; threads may share it.
        min_score: lowest score of a face, in (0, 1].
    """

    session: Any
    min_score: float

    def find(self, image: Image.Image) -> Face | None:
        """Return the largest face in an upright RGB image of any size; None without a face of at least `min_score`."""
        return next(iter(self.find_all(image)), None)

    def find_all(self, image: Image.Image) -> list[Face]:
        """Return all faces of at least `min_score` in an upright RGB image of any size, the largest first."""
        pixels, scale = detector_input(image)
        name = self.session.get_inputs()[0].name
        maps = self.session.run(None, {name: pixels[None]})
        return as_faces(decode_maps(tuple(each[0] for each in maps), self.min_score), scale)


def detector_input(image: Image.Image) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Resize an image for the network.

    The longer side becomes `LONGEST` pixels; the aspect ratio stays. Sides are filled up to multiples of 32 with mid
    grey, at the right and below.

    Args:
        image: an upright RGB image.

    Returns:
        The network's input (3, h, w), and how many pixels of the image one of its pixels is, in x and in y.
    """
    longest = max(image.size)
    width, height = (max(1, round(each * LONGEST / longest)) for each in image.size)
    canvas = Image.new("RGB", (_multiple(width), _multiple(height)), BACKGROUND)
    canvas.paste(image.resize((width, height), Image.Resampling.BILINEAR))
    return np.asarray(canvas, np.float32).transpose(2, 0, 1), (image.width / width, image.height / height)


def _multiple(side: int) -> int:
    return -(-side // MULTIPLE) * MULTIPLE


def decode_maps(maps: Maps, min_score: float) -> list[tuple[Floats, Floats, float]]:
    """Turn the network's maps into faces; of overlapping boxes the surest is kept (non-maximum suppression).

    Args:
        maps: scores, log sizes, offsets and landmarks, as the module describes.
        min_score: lowest score of a face.

    Returns:
        Box (4,) and landmarks (5, 2) in pixels of the network's input, and score, for each face; the surest first.
    """
    scores, log_sizes, offsets, landmarks = (np.asarray(each, np.float64) for each in maps)
    down, across = np.nonzero(scores[0] >= min_score)
    sizes = np.exp(log_sizes[:, down, across].T) * STRIDE  # (n, 2), as all pairs: down, across
    middles = (np.stack([down, across], axis=1) + offsets[:, down, across].T + 0.5) * STRIDE
    corners = middles - sizes / 2
    points = landmarks[:, down, across].T.reshape(-1, 5, 2) * sizes[:, None] + corners[:, None]
    boxes = np.concatenate([corners[:, ::-1], (corners + sizes)[:, ::-1]], axis=1)
    found = scores[0, down, across]
    kept: list[int] = []
    for row in np.argsort(-found, kind="stable").tolist():
        if all(_overlap(boxes[row], boxes[other]) <= OVERLAP for other in kept):
            kept.append(row)
    return [(boxes[row], points[row, :, ::-1], float(found[row])) for row in kept]


def _overlap(first: Floats, second: Floats) -> float:
    """Return the intersection over union of two boxes."""
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    return shared / (_area(first) + _area(second) - shared)


def _area(box: Floats) -> float:
    return float(np.prod(box[2:] - box[:2]))


def as_faces(found: list[tuple[Floats, Floats, float]], scale: tuple[float, float]) -> list[Face]:
    """Return what `decode_maps` found in pixels of the image (`scale`: `detector_input`), the largest box first."""
    return [_as_face(each, scale) for each in sorted(found, key=lambda each: -_area(each[0]))]


def _as_face(found: tuple[Floats, Floats, float], scale: tuple[float, float]) -> Face:
    box, points, score = found
    left, top, right, bottom = np.round(box * np.tile(scale, 2), PLACES).tolist()
    landmarks = np.round(points * scale, PLACES)
    for pair in LEFT_TO_RIGHT:
        landmarks[list(pair)] = sorted(landmarks[list(pair)].tolist())
    named: list[tuple[float, float]] = [(x, y) for x, y in landmarks.tolist()]
    return Face((left, top, right, bottom), tuple(named), round(score, 4))


def face_values(face: Face | None) -> tuple[Any, ...]:
    """Return the values of `FACE_COLUMNS` for a face; all None without one."""
    return (None, None, None) if face is None else (face.box, face.landmarks, face.score)


def face_of_row(row: dict[str, Any]) -> Face | None:
    """Return the face of a row of the manifest; None where none was found, or none was looked for."""
    if row.get("face_box") is None:
        return None
    left, top, right, bottom = row["face_box"]
    return Face((left, top, right, bottom), tuple((x, y) for x, y in row["face_landmarks"]), row["face_score"])
