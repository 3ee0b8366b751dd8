"""What Pillow does not look at in a JPEG 2000: whether its data are all there, and its colour profile."""

from __future__ import annotations

import struct

from facesift.images.bad_image import BadImage

START, TILE = b"\xff\x4f\xff\x51", b"\xff\x90"
PROFILE = b"colr\2"  # a box with an ICC profile
MAX_TILES = 65535
SHORT = "damaged image: its data are not all there"


def check_complete(data: bytes) -> None:
    """Check that each tile of a JPEG 2000 has all its data: the decoder takes missing ones for grey.

    Raises:
        BadImage: when data are missing.
    """
    begin = data.find(START)
    try:
        tiles = _number_of_tiles(data, begin)
        if begin < 0 or tiles > MAX_TILES or len(_tiles(data, _first_tile(data, begin + 2))) < tiles:
            raise BadImage(SHORT)
    except (struct.error, ZeroDivisionError):
        raise BadImage(SHORT) from None


def read_profile(data: bytes) -> bytes | None:
    """Return the colour profile that stands before the data of a JPEG 2000; None without one."""
    at = data.find(PROFILE, 0, max(data.find(START), 0))
    return data[at + 7 : at - 4 + int.from_bytes(data[at - 4 : at], "big")] if at >= 4 else None


def _number_of_tiles(data: bytes, begin: int) -> int:
    width, height, _, _, tile_width, tile_height, left, top = struct.unpack_from(">8I", data, begin + 8)
    return -(-(width - left) // tile_width) * -(-(height - top) // tile_height)


def _first_tile(data: bytes, at: int) -> int:
    """Return where the first tile begins, after the segments of the main header."""
    while data[at : at + 2] != TILE:
        at += 2 + max(2, *struct.unpack_from(">H", data, at + 2))
    return at


def _tiles(data: bytes, at: int) -> set[int]:
    """Return the numbers of the tiles that have data."""
    seen: set[int] = set()
    while data[at : at + 2] == TILE:
        number, length = struct.unpack_from(">HI", data, at + 4)
        at = at + length if length else len(data)  # 0: up to the end
        if length and (length < 14 or at > len(data)):
            break
        seen.add(number)
    return seen
