"""Damage to images at the study's resolution: JPEG compression, blur, scaling, noise, a shifted crop.

After Hendrycks and Dietterich (2019), "Benchmarking Neural Network Robustness to Common Corruptions", with what happens
to an application photo on its way to a bank. Random choices (noise, direction of a shift) are drawn from the image's
id: the same image is damaged in the same way in any order and in any batch.
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
    """Damage images.

    Args:
        pixels: images (b, S, S, 3) uint8.
        image_ids: their ids (b,), from which random choices are drawn.
        corruption: kind and strength of the damage; None returns the images as they are.

    Returns:
        Images of the same shape and type.

    Raises:
        ValueError: the numbers of images and ids differ.
    """
    if len(pixels) != len(image_ids):
        raise ValueError(f"{len(pixels)} images but {len(image_ids)} ids")
    return pixels if corruption is None else KINDS[corruption.kind](pixels, image_ids, corruption.strength)


def jpeg(pixels: Pixels, _: Ids, quality: float) -> Pixels:
    """Compress and decompress images as JPEG, with halved colour resolution as cameras do (4:2:0).

    Args:
        pixels: images (b, S, S, 3).
        quality: JPEG quality, 1 to 100.

    Returns:
        The damaged images.
    """

    def recompress(image: Pixels) -> Pixels:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(quality), subsampling="4:2:0")
        return np.asarray(Image.open(file))

    return _one_by_one(recompress, pixels)


def blur(pixels: Pixels, _: Ids, share: float) -> Pixels:
    """Blur images with a Gaussian; the border repeats outwards.

    Args:
        pixels: images (b, S, S, 3).
        share: standard deviation of the Gaussian, as a share of the side.

    Returns:
        The damaged images.
    """
    sigma = share * pixels.shape[1]
    return _to_bytes(gaussian_filter(pixels.astype(np.float32), (0, sigma, sigma, 0), mode="nearest"))


def scale(pixels: Pixels, _: Ids, share: float) -> Pixels:
    """Scale images down (bilinear, antialiased) and up again (bicubic).

    Args:
        pixels: images (b, S, S, 3).
        share: side of the small image, as a share of the side, in (0, 1].

    Returns:
        The damaged images.
    """
    side = pixels.shape[1]
    small = max(1, round(share * side))

    def rescale(image: Pixels) -> Pixels:
        smaller = Image.fromarray(image).resize((small, small), Image.Resampling.BILINEAR)
        return np.asarray(smaller.resize((side, side), Image.Resampling.BICUBIC))

    return _one_by_one(rescale, pixels)


def noise(pixels: Pixels, image_ids: Ids, deviation: float) -> Pixels:
    """Add Gaussian noise, clipped at 0 and 255; an image gets the same pattern at every strength.

    Args:
        pixels: images (b, S, S, 3).
        image_ids: their ids (b,), from which the patterns are drawn.
        deviation: standard deviation of the noise in grey levels.

    Returns:
        The damaged images.
    """
    patterns = np.stack([_generator("noise", name).standard_normal(pixels.shape[1:], np.float32) for name in image_ids])
    return _to_bytes(pixels + deviation * patterns)


def shift(pixels: Pixels, image_ids: Ids, share: float) -> Pixels:
    """Move images towards a corner; the border repeats. An image moves to the same corner at every strength.

    Args:
        pixels: images (b, S, S, 3).
        image_ids: their ids (b,), from which the corners are drawn.
        share: distance along each side, as a share of the side; 1 pixel at least.

    Returns:
        The damaged images.
    """
    side = pixels.shape[1]
    far = max(1, round(share * side))
    padded = np.pad(pixels, ((0, 0), (far, far), (far, far), (0, 0)), mode="edge")
    starts = [_generator("shift", name).integers(0, 2, 2) * 2 * far for name in image_ids]
    return np.stack([image[y : y + side, x : x + side] for image, (y, x) in zip(padded, starts, strict=True)])


KINDS: dict[str, Callable[[Pixels, Ids, float], Pixels]] = {
    "jpeg": jpeg,
    "blur": blur,
    "scale": scale,
    "noise": noise,
    "shift": shift,
}


def _one_by_one(damage: Callable[[Pixels], Pixels], pixels: Pixels) -> Pixels:
    return np.stack([damage(image) for image in pixels])


def _to_bytes(pixels: NDArray[np.floating]) -> Pixels:
    return np.rint(pixels).clip(0, 255).astype(np.uint8)


def _generator(kind: str, image_id: str) -> np.random.Generator:
    """Make a random number generator for one image and one kind of damage."""
    digest = hashlib.sha256(f"{kind}:{image_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
