"""Metadata never costs a PNG, whatever its size and however damaged it is."""

import struct
import time
import zlib

import pytest
from PIL import PngImagePlugin

from facesift.images.decoding import BadImage, decode, notes, open_image
from facesift.images.png_metadata import MAX_CHUNKS
from tests.images.test_decoding import LIMIT, noise, pixels, stored

MORE_THAN_PILLOW_READS = 2 * PngImagePlugin.MAX_TEXT_CHUNK
HEADER = 33  # bytes up to the end of the chunk IHDR


def chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    crc = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def with_chunks(*chunks: bytes, behind: bool = False) -> bytes:
    data = stored(noise())
    at = data.index(b"IEND") - 4 if behind else HEADER
    return data[:at] + b"".join(chunks) + data[at:]


def xmp(text: bytes, *, compressed: bool = True) -> bytes:
    body = zlib.compress(text) if compressed else text
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0" + bytes([compressed, 0]) + b"\0\0" + body)


LONG = b"layer " * (MORE_THAN_PILLOW_READS // 6)
METADATA = {
    "history_of_photoshop": xmp(b"<photoshop:history>" + LONG),
    "history_not_compressed": xmp(LONG, compressed=False),
    "workflow_of_a_generator": chunk(b"zTXt", b"workflow\0\0" + zlib.compress(LONG)),
    "text": chunk(b"tEXt", b"Comment\0" + LONG),
    "long_profile": chunk(b"iCCP", b"printer\0\0" + zlib.compress(bytes(MORE_THAN_PILLOW_READS))),
    "damaged_text": chunk(b"zTXt", b"a\0\0 no compressed data"),
    "wrong_checksum": chunk(b"tEXt", b"a\0b", checksum=1),
    "wrong_checksum_of_exif": chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0", checksum=1),
    "no_keyword": chunk(b"iTXt", b""),
    "unknown_compression_of_a_profile": chunk(b"iCCP", b"a\0\7b"),
    "short_gamma": chunk(b"gAMA", b""),
    "private": chunk(b"prVt", b"x"),
    "80_MiB_in_100_texts": b"".join(chunk(b"zTXt", b"a%d\0\0" % n + zlib.compress(bytes(800_000))) for n in range(100)),
}


@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("name", METADATA)
def test_metadata_cost_no_pixel(name, behind):
    assert (pixels(decode(with_chunks(METADATA[name], behind=behind), LIMIT)) == pixels(noise())).all()


def test_a_profile_that_is_too_large_is_noted():
    opened = open_image(with_chunks(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(20 << 20)))), LIMIT)
    assert notes(opened) == ("colour profile not usable (damaged or too large): its pixels are taken for sRGB",)


@pytest.mark.parametrize("before", [b"", LONG])
@pytest.mark.parametrize("said", [b'tiff:Orientation="6"', b"<tiff:Orientation>6</tiff:Orientation>"])
def test_the_orientation_in_a_text_of_any_length_is_applied(before, said):
    data = with_chunks(xmp(b"<x " + before + said + b"/>"))
    assert decode(data, LIMIT).size == (20, 30)


def test_exif_as_imagemagick_keeps_it_is_applied():
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    text = b"\nexif\n%8d\n" % len(exif) + exif.hex().encode()
    data = with_chunks(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)))
    assert decode(data, LIMIT).size == (20, 30)


def test_what_is_no_metadata_is_not_left_out():
    palette = noise().convert("P")
    data = stored(palette, transparency=bytes(range(256)))
    assert (pixels(decode(data, LIMIT)) != pixels(palette.convert("RGB"))).any()


def test_a_wrong_checksum_of_pixels_is_bad():
    data = bytearray(stored(noise()))
    data[data.index(b"IDAT") + 200] ^= 1
    with pytest.raises(BadImage):
        decode(bytes(data), LIMIT)


def test_texts_that_unpack_to_gigabytes_cost_no_time():
    bomb = zlib.compress(bytes(200_000_000), 9)
    many = b"".join([chunk(b"zTXt", b"a\0\0" + bomb), xmp(bytes(200_000_000)), chunk(b"iCCP", b"a\0\0" + bomb)] * 10)
    started = time.monotonic()
    decode(with_chunks(many), LIMIT)
    assert time.monotonic() - started < 5


def test_more_chunks_than_any_program_writes_are_refused():
    with pytest.raises(BadImage, match="more than 65536 chunks"):
        decode(with_chunks(chunk(b"IDAT", b"") * (MAX_CHUNKS + 1)), LIMIT)
