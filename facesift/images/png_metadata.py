"""Takes out of a PNG what is no pixel: texts and profiles of any size, and damaged ones, cost no image."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from facesift.images.bad_image import BadImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What decides over the pixels, beside the chunks with a capital letter: transparency, the frames of an animation.
PIXELS = frozenset({b"tRNS", b"acTL", b"fcTL", b"fdAT"})
MAX_CHUNKS = 65536
MAX_PROFILE = 1 << 24  # bytes of a colour profile; those of printers have 0.5 to 3 MB
MAX_XMP = 1 << 26
XMP = b"XML:com.adobe.xmp\0"
EXIF_TEXT = b"Raw profile type exif\0"  # how ImageMagick keeps it
MAX_EXIF = 1 << 20
ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([0-9])")


class Chunk(NamedTuple):
    """A part of a PNG file: its type, its data, and all its bytes."""

    kind: bytes
    data: bytes
    whole: bytes


class Png(NamedTuple):
    """A PNG without its metadata.

    Attributes:
        data: the bytes of the file, with the orientation as the one text that may be in it.
        profile: the embedded colour profile; None without one, empty where it is damaged or too large.
    """

    data: bytes
    profile: bytes | None


def without_metadata(data: bytes) -> Png:
    """Leave the chunks of a PNG that its pixels need, and its colour profile and orientation.

    Pillow refuses a PNG with more than 1 MiB in a text or profile, which Photoshop writes, or with a damaged one.

    Args:
        data: the bytes of a PNG file. What follows the end or a damaged place stays as it is.

    Raises:
        BadImage: when there are more than `MAX_CHUNKS` chunks, which take long to read.
    """
    kept, end = [SIGNATURE], len(SIGNATURE)
    profile = oriented = None  # of several the first
    for number, chunk in enumerate(_chunks(data)):
        if number >= MAX_CHUNKS:
            raise BadImage(f"more than {MAX_CHUNKS} chunks: save it again")
        end += len(chunk.whole)
        if chunk.kind == b"iCCP":
            profile = _inflate(chunk.data.partition(b"\0")[2][1:], MAX_PROFILE) if profile is None else profile
        elif chunk.kind == b"iTXt" and chunk.data.startswith(XMP):
            oriented = _orientation(chunk.data) if oriented is None else oriented
        elif _needed(chunk):
            kept.append(chunk.whole)
    if oriented:
        kept.insert(2, oriented)  # behind the header
    return Png(b"".join([*kept, data[end:]]), profile)


def _chunks(data: bytes) -> Iterator[Chunk]:
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        kind = data[at + 4 : at + 8]
        if end > len(data) or not kind.isalpha():
            return
        yield Chunk(kind, data[at + 8 : end - 4], data[at:end])
        if kind == b"IEND":
            return
        at = end


def _needed(chunk: Chunk) -> bool:
    if chunk.kind[:1].isupper() or chunk.kind in PIXELS:
        return True
    if zlib.crc32(chunk.kind + chunk.data) != int.from_bytes(chunk.whole[-4:], "big") or len(chunk.data) > MAX_EXIF:
        return False
    if chunk.kind == b"zTXt" and chunk.data.startswith(EXIF_TEXT):
        return bool(_inflate(chunk.data[len(EXIF_TEXT) + 1 :], MAX_EXIF))
    return chunk.kind == b"eXIf" or (chunk.kind == b"tEXt" and chunk.data.startswith(EXIF_TEXT))


def _inflate(data: bytes, most: int) -> bytes:
    """Return what a compressed text or profile holds; nothing where it is damaged or larger than allowed."""
    machine = zlib.decompressobj()
    try:
        text = machine.decompress(data, most)
    except zlib.error:
        return b""
    return text if machine.eof else b""


def _orientation(data: bytes) -> bytes:
    """Return a chunk with the orientation that a text in Adobe's XMP gives, since Pillow applies it."""
    compressed, rest = data[len(XMP) : len(XMP) + 1], data[len(XMP) + 2 :]
    text = rest.partition(b"\0")[2].partition(b"\0")[2]  # after a language and a translated keyword
    found = ORIENTATION.search(_inflate(text, MAX_XMP) if compressed == b"\1" else text)
    if not found:
        return b""
    body = b"iTXt" + XMP + b'\0\0\0\0<x tiff:Orientation="' + found[1] + b'"/>'
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
