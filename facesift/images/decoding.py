"""Decodes the bytes of an image file to upright 8-bit sRGB pixels, or says why that is not possible."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from facesift.images.bad_image import BadImage, damaged, notes
from facesift.images.colour import to_srgb
from facesift.images.formats import FORMATS
from facesift.images.opening import open_image

__all__ = ["BadImage", "decode", "notes", "open_image", "quantisation_hash", "to_square", "upright_rgb"]

# Mid grey replaces transparent pixels: black or white would be an edge that only such images have.
BACKGROUND = (128, 128, 128)
SIXTEEN_BITS = 65535
ORIENTATION = 0x0112  # EXIF tag; 1 is upright
HASH_DIGITS = 12


def quantisation_hash(image: Image.Image) -> str:
    """Hash how a JPEG was compressed: its quantisation tables and the sampling factors of its components.

    Files that one program saved at one quality have the same hash, so it is a mark of where a file comes from.

    Args:
        image: an opened image; it need not be decoded.

    Returns:
        `HASH_DIGITS` hexadecimal digits; "" for formats other than JPEG.
    """
    if not isinstance(image, JpegImageFile):
        return ""
    tables = sorted((number, list(table)) for number, table in image.quantization.items())
    sampling = [list(component[1:]) for component in image.layer]  # without the component's name
    return hashlib.sha256(json.dumps([tables, sampling]).encode("ascii")).hexdigest()[:HASH_DIGITS]


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; where EXIF cannot be read, keep the pixels as stored."""
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - broken metadata raises all kinds, and the pixels are good
        return image
    return ImageOps.exif_transpose(image) if orientation in range(2, 9) else image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits: Pillow's own conversion clips at 255 instead."""
    pixels = np.asarray(image).astype(np.int64)
    if pixels.min() < 0 or pixels.max() > SIXTEEN_BITS:
        raise BadImage(f"pixels of mode {image.mode} outside 0 to {SIXTEEN_BITS}: convert to 8 bits")
    return Image.fromarray(((pixels * 255 + SIXTEEN_BITS // 2) // SIXTEEN_BITS).astype(np.uint8))


def _to_rgb(image: Image.Image, opened: Image.Image) -> Image.Image:
    """Convert upright pixels to RGB; what is wrong with a colour profile is noted in the opened image."""
    profile = opened.info.get("icc_profile")
    if image.mode.startswith("I"):
        return to_srgb(_eight_bits(image), profile, opened)
    if image.mode == "F":
        raise BadImage("floating-point pixels have no agreed range: convert to 8 bits")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        opaque = image.convert("L") if image.mode in {"L", "LA", "La"} else layer.convert("RGB")
        colours = to_srgb(opaque, profile, opened)
        colours.putalpha(layer.getchannel("A"))
        canvas = Image.new("RGBA", layer.size, (*BACKGROUND, 255))
        return Image.alpha_composite(canvas, colours).convert("RGB")
    return to_srgb(image, profile, opened)


def upright_rgb(image: Image.Image) -> Image.Image:
    """Decode an opened image to upright 8-bit sRGB; of an animation the first frame.

    Raises:
        BadImage: when it is damaged, or its pixels cannot be converted to 8 bits.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            return _to_rgb(_upright(image), image)
    except BadImage:
        raise
    except Exception as error:
        raise damaged(error) from error


def decode(data: bytes, max_pixels: int, formats: Collection[str] = FORMATS) -> Image.Image:
    """Decode a file's bytes to an upright 8-bit sRGB image.

    The EXIF orientation is applied; pixels with a colour profile are converted to sRGB by it; grey, CMYK, palette and
    16-bit images are converted; transparent pixels are blended with mid grey (`BACKGROUND`); of an animation the first
    frame is taken, of a multi-picture file the first picture, of a TIFF with a thumbnail the photo.

    Args:
        data: the bytes of the file.
        max_pixels: largest allowed width times height, checked before any pixel is decoded.
        formats: which of `FORMATS` are read.

    Raises:
        BadImage: when the file is not a complete image of at most `max_pixels` pixels.
    """
    return upright_rgb(open_image(data, max_pixels, formats))


def to_square(image: Image.Image, size: int, resize: str = "squish") -> NDArray[np.uint8]:
    """Resize an RGB image to a square, with antialiased bilinear filtering.

    Args:
        image: of any size.
        size: side of the square in pixels.
        resize: `squish` changes the aspect ratio, as in the published study; `crop` takes the middle square.

    Returns:
        Pixels (size, size, 3).
    """
    if resize == "crop":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    return np.array(image.resize((size, size), Image.Resampling.BILINEAR))
