"""Damage to images of any size: JPEG, blur, scaling, noise, a shifted crop, re-photographing, social media.

After Hendrycks and Dietterich (2019), "Benchmarking Neural Network Robustness to Common Corruptions", with what happens
to an application photo on its way to a bank. Random choices (noise, directions, angles) are drawn from the image's id:
the same image is damaged in the same way in any order and in any batch. The side of an image is its shorter side.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from facesift.config.damage import Corruption
from facesift.images.rephotographing import photo_of_screen

Pixels = NDArray[np.uint8]  # (h, w, 3)

SOCIAL_QUALITY = 75


def corrupt_image(pixels: Pixels, image_id: str, corruption: Corruption) -> Pixels:
    """Damage one image.

    Args:
        pixels: the image (h, w, 3) uint8, upright, of any size.
        image_id: its id, from which random choices are drawn.
        corruption: kind and strength of the damage.

    Returns:
        The damaged image (h, w, 3) uint8; only `social_media` may make it smaller, with the same proportions.
    """
    return KINDS[corruption.kind](pixels, image_id, corruption.strength)


def corrupt(pixels: NDArray[np.uint8], image_ids: Sequence[str], corruption: Corruption | None) -> NDArray[np.uint8]:
    """Damage images of one size.

    Args:
        pixels: images (b, h, w, 3) uint8.
        image_ids: their ids (b,), from which random choices are drawn.
        corruption: kind and strength of the damage; None returns the images as they are.

    Returns:
        The damaged images of `corrupt_image`, in one array.

    Raises:
        ValueError: the numbers of images and ids differ.
    """
    if len(pixels) != len(image_ids):
        raise ValueError(f"{len(pixels)} images but {len(image_ids)} ids")
    if corruption is None or not len(pixels):
        return pixels
    return np.stack([corrupt_image(*each, corruption) for each in zip(pixels, image_ids, strict=True)])


def jpeg(pixels: Pixels, _: str, quality: float) -> Pixels:
    """Compress and decompress an image as JPEG, with halved colour resolution as cameras do (4:2:0).

    Args:
        pixels: the image (h, w, 3).
        quality: JPEG quality, 1 to 100.

    Returns:
        The damaged image.
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(quality), subsampling="4:2:0")
    return np.asarray(Image.open(file))


def blur(pixels: Pixels, _: str, share: float) -> Pixels:
    """Blur an image with a Gaussian; the border repeats outwards.

    Args:
        pixels: the image (h, w, 3).
        share: standard deviation of the Gaussian, as a share of the side.

    Returns:
        The damaged image.
    """
    sigma = share * _side(pixels)
    return _to_bytes(gaussian_filter(pixels.astype(np.float32), (sigma, sigma, 0), mode="nearest"))


def scale(pixels: Pixels, _: str, share: float) -> Pixels:
    """Scale an image down (bilinear, antialiased) and up again (bicubic).

    Args:
        pixels: the image (h, w, 3).
        share: share of both sides that is left, in (0, 1].

    Returns:
        The damaged image.
    """
    return smaller_and_back(pixels, share)


def downscale(pixels: Pixels, _: str, side: float) -> Pixels:
    """Scale an image down to `side` pixels and up again, as `scale`; an image that is no larger stays as it is.

    Args:
        pixels: the image (h, w, 3).
        side: pixels of the small image's shorter side.

    Returns:
        The damaged image.
    """
    return pixels if _side(pixels) <= side else smaller_and_back(pixels, side / _side(pixels))


def noise(pixels: Pixels, image_id: str, deviation: float) -> Pixels:
    """Add Gaussian noise, clipped at 0 and 255; an image gets the same pattern at every strength.

    Args:
        pixels: the image (h, w, 3).
        image_id: its id, from which the pattern is drawn.
        deviation: standard deviation of the noise in grey levels.

    Returns:
        The damaged image.
    """
    return _to_bytes(pixels + deviation * _generator("noise", image_id).standard_normal(pixels.shape, np.float32))


def shift(pixels: Pixels, image_id: str, share: float) -> Pixels:
    """Move an image towards a corner; the border repeats. An image moves to the same corner at every strength.

    Args:
        pixels: the image (h, w, 3).
        image_id: its id, from which the corner is drawn.
        share: distance along each side, as a share of the shorter one; 1 pixel at least.

    Returns:
        The damaged image.
    """
    far = max(1, round(share * _side(pixels)))
    padded = np.pad(pixels, ((far, far), (far, far), (0, 0)), mode="edge")
    y, x = _generator("shift", image_id).integers(0, 2, 2) * 2 * far
    return padded[y : y + pixels.shape[0], x : x + pixels.shape[1]]


def social_media(pixels: Pixels, _: str, longest: float) -> Pixels:
    """Make an image smaller and compress it as services do that pass photos on: JPEG of quality 75, 4:2:0.

    Args:
        pixels: the image (h, w, 3).
        longest: pixels of the longer side at most; a larger image is scaled down (Lanczos) and stays small.

    Returns:
        The damaged image.
    """
    height, width = pixels.shape[:2]
    share = longest / max(height, width)
    if share < 1:
        size = max(1, round(share * width)), max(1, round(share * height))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    return jpeg(pixels, "", SOCIAL_QUALITY)


def rephotograph(pixels: Pixels, image_id: str, strength: float) -> Pixels:
    """Photograph an image from a screen, see `images.rephotographing`; the same screen at every strength.

    Args:
        pixels: the image (h, w, 3).
        image_id: its id, from which all random choices are drawn.
        strength: in (0, 1].

    Returns:
        The damaged image.
    """
    return _to_bytes(photo_of_screen(pixels, _generator("rephotograph", image_id), strength))


KINDS: dict[str, Callable[[Pixels, str, float], Pixels]] = {
    "jpeg": jpeg,
    "blur": blur,
    "scale": scale,
    "noise": noise,
    "shift": shift,
    "downscale": downscale,
    "rephotograph": rephotograph,
    "social_media": social_media,
}


def smaller_and_back(pixels: Pixels, share: float, quality: float | None = None) -> Pixels:
    """Scale an image down (bilinear, antialiased) and up again (bicubic).

    Args:
        pixels: the image (h, w, 3).
        share: share of both sides that is left, in (0, 1].
        quality: JPEG quality of the small image, 1 to 100; None: it is not compressed.

    Returns:
        The damaged image.
    """
    height, width = pixels.shape[:2]
    small = max(1, round(share * width)), max(1, round(share * height))
    smaller = Image.fromarray(pixels).resize(small, Image.Resampling.BILINEAR)
    if quality is not None:
        smaller = Image.fromarray(jpeg(np.asarray(smaller), "", quality))
    return np.asarray(smaller.resize((width, height), Image.Resampling.BICUBIC))


def _side(pixels: Pixels) -> int:
    return min(pixels.shape[:2])


def _to_bytes(pixels: NDArray[np.floating]) -> Pixels:
    return np.rint(pixels).clip(0, 255).astype(np.uint8)


def _generator(kind: str, image_id: str) -> np.random.Generator:
    """Make a random number generator for one image and one kind of damage."""
    digest = hashlib.sha256(f"{kind}:{image_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
