"""Which formats are read, what others are told, and what an image may cost."""

import io
import struct
import sys
import time
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facesift.config.data import ImageFormat
from facesift.images import opening
from facesift.images.decoding import BadImage, decode, open_image
from facesift.images.formats import FORMATS
from tests.images.test_decoding import LIMIT, noise, pixels, stored

SAVED = {
    "MPO": {},
    "JPEG": {},
    "PNG": {},
    "WEBP": {},
    "AVIF": {},
    "GIF": {},
    "BMP": {},
    "TIFF": {},
    "PPM": {},
    "JPEG2000": {},
}
BIG = 60_000_000


def box(brand: bytes, *others: bytes) -> bytes:
    body = b"ftyp" + brand + bytes(4) + b"".join(others)
    return struct.pack(">I", len(body) + 4) + body + b"\0\0\0\x0cmeta\0\0\0\0" + bytes(400)


def why(data: bytes, limit: int = LIMIT, formats=FORMATS) -> str:
    with pytest.raises(BadImage) as caught:
        decode(data, limit, formats)
    return caught.value.reason


@pytest.fixture
def without_heif(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    opening._reads_heif.cache_clear()
    yield
    opening._reads_heif.cache_clear()


@pytest.mark.parametrize("kind", SAVED)
def test_each_format_is_read(kind):
    assert decode(stored(noise(), kind), LIMIT).size == (30, 20)


@pytest.mark.parametrize("kind", [kind for kind in SAVED if kind != "MPO"])
def test_a_format_that_is_not_allowed_is_refused_by_name(kind):
    formats = [other for other in FORMATS if other != kind]
    assert why(stored(noise(), kind), formats=formats) == (
        f"{kind}, which is not one of ingest.formats: add it there, or convert the file"
    )


@pytest.mark.usefixtures("without_heif")
@pytest.mark.parametrize(
    "data", [box(b"heic", b"mif1", b"heic"), box(b"mif1", b"mif1", b"heic"), box(b"hevc", b"msf1"), box(b"heix")]
)
def test_a_photo_of_a_phone_names_the_extra_that_reads_it(data):
    assert "HEIC" in why(data)
    assert "pip install -e '.[heic]'" in why(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\x0a" + bytes(90), "JPEG XL, which is not read: convert it to JPEG or PNG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(90), "JPEG XL, which is not read"),
        (b"8BPS\0\1" + bytes(90), "Photoshop document"),
        (b"%PDF-1.7" + bytes(90), "PDF document"),
        (box(b"qt  "), "a video"),
        (box(b"isom", b"mp42"), "a video"),
        (b"\x1aE\xdf\xa3" + bytes(90), "a video"),
        (box(b"crx "), r"camera raw \(CR3\)"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(90), r"camera raw \(CR2\)"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(90), r"camera raw \(RAF\)"),
        (b"Rar!\x1a\7\0" + bytes(90), "archive, not an image: unpack it"),
        (b"PK\3\4" + bytes(90), "archive, not an image: unpack it"),
    ],
)
def test_other_formats_are_refused_by_name_with_a_remedy(data, words):
    with pytest.raises(BadImage, match=words):
        decode(data, LIMIT)


