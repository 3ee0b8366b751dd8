"""Image formats by their first bytes: which are read, and what to do with a file of another one."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

# Other formats are refused: some start programs (EPS runs Ghostscript), and none is used for photos. The parameter
# `ingest.formats` has the same names (a test compares them); bench/gpu.sh reads images without pydantic.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
HEAD = 64  # bytes that tell the format
UNKNOWN = "not an image of a known format"
EXPORT = "export the photo as JPEG or PNG"
RAW = "camera raw ({}), which has no finished pixels: " + EXPORT


class Kind(NamedTuple):
    """What a file is.

    Attributes:
        name: one of `FORMATS`, or words for another format.
        begins: a pattern of its first bytes.
        remedy: what to do with a file of another format; "" for one of `FORMATS`.
    """

    name: str
    begins: bytes
    remedy: str = ""


# A file of the ISO base media format names its brands: the main one, a version, others.
BOX = rb"....ftyp"
KINDS = (
    Kind("JPEG", rb"\xff\xd8\xff"),
    Kind("PNG", rb"\x89PNG\r\n\x1a\n"),
    Kind("WEBP", rb"RIFF....WEBP"),
    Kind("GIF", rb"GIF8[79]a"),
    Kind("JPEG2000", rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    Kind("AVIF", BOX + rb"(avif|avis|(mif1|msf1)(?!.{,44}hei[cxms]).{,44}avi[fs])"),
    Kind("HEIF", BOX + rb"(hei[cxms]|hev[cxms]|mif1|msf1)"),
    Kind("Canon camera raw", BOX + rb"crx ", RAW.format("CR3")),
    Kind("video", BOX + rb"|\x1aE\xdf\xa3|RIFF....AVI |\x00\x00\x01\xba|....moov|....mdat|....wide", "a video: {}"),
    Kind("Canon camera raw", rb"(II\*\x00|MM\x00\*)....CR", RAW.format("CR2")),
    Kind("TIFF", rb"(II|MM)([*+]\x00|\x00[*+])"),
    Kind("Olympus camera raw", rb"IIR[OS]|MMOR", RAW.format("ORF")),
    Kind("Panasonic camera raw", rb"IIU\x00", RAW.format("RW2")),
    Kind("Fujifilm camera raw", rb"FUJIFILMCCD-RAW", RAW.format("RAF")),
    Kind("BMP", rb"BM"),
    Kind("PPM", rb"P[1-6f]\s"),
    Kind("JPEG XL", rb"\xff\x0a|\x00\x00\x00\x0cJXL ", "JPEG XL, which is not read: convert it to JPEG or PNG (djxl)"),
    Kind("JPEG XR", rb"II\xbc\x01", "JPEG XR, which is not read: " + EXPORT),
    Kind("Photoshop document", rb"8BPS", "a Photoshop document (PSD), which is not read: " + EXPORT),
    Kind("PDF", rb"%PDF", "a PDF document: " + EXPORT),
    Kind("archive", rb"PK\x03\x04|Rar!|7z\xbc\xaf\x27\x1c|\x1f\x8b", "an archive, not an image: unpack it"),
)  # fmt: skip
WITHOUT_HEIF = (
    "HEIC or HEIF, as phones take photos: type `pip install -e '.[heic]'`, which reads them, or convert it to JPEG"
)


def kind_of(data: bytes) -> Kind | None:
    """Recognise a file's format by its first bytes; None for an unknown one.

    >>> kind_of(bytes.fromhex("ff0a")).name
    'JPEG XL'
    """
    return next((kind for kind in KINDS if re.match(kind.begins, data[:HEAD], re.DOTALL)), None)


def is_image(data: bytes) -> bool:
    """Whether a file begins as an image of one of `FORMATS` does."""
    kind = kind_of(data)
    return kind is not None and kind.name in FORMATS


def why_not(data: bytes, formats: Collection[str]) -> str:
    """Say why Pillow recognises no image of the allowed formats, and what to do.

    Args:
        data: the bytes of the file.
        formats: those of `FORMATS` that are allowed, less HEIF where it cannot be read.
    """
    kind = kind_of(data)
    if kind is None:
        return UNKNOWN
    if kind.remedy:
        return kind.remedy.format(EXPORT)
    if kind.name in formats:
        return f"{kind.name} of a kind that is not read, or damaged at its beginning: save it again as JPEG or PNG"
    return f"{kind.name}, which is not one of ingest.formats: add it there, or convert the file"
