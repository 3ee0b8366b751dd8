"""Damage done to images at the study's resolution: JPEG, blur, scaling, noise, a crop that is off.

In the spirit of Hendrycks and Dietterich 2019 (Benchmarking Neural Network Robustness to Common Corruptions), with
what happens to an application photo on its way to a bank. What chance decides (noise, the direction of a shift) is
drawn from the image's id: the same image is damaged in the same way in whatever order and batches it comes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from facesift.config.evaluation import Corruption

Pixels = NDArray[np.uint8]  # (b, S, S, 3)
Ids = Sequence[str]


def corrupt(pixels: Pixels, image_ids: Ids, corruption: Corruption | None) -> Pixels:
    """Damage images (b, S, S, 3) uint8, and return as many of the same shape and type; None: as they are."""
    if len(pixels) != len(image_ids):
        raise ValueError(f"{len(pixels)} images but {len(image_ids)} ids")
    return pixels if corruption is None else KINDS[corruption.kind](pixels, image_ids, corruption.strength)


def jpeg(pixels: Pixels, _: Ids, quality: float) -> Pixels:
    """Compress and decompress each image at a quality of 1 to 100, with halved colour as cameras do (4:2:0)."""

    def through(image: Pixels) -> Pixels:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(quality), subsampling="4:2:0")
        return np.asarray(Image.open(file))

    return _each(through, pixels)


def blur(pixels: Pixels, _: Ids, share: float) -> Pixels:
    """Blur with a Gaussian of standard deviation `share` times the side; the border repeats outwards."""
    sigma = share * pixels.shape[1]
    return _whole(gaussian_filter(pixels.astype(np.float32), (0, sigma, sigma, 0), mode="nearest"))


def scale(pixels: Pixels, _: Ids, share: float) -> Pixels:
    """Scale each image down (bilinear, antialiased) to `share` of its side and up again (bicubic)."""
    side = pixels.shape[1]
    small = max(1, round(share * side))

    def there_and_back(image: Pixels) -> Pixels:
        smaller = Image.fromarray(image).resize((small, small), Image.Resampling.BILINEAR)
        return np.asarray(smaller.resize((side, side), Image.Resampling.BICUBIC))

    return _each(there_and_back, pixels)


def noise(pixels: Pixels, image_ids: Ids, deviation: float) -> Pixels:
    """Add Gaussian noise of a standard deviation in grey levels, drawn from each image's id, and cut off at 0 and 255.

    The same image gets the same pattern at every strength.
    """
    patterns = np.stack([_chance("noise", name).standard_normal(pixels.shape[1:], np.float32) for name in image_ids])
    return _whole(pixels + deviation * patterns)


def shift(pixels: Pixels, image_ids: Ids, share: float) -> Pixels:
    """Move each image towards a corner by `share` of the side (1 pixel at least) both ways; the border repeats.

    The corner is drawn from the image's id, the same one at every strength.
    """
    side = pixels.shape[1]
    far = max(1, round(share * side))
    padded = np.pad(pixels, ((0, 0), (far, far), (far, far), (0, 0)), mode="edge")
    starts = [_chance("shift", name).integers(0, 2, 2) * 2 * far for name in image_ids]
    return np.stack([image[y : y + side, x : x + side] for image, (y, x) in zip(padded, starts, strict=True)])


KINDS: dict[str, Callable[[Pixels, Ids, float], Pixels]] = {
    "jpeg": jpeg,
    "blur": blur,
    "scale": scale,
    "noise": noise,
    "shift": shift,
}


def _each(damage: Callable[[Pixels], Pixels], pixels: Pixels) -> Pixels:
    return np.stack([damage(image) for image in pixels])


def _whole(pixels: NDArray[np.floating]) -> Pixels:
    return np.rint(pixels).clip(0, 255).astype(np.uint8)


def _chance(kind: str, image_id: str) -> np.random.Generator:
    """Give each image its own random numbers for each kind of damage."""
    digest = hashlib.sha256(f"{kind}:{image_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
