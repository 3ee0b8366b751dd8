"""Decodes the bytes of an image file to upright 8-bit sRGB pixels, or says why that is not possible."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Collection
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from facesift.images.bad_image import BadImage, damaged, note, notes
from facesift.images.colour import to_srgb
from facesift.images.formats import FORMATS, WITHOUT_HEIF, kind_of, why_not
from facesift.images.jpeg2000 import check_complete
from facesift.images.jpeg_end import NO_END, read_scans, with_end
from facesift.images.png_metadata import without_metadata
from facesift.images.tiff_pages import find_photo

__all__ = ["BadImage", "decode", "notes", "open_image", "quantisation_hash", "to_square", "upright_rgb"]

Image.init()  # makes the rarer formats known
HEIF = "HEIF"
# Mid grey replaces transparent pixels: black or white would be an edge that only such images have.
BACKGROUND = (128, 128, 128)
SIXTEEN_BITS = 65535
ORIENTATION = 0x0112  # EXIF tag; 1 is upright
HASH_DIGITS = 12
# No photo has so few bytes for its pixels; a white page as a PNG has a byte for a thousand.
MAX_PIXELS_A_BYTE = 10_000
# What Pillow decodes in Python takes a second for so many pixels, bytes or lines of comment.
SLOW_PIXELS, SLOW_BYTES, SLOW_COMMENTS = 400_000, 6_000_000, 1000
SLOW = {"bmp_rle": "a run-length coded BMP", "ppm_plain": "a PPM in plain text", "ppm": "a PPM with scaled values"}


@cache
def _reads_heif() -> bool:
    """Make Pillow read HEIC and HEIF, if pillow-heif is installed."""
    try:
        from pillow_heif import register_heif_opener  # noqa: PLC0415 - the extra `heic`
    except ImportError:
        return False
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    return True


def open_image(data: bytes, max_pixels: int, formats: Collection[str] = FORMATS) -> Image.Image:
    """Read an image's header. No pixel is decoded, but those of a JPEG without end marker.

    Args:
        data: the bytes of the file.
        max_pixels: largest allowed width times height.
        formats: which of `FORMATS` are read.

    Returns:
        The image; its `size`, `format` and `mode` are as stored in the file. `notes` tells what is wrong with a file
        that is used all the same.

    Raises:
        BadImage: when the file is empty, of no allowed image format, damaged, has too many pixels, or would take too
            long to decode.
    """
    if not data:
        raise BadImage("empty file")
    kind = kind_of(data)
    name = kind.name if kind else ""
    if name == HEIF and HEIF in formats and not _reads_heif():
        raise BadImage(WITHOUT_HEIF)
    if kind is None or name not in formats:
        raise BadImage(why_not(data, formats))
    profile = None
    if name == "PNG":
        data, profile = without_metadata(data)
    scans = read_scans(data) if name == "JPEG" else None
    page = find_photo(data) if name == "TIFF" else 0
    image = _open(data, max_pixels, name)
    if profile:
        image.info["icc_profile"] = profile
    if page:
        image.seek(page)
    _check_cost(image, data, max_pixels)
    if name == "JPEG2000":
        check_complete(data)
    if scans and not scans.ended:
        image = _open(with_end(data, scans), max_pixels, name)
        note(image, NO_END)
    return image


def _open(data: bytes, max_pixels: int, name: str) -> Image.Image:
    if Image.MAX_IMAGE_PIXELS is not None and max_pixels > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = max_pixels  # Pillow's own limit would refuse what the user allows
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's own size limit, and of odd metadata
            return Image.open(io.BytesIO(data), formats=[name])
    except Image.DecompressionBombError:
        raise BadImage(f"more pixels than {max_pixels}") from None
    except Exception as error:
        if name == "JPEG" and not isinstance(error, MemoryError):
            return _open_plainly(data, name)
        raise _unopened(error, name) from error


def _open_plainly(data: bytes, name: str) -> Image.Image:
    """Open a JPEG without regard to the further pictures that its metadata tell of."""
    try:
        return JpegImageFile(io.BytesIO(data))
    except Exception as error:
        raise _unopened(error, name) from error


def _unopened(error: Exception, name: str) -> BadImage:
    if isinstance(error, (Image.UnidentifiedImageError, SyntaxError)):
        return BadImage(f"{name} of a kind that is not read, or damaged at its beginning: save it again as JPEG or PNG")
    return damaged(error)


def _check_cost(image: Image.Image, data: bytes, max_pixels: int) -> None:
    """Refuse what would take too much memory or time to decode, or has no photo in it."""
    width, height = image.size
    pixels, size = width * height, len(data)
    if pixels > max_pixels:
        raise BadImage(f"{width} x {height} pixels, more than {max_pixels}")
    if pixels > MAX_PIXELS_A_BYTE * size:
        raise BadImage(f"{width} x {height} pixels in {size} bytes: no photo is so small")
    slow = [SLOW.get(tile[0], tile[0]) for tile in getattr(image, "tile", []) if tile[0] in Image.DECODERS]
    if slow and (pixels > SLOW_PIXELS or size > SLOW_BYTES or data.count(b"\n#") > SLOW_COMMENTS):
        raise BadImage(f"{slow[0]} of {width} x {height} pixels takes too long to read: save it as PNG")


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
