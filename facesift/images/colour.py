"""Converts pixels with an embedded colour profile to sRGB, by Little CMS (Pillow's ImageCms)."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from facesift.images.bad_image import note

NOT_USABLE = "colour profile not usable ({}): its pixels are taken for sRGB"
MAX_PROFILE = 1 << 24  # bytes; those of printers have 0.5 to 3 MB
# A profile that moves no colour further than this, in grey levels, is sRGB: its pixels stay as they are.
SAME = 2
# A profile's colour space, and Pillow's mode of its pixels.
MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# Whole grey levels and mixed colours, by which a profile is compared with sRGB.
PROBE_STEPS = np.linspace(0, 255, 18).round().astype(np.uint8)


class _NoUseError(Exception):
    """A profile that cannot be used, and why."""


def to_srgb(image: Image.Image, profile: bytes | None, opened: Image.Image) -> Image.Image:
    """Convert an image without transparency to RGB, by its colour profile if it has a usable one.

    The rendering intent is perceptual. Without a profile the pixels are taken for sRGB. A profile that cannot be used
    is noted. An RGB image whose pixels stay as they are is returned itself.

    Args:
        image: of any mode with 8 bits a channel.
        profile: an ICC profile; None without one.
        opened: the image that takes the note.
    """
    if not profile:
        return converted(image, "RGB")
    try:
        mode, transform = _transform(profile)
        pixels = _in_mode(image, mode)
        return converted(pixels, "RGB") if transform is None else transform.apply(pixels)
    except (_NoUseError, ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        note(opened, NOT_USABLE.format(error))
        return converted(image, "RGB")


def converted(image: Image.Image, mode: str) -> Image.Image:
    """Convert an image to a mode; the image itself where it has it, since Pillow would copy it."""
    return image if image.mode == mode else image.convert(mode)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Return the pixels that a profile is for: grey and palette images may have a profile for RGB."""
    if mode == image.mode or (mode == "RGB" and image.mode != "CMYK") or (mode == "L" and image.mode == "1"):
        return converted(image, mode)
    raise _NoUseError(f"it is for {mode}, the image is {image.mode}")


@lru_cache(maxsize=8)
def _transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """Return the mode of the pixels that a profile is for, and how they become sRGB; None where they are sRGB."""
    if len(profile) > MAX_PROFILE:
        raise _NoUseError(f"{len(profile)} bytes")
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    mode = MODES.get(source.profile.xcolor_space)
    if mode is None:
        raise _NoUseError(f"its colour space is {source.profile.xcolor_space.strip()}")
    target = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(source, target, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
    if mode == "CMYK":
        return mode, transform
    probe = _probe(mode)
    moved = np.asarray(transform.apply(probe)).astype(int) - np.asarray(probe.convert("RGB"))
    return mode, transform if np.abs(moved).max() > SAME else None


def _probe(mode: str) -> Image.Image:
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    mixed = np.stack(np.meshgrid(PROBE_STEPS, PROBE_STEPS, PROBE_STEPS), axis=-1).reshape(-1, 3)
    colours = np.concatenate([greys, mixed])[None] if mode == "RGB" else greys[None]
    return Image.fromarray(np.ascontiguousarray(colours)).convert(mode)
