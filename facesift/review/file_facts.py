"""What a reviewer may know of an image file: its size, its camera and software by EXIF, and its Content Credentials."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from facesift.images.opening import open_image

MAKE, MODEL, SOFTWARE, TAKEN, EXIF_BLOCK = 0x010F, 0x0110, 0x0131, 0x9003, 0x8769
MEDIA = {"MPO": "image/jpeg"}  # media types that are not named like the format
LONGEST = 80  # letters of a text from the file
NO_READER = "not looked for (pip install c2pa-python)"


def file_facts(data: bytes, max_pixels: int) -> list[tuple[str, str]]:
    """Read the facts of an image file.

    Args:
        data: its bytes.
        max_pixels: the largest image that is opened.

    Returns:
        Names and values, in the order they are shown.

    Raises:
        BadImage: for a file that is no image.
    """
    image = open_image(data, max_pixels)
    exif = image.getexif()
    camera = " ".join(text for text in (_text(exif.get(MAKE)), _text(exif.get(MODEL))) if text)
    found = [
        ("Size", f"{image.width:,} x {image.height:,} pixels, {_bytes(len(data))}, {image.format}"),
        ("Camera", camera or "not in the file"),
        ("Software", _text(exif.get(SOFTWARE)) or "not in the file"),
        ("Taken", _text(exif.get_ifd(EXIF_BLOCK).get(TAKEN)) or "not in the file"),
        ("Content Credentials", _credentials(data, str(image.format))),
    ]
    return [(name, value) for name, value in found if name != "Taken" or value != "not in the file"]


def _text(value: Any) -> str:
    """Return printable text of an EXIF value, which may hold anything."""
    shown = "".join(letter for letter in str(value) if letter.isprintable()) if isinstance(value, str) else ""
    return shown.strip()[:LONGEST]


def _bytes(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"


def _credentials(data: bytes, kind: str) -> str:
    """Say whether the file holds C2PA Content Credentials, and by which program; read by c2pa-python if installed."""
    if find_spec("c2pa") is None:
        return NO_READER
    from c2pa import Reader  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415

    try:
        report: Mapping[str, Any] = json.loads(
            Reader(MEDIA.get(kind, f"image/{kind.lower()}"), io.BytesIO(data)).json()
        )
    except Exception as error:  # noqa: BLE001  its exceptions are private classes
        return "none in the file" if "ManifestNotFound" in f"{type(error).__name__} {error}" else "could not be read"
    active: Mapping[str, Any] = report.get("manifests", {}).get(report.get("active_manifest")) or {}
    programs: list[dict[str, Any]] = active.get("claim_generator_info") or [{}]
    made = active.get("claim_generator") or programs[0].get("name")
    return f"in the file, by {_text(made) or 'an unnamed program'}"
