"""Forged fakes: a part of a real face, taken from another one or from itself, laid into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facesift.sampling.blending import Pixels, fit_similarity, match_tones, poisson_blend, warp_similarity
from facesift.sampling.regions import ANCHORS, FaceGeometry, region_mask

OPACITY = (0.6, 0.8, 1.0, 1.0)  # of a self-blend; the paper goes down to 0.25, which small images hardly show
WAVE = 0.12  # of a self-blend's outline: the paper bends its masks


@dataclass(frozen=True)
class Forgery:
    """What a plan says of one forged image.

    `kind` and `region` of those in `kinds`; `poisson`: by the seam, else by the tones; `colour` in [0, 1];
    `warp` >= 0; all else is drawn from `seed`.
    """

    kind: str
    region: str
    poisson: bool
    colour: float
    warp: float
    seed: tuple[int, ...]


@dataclass(frozen=True)
class LandmarkedFace:
    """An image (S, S, 3) uint8 and the five landmarks (5, 2) of its face in pixels."""

    pixels: NDArray[np.uint8]
    landmarks: NDArray[np.floating]


def forge(target: LandmarkedFace, donor: LandmarkedFace, forgery: Forgery) -> NDArray[np.uint8]:
    """Lay a part of `donor` (a self-blend's is `target`) into `target`: (S, S, 3) uint8, a function of its arguments.

    Beyond the part, every pixel is the target's: nothing but the part tells a forged image from a real one.
    """
    rng = np.random.default_rng(forgery.seed)
    frame, side = FaceGeometry.from_landmarks(target.landmarks), len(target.pixels)
    own = forgery.kind == "self_blend"
    mask = region_mask(frame, forgery.region, side, rng, **({"wave": WAVE} if own else {}))
    if not mask.any():  # a face beyond the edge of the image
        return target.pixels.copy()
    a, b = (1 + 0j, 0j) if own else _lay(FaceGeometry.from_landmarks(donor.landmarks), frame, forgery.region)
    shift = _misplace(frame, forgery, rng)
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
    """Return the similarity that lays the donor's part onto the target's."""
    return fit_similarity(donor.points, target.points, np.asarray(ANCHORS[region]))


def _misplace(frame: FaceGeometry, forgery: Forgery, rng: np.random.Generator) -> tuple[complex, complex]:
    """Draw a small similarity around the middle of the part."""
    (right, down), size, turn = rng.uniform(-1, 1, 2), rng.uniform(-1, 1), rng.uniform(-1, 1)
    middle = complex(np.mean(frame.centre(forgery.region)))
    a = (1 + 0.06 * forgery.warp * size) * np.exp(0.05j * forgery.warp * turn)
    move = 0.1 * forgery.warp * frame.size * complex(right, 0.5 * down) * frame.across
    return complex(a), complex(middle - a * middle + move)


def _box(mask: Pixels) -> tuple[slice, slice]:
    """Return the smallest part of the image that holds the mask, and a pixel around it."""
    spans = []
    for axis in (1, 0):
        there = np.flatnonzero(mask.any(axis=axis))
        spans.append(slice(max(int(there[0]) - 1, 0), min(int(there[-1]) + 2, len(mask))))
    return spans[0], spans[1]


def _change(piece: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Re-colour a piece, and soften or sharpen it: the traces that another image would leave.

    The paper changes the inner or the outer part; here it is always the inner one, with both signs.
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