def test_a_jpeg_of_12_bits_is_said_to_be_of_another_kind():
    data = bytearray(stored(noise(), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    assert (
        why(bytes(data)) == "JPEG of a kind that is not read, or damaged at its beginning: save it again as JPEG or PNG"
    )


def test_more_pixels_than_pillow_allows_are_read_where_the_limit_is_higher(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(stored(noise()), 600).size == (30, 20)


def test_the_limit_of_pillow_stays_where_ours_is_lower(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    decode(stored(noise()), 900)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_a_huge_image_in_few_bytes_is_no_photo():
    assert why(stored(Image.new("L", (7000, 7000), 128), "JPEG2000"), BIG).endswith("bytes: no photo is so small")


def test_a_white_page_is_read():
    assert decode(stored(Image.new("RGB", (4000, 4000), "white")), BIG).size == (4000, 4000)


@pytest.mark.parametrize("tiles", [{}, {"tile_size": (16, 16)}])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.9, 0.99])
def test_jpeg_2000_without_all_its_data_is_bad(tiles, share):
    data = stored(noise(64, 64), "JPEG2000", **tiles)
    assert "not all there" in why(data[: int(len(data) * share)])


def rle(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    row = b"\xff\1" * (width // 255) + bytes([width % 255, 1]) + b"\0\0"
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + 1024) + head + bytes(1024) + row * height + b"\0\1"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (rle(3000, 3000), "a run-length coded BMP of 3000 x 3000 pixels takes too long to read: save it as PNG"),
        (b"P3 3000 3000 255\n" + b"1 " * 3_000_000, "a PPM in plain text of 3000 x 3000 pixels takes too long"),
        (b"P3 9 9 255\n" + b"#\n" * 2_000_000, "a PPM in plain text of 9 x 9 pixels takes too long"),
        (b"P6 3000 3000 65535\n" + bytes(54_000_000), "a PPM with scaled values of 3000 x 3000 pixels takes too long"),
    ],
    ids=["bmp", "plain", "comments", "16_bits"],
)
def test_what_takes_long_to_decode_is_refused_at_once(data, words):
    started = time.monotonic()
    assert why(data, BIG).startswith(words)
    assert time.monotonic() - started < 1


def test_a_small_image_in_such_a_way_is_read():
    assert decode(rle(300, 200), BIG).size == (300, 200)
    assert decode(b"P3 2 1 255\n255 0 0  0 0 255\n", BIG).getpixel((1, 0)) == (0, 0, 255)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(SAVED)),
    at=st.floats(0, 1),
    flip=st.integers(1, 255),
    cut=st.floats(0.1, 1),
)
def test_a_damaged_file_is_read_or_bad_and_nothing_else(kind, at, flip, cut):
    data = bytearray(stored(noise(), kind))
    data[int(at * (len(data) - 1))] ^= flip
    try:
        decode(bytes(data[: int(len(data) * cut)]), LIMIT)
    except BadImage as error:
        assert error.reason  # noqa: PT017


def heif(image: Image.Image, **options) -> bytes:
    plugin = pytest.importorskip("pillow_heif", reason="the extra `heic` is not installed")
    plugin.register_heif_opener()
    buffer = io.BytesIO()
    image.save(buffer, "HEIF", quality=95, **options)
    return buffer.getvalue()


def test_heic_is_read_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    ramp = Image.fromarray((np.indices((40, 60)).sum(0)[..., None] * [2, 1, 1]).astype(np.uint8))
    decoded = decode(heif(ramp, exif=exif.tobytes()), LIMIT)
    assert decoded.size == (40, 60)
    assert np.abs(pixels(decoded) - pixels(ramp.transpose(Image.Transpose.ROTATE_270))).mean() < 4


def test_heic_has_its_profile_applied_and_its_format_named():
    from tests.images.test_colour import DISPLAY_P3, in_space, picture, rgb_profile, skin

    data = heif(picture(in_space(skin(), DISPLAY_P3)), icc_profile=rgb_profile(DISPLAY_P3), chroma=444)
    assert open_image(data, LIMIT).format == "HEIF"
    assert np.abs(pixels(decode(data, LIMIT)) - pixels(picture(skin()))).max() <= 8


def test_a_cut_heic_is_bad():
    data = heif(noise(200, 200))
    assert why(data[: len(data) // 2], 10**6)


def test_a_heic_with_too_many_pixels_is_refused_by_its_header():
    assert why(heif(noise(200, 200)), 10_000) == "200 x 200 pixels, more than 10000"


def test_the_parameter_lists_the_formats_that_are_read():
    assert get_args(ImageFormat) == FORMATS
