"""An image as a browser can show it: the file itself where that is safe and shows what was scored, else a PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass

from facesift.images.decoding import BadImage, decode, open_image
from facesift.review.image_files import Unshowable

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif", "BMP": "image/bmp"}


@dataclass(frozen=True)
class Limits:
    """What may be opened at most: the limits of ingest, unless the bundle brings its own."""

    max_pixels: int = 50_000_000
    max_bytes: int = 50_000_000


def shown(data: bytes, max_pixels: int) -> tuple[bytes, str]:
    """Return the bytes to send and their media type; raises `Unshowable` for what is no image, or too large a one.

    Formats that browsers do not show, and moving images, of which the committee saw the first frame, become PNG.
    """
    try:
        image = open_image(data, max_pixels)
        if image.format in KINDS and not getattr(image, "is_animated", False):
            return data, KINDS[image.format]
        png = io.BytesIO()
        decode(data, max_pixels).save(png, "PNG", compress_level=1)
    except BadImage as error:
        raise Unshowable(f"The file cannot be shown: {error.reason}.") from error
    return png.getvalue(), "image/png"
