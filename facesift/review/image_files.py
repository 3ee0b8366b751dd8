"""The bytes of a queue's images: found by the names in the decisions table, and held against their hash."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.images.archives import LOOSE, read_bytes
from facesift.images.decoding import BadImage

IN_ZIP = re.compile(r"\.zip!", re.IGNORECASE)


class Unshowable(Exception):  # noqa: N818 - the image is what cannot be shown
    """An image that cannot be shown; the message says why, for the person who looks at the page."""


def fetch(name: str, image_id: str, roots: Sequence[Path], max_bytes: int) -> bytes:
    """Return the bytes of the image `name`, a path or `path/to.zip!inside`, relative to the first root that has it.

    Raises `Unshowable` when it is missing, unreadable, larger than `max_bytes`, or when none of the files found has
    the SHA-256 that begins with `image_id`. Its message does not repeat the name, which may tell the label.
    """
    reason = "The file is not there. Was it moved? `facesift review --images` names the folder to look in."
    for root, container, path in _places(name, roots):
        try:
            data = read_bytes(root, container, path, max_bytes)
        except (BadImage, FacesiftError) as error:
            reason = f"The file cannot be read: {error}."
            continue
        if hashlib.sha256(data).hexdigest().startswith(image_id):
            return data
        reason = "The file has changed since it was screened: its hash is another one. Screen it again."
    raise Unshowable(reason)


def _places(name: str, roots: Sequence[Path]) -> Iterator[tuple[Path, str, str]]:
    """Yield (root, container, path) of each existing file that `name` may mean; a loose file before one in a zip."""
    cuts = [match.end() - 1 for match in IN_ZIP.finditer(name)]
    for root in roots:
        if (root / name).exists():
            yield root, LOOSE, name
        for cut in cuts:
            if (root / name[:cut]).is_file():
                yield root, name[:cut], name[cut + 1 :]
