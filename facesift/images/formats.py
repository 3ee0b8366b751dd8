"""Image formats by their first bytes: which are read, and what to do with a file of another one."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

# Other formats are refused: some start programs (EPS runs Ghostscript), and none is used for photos. The parameter
# `ingest.formats` has the same names (a test compares them); bench/gpu.sh reads images without pydantic.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
HEAD = 264  # bytes that tell the format; a tar is known by those from 257 on
UNKNOWN = "not an image of a known format"
EXPORT = "export the photo as JPEG or PNG"
ARCHIVE = "an archive, not an image: unpack it"
OFFICE = (
    rb"PK\x03\x04.{26}(\[Content_Types\]|_rels/|mimetype|docProps/|word/|xl/|ppt/)|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
)
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
    Kind("office document", OFFICE, "an office document, not an image: export its pictures, or leave it out"),
    Kind(
        "archive",
        rb"PK\x03\x04|PK\x05\x06|Rar!|7z\xbc\xaf\x27\x1c|\x1f\x8b|BZh[1-9]1AY|\xfd7zXZ\x00|\x28\xb5\x2f\xfd|\x04\x22\x4d\x18|"
        rb"LZIP|MSCF|\x89HDF\r\n|ARROW1|.{257}ustar",
        ARCHIVE,
    ),
    Kind("Git LFS pointer", rb"version https://git-lfs", "a Git LFS pointer, not the file itself: type git lfs pull"),
    Kind("annex pointer", rb"/annex/objects/|\.\.?/.{0,99}annex/objects/", "a git-annex pointer: type git annex get"),
    Kind("web page", rb"(?i:\s*<(!doctype html|html|head))", "a web page, as failed downloads are: download it again"),
    Kind("SVG drawing", rb"\s*(<\?xml.{0,200})?<svg", "an SVG drawing, not a photo: " + EXPORT),
    Kind("zeros", rb"\x00{32,}$", "nothing but zeros at its beginning, as after a broken copy: copy it again"),
)  # fmt: skip
STAND_INS = ("Git LFS pointer", "annex pointer", "web page", "zeros")  # what is there instead of a file
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


def what_else(path: Path) -> str:
    """Say what a file is that is called an archive and is none: a pointer, a web page, zeros; "" for anything else."""
    try:
        with path.open("rb") as file:
            kind = kind_of(file.read(HEAD))
    except OSError:
        return ""
    return kind.remedy if kind and kind.name in STAND_INS else ""


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
