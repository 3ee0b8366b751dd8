"""Why an image cannot be used, and what is noted of one that can."""

from __future__ import annotations

import re

from PIL import Image

_NOTES = "facesift notes"  # key of an image's `info`


class BadImage(Exception):  # noqa: N818 - the image is what is bad
    """An image that cannot be used.

    Attributes:
        reason: why, in words for the quarantine list.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def damaged(error: Exception) -> BadImage:
    """Turn an error of Pillow into `BadImage`, on one line and without memory addresses, which differ between runs."""
    if isinstance(error, MemoryError):
        raise error
    words = " ".join(re.sub(r" at 0x[0-9a-fA-F]+", "", str(error)).split()) or type(error).__name__
    return BadImage(f"damaged image: {words}")


def note(image: Image.Image, words: str) -> None:
    """Note something about an opened image that is used all the same."""
    image.info[_NOTES] = (*notes(image), words)


def notes(image: Image.Image) -> tuple[str, ...]:
    """Return what was noted about an opened image: what is wrong with a file that is used all the same."""
    found: tuple[str, ...] = image.info.get(_NOTES, ())
    return found
