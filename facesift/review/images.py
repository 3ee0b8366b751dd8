"""The images of the queue: finds their files, checks their hashes, and converts what browsers cannot show."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.images.archives import LOOSE, read_bytes
from facesift.images.decoding import BadImage, decode, open_image
from facesift.images.pixel_budget import BUDGET

BROWSER_FORMATS = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif", "BMP": "image/bmp",
}  # fmt: skip
IN_ZIP = re.compile(r"\.(zip|tar|parquet)!", re.IGNORECASE)


@dataclass(frozen=True)
class ImageLimits:
    """The largest image that is opened. The defaults are those of ingest; a bundle may bring its own.

    Attributes:
        max_pixels: Width times height.
        max_bytes: Size of the file.
    """

    max_pixels: int = 50_000_000
    max_bytes: int = 50_000_000


class ImageNotAvailableError(Exception):
    """An image cannot be shown; the message tells the reviewer why."""


def read_image_file(name: str, image_id: str, roots: Sequence[Path], max_bytes: int) -> bytes:
    """Return the bytes of an image of the queue.

    Args:
        name: A path, or `path/to.zip!inside`.
        image_id: The first 32 digits of the SHA-256 that the bytes must have.
        roots: Folders that a relative name may start from, in the order they are tried.
        max_bytes: Largest file that is read.

    Raises:
        ImageNotAvailableError: The file is missing, unreadable, too large, or has another hash. The message does not
            repeat the name, which may tell the label.
    """
    reason = "The file is not there. If it was moved, start `facesift review` with --images FOLDER."
    for root, container, path in _candidates(name, roots):
        try:
            data = read_bytes(root, container, path, max_bytes)
        except (BadImage, FacesiftError) as error:
            reason = f"The file cannot be read: {error}."
            continue
        if hashlib.sha256(data).hexdigest().startswith(image_id):
            return data
        reason = "The file has changed since it was screened: its hash is different. Screen it again."
    raise ImageNotAvailableError(reason)


def _candidates(name: str, roots: Sequence[Path]) -> Iterator[tuple[Path, str, str]]:
    """Yield (root, container, path) of each existing file that `name` may mean; loose files before files in a zip."""
    cuts = [match.end() - 1 for match in IN_ZIP.finditer(name)]
    for root in roots:
        if (root / name).exists():
            yield root, LOOSE, name
        for cut in cuts:
            if (root / name[:cut]).is_file():
                yield root, name[:cut], name[cut + 1 :]


def browser_image(data: bytes, max_pixels: int) -> tuple[bytes, str]:
    """Return the bytes to send to the browser and their media type.

    The file itself is sent where browsers show its format. Other formats become PNG; so do moving images, of which
    the committee saw the first frame.

    Raises:
        ImageNotAvailableError: The data is no image, or one of more than `max_pixels` pixels.
    """
    try:
        image = open_image(data, max_pixels)
        if image.format in BROWSER_FORMATS and not getattr(image, "is_animated", False):
            return data, BROWSER_FORMATS[image.format]
        png = io.BytesIO()
        with BUDGET.hold(image.width * image.height):
            decode(data, max_pixels).save(png, "PNG", compress_level=1)
    except BadImage as error:
        raise ImageNotAvailableError(f"The file cannot be shown: {error.reason}.") from error
    return png.getvalue(), "image/png"
