"""Decodes the bytes of an image file to upright 8-bit RGB pixels, or says why that is not possible."""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

Image.init()  # makes the rarer formats known
# Other formats are refused: some start programs (EPS runs Ghostscript), and none is used for photos.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
# Mid grey replaces transparent pixels: black or white would be an edge that only such images have.
BACKGROUND = (128, 128, 128)
SIXTEEN_BITS = 65535
ORIENTATION = 0x0112  # EXIF tag; 1 is upright
HASH_DIGITS = 12


class BadImage(Exception):  # noqa: N818 - the image is what is bad
    """An image that cannot be used.

    Attributes:
        reason: why, in words for the quarantine list.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def open_image(data: bytes, max_pixels: int) -> Image.Image:
    """Read an image's header; no pixel is decoded.

    Args:
        data: the bytes of the file.
        max_pixels: largest allowed width times height.

    Returns:
        The image; its `size`, `format` and `mode` are as stored in the file.

    Raises:
        BadImage: when the file is empty, of no known image format, damaged, or has too many pixels.
    """
    if not data:
        raise BadImage("empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's own size limit, and of odd metadata
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError:
        raise BadImage("not an image of a known format") from None
    except Image.DecompressionBombError:
        raise BadImage(f"more pixels than {max_pixels}") from None
    except Exception as error:
        raise _damaged(error) from error
    width, height = image.size
    if width * height > max_pixels:
        raise BadImage(f"{width} x {height} pixels, more than {max_pixels}")
    return image


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


def _damaged(error: Exception) -> BadImage:
    """Turn an error of Pillow into `BadImage`, without memory addresses, which differ from run to run."""
    if isinstance(error, MemoryError):
        raise error
    words = re.sub(r" at 0x[0-9a-fA-F]+", "", str(error)) or type(error).__name__
    return BadImage(f"damaged image: {words}")


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


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _eight_bits(image).convert("RGB")
    if image.mode == "F":
        raise BadImage("floating-point pixels have no agreed range: convert to 8 bits")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        canvas = Image.new("RGBA", layer.size, (*BACKGROUND, 255))
        return Image.alpha_composite(canvas, layer).convert("RGB")
    return image.convert("RGB")


def upright_rgb(image: Image.Image) -> Image.Image:
    """Decode an opened image to upright 8-bit RGB; of an animation the first frame.

    Raises:
        BadImage: when it is damaged, or its pixels cannot be converted to 8 bits.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            return _to_rgb(_upright(image))
    except BadImage:
        raise
    except Exception as error:
        raise _damaged(error) from error


def decode(data: bytes, max_pixels: int) -> Image.Image:
    """Decode a file's bytes to an upright 8-bit RGB image.

    The EXIF orientation is applied; grey, CMYK, palette and 16-bit images are converted; transparent pixels are blended
    with mid grey (`BACKGROUND`); of an animation the first frame is taken.

    Args:
        data: the bytes of the file.
        max_pixels: largest allowed width times height, checked before any pixel is decoded.

    Raises:
        BadImage: when the file is not a complete image of at most `max_pixels` pixels.
    """
    return upright_rgb(open_image(data, max_pixels))


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
