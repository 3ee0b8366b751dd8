"""Forging: lays a part of one real face into another (composite), or a changed part into the same face (self-blend)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facesift.sampling.blending import Pixels, fit_similarity, match_tones, poisson_blend, warp_similarity
from facesift.sampling.regions import ANCHORS, FaceGeometry, region_mask

OPACITY = (
    0.6,
    0.8,
    1.0,
    1.0,
)  # of a self-blend; the paper (see `forge`) goes down to 0.25, which small images hardly show
WAVE = 0.12  # of a self-blend's outline: the paper bends its masks


@dataclass(frozen=True)
class Forgery:
    """How one image is forged, as its row of the plan says.

    Attributes:
        kind: composite or self_blend.
        region: eyes, nose, mouth or face.
        poisson: whether a composite is blended by Poisson's equation, rather than by matching tones only.
        colour: strength of the change of tones, in [0, 1].
        warp: strength of the misplacement, 0 or more; 1 is up to a tenth of the eyes' distance.
        seed: of all other random numbers.
    """

    kind: str
    region: str
    poisson: bool
    colour: float
    warp: float
    seed: tuple[int, ...]


@dataclass(frozen=True)
class LandmarkedFace:
    """An image and the landmarks of its face.

    Attributes:
        pixels: (S, S, 3) uint8.
        landmarks: (x, y) in pixels, shape (5, 2).
    """

    pixels: NDArray[np.uint8]
    landmarks: NDArray[np.floating]


def forge(target: LandmarkedFace, donor: LandmarkedFace, forgery: Forgery) -> NDArray[np.uint8]:
    """Lay a part of the donor's face into the target; a self-blend's donor is the target.

    Outside the part, every pixel is the target's: nothing else tells a forged image from a real one. Self-blending
    follows Shiohara and Yamasaki (CVPR 2022), but always changes the inner part.

    Args:
        target: the face that is changed.
        donor: the face that the part comes from.
        forgery: kind, region, strengths and seed; the result depends on nothing but the arguments.

    Returns:
        Pixels (S, S, 3).
    """
    rng = np.random.default_rng(forgery.seed)
    geometry, side = FaceGeometry.from_landmarks(target.landmarks), len(target.pixels)
    own = forgery.kind == "self_blend"
    mask = region_mask(geometry, forgery.region, side, rng, **({"wave": WAVE} if own else {}))
    if not mask.any():  # a face beyond the edge of the image
        return target.pixels.copy()
    a, b = (1 + 0j, 0j) if own else _lay(FaceGeometry.from_landmarks(donor.landmarks), geometry, forgery.region)
    shift = _misplace(geometry, forgery, rng)
    box = _box(mask)
    piece = warp_similarity(donor.pixels, shift[0] * a, shift[0] * b + shift[1], box).astype(np.float32)
    below, mask = target.pixels[box].astype(np.float32), mask[box]
    if own:
        piece = _change(piece, forgery.colour, rng)
        mask = mask * np.float32(rng.choice(OPACITY))
    else:
        piece = match_tones(piece, below, mask, forgery.colour)
        piece = poisson_blend(piece, below, mask) if forgery.poisson else piece
    out = target.pixels.copy()
    # Whole grey levels, as real images have them.
    out[box] = np.clip(np.rint(below + mask[..., None] * (piece - below)), 0, 255).astype(np.uint8)
    return out


def _lay(donor: FaceGeometry, target: FaceGeometry, region: str) -> tuple[complex, complex]:
    """Return the similarity transform that lays the donor's part onto the target's."""
    return fit_similarity(donor.points, target.points, np.asarray(ANCHORS[region]))


def _misplace(geometry: FaceGeometry, forgery: Forgery, rng: np.random.Generator) -> tuple[complex, complex]:
    """Draw a small random similarity transform around the centre of the part."""
    (right, down), size, turn = rng.uniform(-1, 1, 2), rng.uniform(-1, 1), rng.uniform(-1, 1)
    middle = complex(np.mean(geometry.centre(forgery.region)))
    a = (1 + 0.06 * forgery.warp * size) * np.exp(0.05j * forgery.warp * turn)
    move = 0.1 * forgery.warp * geometry.size * complex(right, 0.5 * down) * geometry.across
    return complex(a), complex(middle - a * middle + move)


def _box(mask: Pixels) -> tuple[slice, slice]:
    """Return the rows and columns that hold the mask, with a pixel around it."""
    spans = []
    for axis in (1, 0):
        there = np.flatnonzero(mask.any(axis=axis))
        spans.append(slice(max(int(there[0]) - 1, 0), min(int(there[-1]) + 2, len(mask))))
    return spans[0], spans[1]


def _change(piece: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Change the colours of a piece, and blur or sharpen it: the traces that a piece of another image would leave.

    Shiohara and Yamasaki change the inner or the outer part; here it is always the inner one, in both directions.
    """
    saturation, contrast = 1 + strength * rng.choice((-1, 1), 2) * rng.uniform((0.1, 0.05), (0.4, 0.25))
    grey = piece.mean(axis=2, keepdims=True)
    piece = grey + np.float32(saturation) * (piece - grey)
    mean = piece.mean(axis=(0, 1))
    piece = mean + np.float32(contrast) * (piece - mean)
    piece = piece + (strength * rng.choice((-1, 1), 3) * rng.uniform(4, 20, 3)).astype(np.float32)
    return _resample(piece, rng)


def _resample(piece: Pixels, rng: np.random.Generator) -> Pixels:
    image = Image.fromarray(np.clip(np.rint(piece), 0, 255).astype(np.uint8))
    amount = rng.uniform(0, 1)
    if rng.random() < 0.5:
        small = [max(1, round(length / (1.2 + amount))) for length in image.size]
        changed = image.resize((small[0], small[1]), Image.Resampling.BILINEAR)
        changed = changed.resize(image.size, Image.Resampling.BICUBIC)
    else:
        changed = image.filter(ImageFilter.UnsharpMask(radius=1.5, percent=int(40 + 110 * amount), threshold=0))
    return np.asarray(changed, np.float32)
