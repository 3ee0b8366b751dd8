"""Opens an image file: checks that it is of an allowed format, that it can be decoded in bounded time, and its end."""

from __future__ import annotations

import io
import warnings
from collections.abc import Collection
from functools import cache

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from facesift.images.bad_image import BadImage, damaged, note
from facesift.images.colour import NOT_USABLE
from facesift.images.formats import FORMATS, WITHOUT_HEIF, kind_of, why_not
from facesift.images.jpeg2000 import check_complete, read_profile
from facesift.images.jpeg_end import NO_END, read_scans, with_end
from facesift.images.png_metadata import without_metadata
from facesift.images.tiff_pages import find_photo

Image.init()  # makes the rarer formats known
HEIF = "HEIF"
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
    return OPENERS.get(name, _open_any)(data, max_pixels, name)


def _open_any(data: bytes, max_pixels: int, name: str) -> Image.Image:
    image = _open(data, max_pixels, name)
    _check_cost(image, data, max_pixels)
    return image


def _open_jpeg(data: bytes, max_pixels: int, name: str) -> Image.Image:
    scans = read_scans(data)
    image = _open_any(data, max_pixels, name)
    if not scans.ended:
        image = _open(with_end(data, scans), max_pixels, name)
        note(image, NO_END)
    return image


def _open_png(data: bytes, max_pixels: int, name: str) -> Image.Image:
    pixels, profile = without_metadata(data)
    image = _open_any(pixels, max_pixels, name)
    if profile:
        image.info["icc_profile"] = profile
    elif profile is not None:
        note(image, NOT_USABLE.format("damaged or too large"))
    return image


def _open_tiff(data: bytes, max_pixels: int, name: str) -> Image.Image:
    page = find_photo(data)
    image = _open(data, max_pixels, name)
    if page:
        try:
            image.seek(page)
        except Exception as error:
            raise _unopened(error, name) from error
    _check_cost(image, data, max_pixels)
    return image


def _open_jpeg2000(data: bytes, max_pixels: int, name: str) -> Image.Image:
    image = _open_any(data, max_pixels, name)
    check_complete(data)
    if profile := read_profile(data):
        image.info["icc_profile"] = profile
    return image


OPENERS = {"JPEG": _open_jpeg, "PNG": _open_png, "TIFF": _open_tiff, "JPEG2000": _open_jpeg2000}


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
