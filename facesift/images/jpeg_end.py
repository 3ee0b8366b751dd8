"""Looks whether a JPEG has its end marker, and whether all its rows are there where it has none."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, product, starmap
from typing import NamedTuple

from PIL.JpegImagePlugin import JpegImageFile

from facesift.images.bad_image import BadImage

END = b"\xff\xd9"
NO_END = "no end marker; all its rows are there"
# Each of them costs time, and Pillow looks at each byte of what lies between segments.
MAX_SEGMENTS, MAX_SCANS, MAX_JUNK = 10_000, 40, 65536
COEFFICIENTS = range(64)
MAX_ZEROS = 2  # at the end of a file without end marker that may belong to the last row
# Bits that a cut scan would go on with, and with each restart marker: what stands before a wrong one is skipped.
CONTINUATIONS = tuple(
    bits * 4 + b"".join(bytes([0xFF, 0xD0 + number % 8]) + bits for number in range(16))
    for bits in (
        b"\xaa" * 16,
        b"\x33" * 16,
        b"\xff\0" * 16,
        bytes(byte for byte in hashlib.sha256(b"bits").digest() if byte != 0xFF),
    )
)
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # but the restart markers, which stand inside a scan


class Segment(NamedTuple):
    """A marker, and the bytes of its segment; none for a marker that stands alone."""

    marker: int
    body: bytes


@dataclass
class Scans:
    """The scans of a JPEG: passes over its rows, each of some components and coefficients.

    Attributes:
        ended: whether the end marker follows.
        progressive: whether coefficients come in several scans.
        components: ids of the components that the header names.
        finished: the components of each scan, and their coefficients that have all their bits with it.
    """

    ended: bool = False
    progressive: bool = False
    components: bytes = b""
    finished: list[tuple[bytes, range]] = field(default_factory=list)

    @property
    def all_there(self) -> bool:
        """Whether each coefficient of each component is in some scan with all its bits, be the scan cut off or not."""
        pairs = set(chain.from_iterable(starmap(product, self.finished)))
        return bool(self.finished) and pairs.issuperset(product(self.components, COEFFICIENTS))


def read_scans(data: bytes) -> Scans:
    """Read the headers of a JPEG's scans, up to the end marker of its first picture.

    Args:
        data: the bytes of a JPEG file. What follows the end marker (further pictures, the video of a motion photo) is
            not read.

    Raises:
        BadImage: when reading the image would take long: too many segments or scans, or much between them.
    """
    scans = Scans()
    for number, (marker, body) in enumerate(_segments(data)):
        if number > MAX_SEGMENTS:
            raise BadImage(f"more than {MAX_SEGMENTS} segments: save it again")
        if marker == END[1]:
            scans.ended = True
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:  # start of frame, and not tables
            scans.components = body[6::3]
            scans.progressive = marker in {0xC2, 0xC6, 0xCA, 0xCE}
        elif marker == 0xDA and body:
            scans.finished.append(_finished(body, progressive=scans.progressive))
        if len(scans.finished) > MAX_SCANS:
            raise BadImage(f"more than {MAX_SCANS} scans: save it again")
    return scans


def _segments(data: bytes) -> Iterator[Segment]:
    at, scanned = 2, False
    while found := _MARKER.search(data, at):
        if not scanned and found.start() - at > MAX_JUNK:
            raise BadImage(f"damaged image: {found.start() - at} bytes between its segments")
        marker, at = data[found.end() - 1], found.end()
        if marker in {0x01, 0xD8}:
            continue
        if marker == END[1]:
            yield Segment(marker, b"")
            return
        length = int.from_bytes(data[at : at + 2], "big")
        yield Segment(marker, data[at + 2 : at + length])
        at, scanned = at + max(length, 2), marker == 0xDA


def _finished(body: bytes, *, progressive: bool) -> tuple[bytes, range]:
    """Return the components of a scan, and which of their coefficients it finishes: those whose lowest bit is there."""
    components = body[1 : 1 + 2 * body[0] : 2]
    if not progressive:
        return components, COEFFICIENTS
    first, last, bits = body[-3:] if len(body) > 3 else (0, 0, 1)
    return components, COEFFICIENTS[first : last + 1] if bits & 0x0F == 0 else range(0)


def with_end(data: bytes, scans: Scans) -> bytes:
    """Put the end marker to a JPEG that has none, if all its rows are there.

    The rows are there if it does not matter what follows the data: the rest of a cut scan would be read from it.

    Args:
        data: the bytes of a JPEG file without end marker, perhaps with zeros at its end.
        scans: its scans.

    Raises:
        BadImage: when rows are missing.
    """
    if scans.all_there:
        sure = len(data.rstrip(b"\0"))
        for cut in sorted({min(sure + zeros, len(data)) for zeros in range(MAX_ZEROS + 1)}):
            rows = data[: cut - 1] if data[cut - 1] == 0xFF else data[:cut]  # half of the end marker
            if _whole(rows):
                return rows + END
    raise BadImage("damaged image: the file ends before its last row")


def _whole(rows: bytes) -> bool:
    """Whether a JPEG's pixels are the same whatever follows its data."""
    picture = _picture(rows + END)  # the decoder takes zeros for bits that are missing
    return picture is not None and all(_picture(rows + after + END) == picture for after in CONTINUATIONS)


def _picture(data: bytes) -> str | None:
    """Return a hash of a JPEG's pixels; None where it cannot be decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return hashlib.sha256(JpegImageFile(io.BytesIO(data)).tobytes()).hexdigest()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not whole
        return None
