"""JPEGs without end marker, with data behind it, and with several pictures."""

import io

import pytest
from PIL import Image

from facesift.images.decoding import BadImage, decode, notes, open_image
from facesift.images.jpeg_end import NO_END, read_scans
from tests.images.test_decoding import LIMIT, noise, pixels, smooth, stored

WAYS = {
    "baseline": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_rows": 1},
    "block_restarts": {"restart_marker_blocks": 3}, "own_tables": {"optimize": True, "quality": 30},
}  # fmt: skip
PICTURES = {"noise": noise(64, 72), "smooth": smooth(64, 72), "flat": Image.new("RGB", (64, 72), (90, 120, 40))}
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(2000)


def jpeg(picture: str, way: str, mode: str = "RGB") -> bytes:
    return stored(PICTURES[picture].convert(mode), "JPEG", **WAYS[way])


def seen(data: bytes):
    return pixels(Image.open(io.BytesIO(data)).convert("RGB"))


def taken(data: bytes) -> bool:
    try:
        decode(data, LIMIT)
    except BadImage:
        return False
    return True


every_way = pytest.mark.parametrize("way", WAYS)
every_picture = pytest.mark.parametrize("picture", PICTURES)


@every_picture
@every_way
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("lost", [1, 2])
def test_without_end_marker_the_pixels_are_all_there(picture, way, mode, lost):
    whole = jpeg(picture, way, mode)
    assert (pixels(decode(whole[:-lost], LIMIT)) == seen(whole)).all()


@every_picture
@every_way
def test_a_missing_end_marker_is_noted(picture, way):
    assert notes(open_image(jpeg(picture, way)[:-2], LIMIT)) == (NO_END,)


@every_picture
@every_way
def test_a_whole_file_has_no_note(picture, way):
    assert not notes(open_image(jpeg(picture, way), LIMIT))


@every_picture
@every_way
def test_zeros_in_place_of_the_end_marker_do_not_matter(picture, way):
    whole = jpeg(picture, way)
    assert (pixels(decode(whole[:-2] + bytes(500), LIMIT)) == seen(whole)).all()


@every_way
@pytest.mark.parametrize("share", [0.5, 0.75, 0.9, 0.99])
@pytest.mark.parametrize("rest", [b"", bytes(500)], ids=["cut", "zeros"])
def test_rows_that_are_missing_are_bad(way, share, rest):
    whole = jpeg("noise", way)
    assert not taken(whole[: int(len(whole) * share)] + rest)


@pytest.mark.parametrize("way", ["baseline", "progressive", "block_restarts"])
@pytest.mark.parametrize("picture", ["noise", "smooth"])
def test_no_cut_changes_a_pixel_that_is_taken(picture, way):
    whole = jpeg(picture, way)
    for lost in range(1, 200):
        if taken(whole[:-lost]):
            assert (pixels(decode(whole[:-lost], LIMIT)) == seen(whole)).all()


def test_a_progressive_file_without_its_last_scans_is_bad():
    whole = jpeg("smooth", "progressive")
    scan = whole.rindex(b"\xff\xda")
    assert not taken(whole[:scan])


@every_way
def test_the_video_of_a_motion_photo_does_not_matter(way):
    whole = jpeg("noise", way)
    assert (pixels(decode(whole + VIDEO, LIMIT)) == seen(whole)).all()


def test_of_several_pictures_the_first_is_taken():
    data = stored(noise(), "MPO", save_all=True, append_images=[Image.new("RGB", (10, 10)), Image.new("RGB", (30, 20))])
    assert (pixels(decode(data, LIMIT)) == seen(stored(noise(), "JPEG"))).all()


@pytest.mark.parametrize("flipped", range(0, 60, 3))
def test_damaged_news_of_further_pictures_cost_no_photo(flipped):
    data = bytearray(stored(noise(), "MPO", save_all=True, append_images=[Image.new("RGB", (10, 10))]))
    data[data.index(b"MPF\0") + 4 + flipped] ^= 0xFF
    assert (pixels(decode(bytes(data), LIMIT)) == seen(stored(noise(), "JPEG"))).all()


def test_the_end_marker_of_a_thumbnail_is_not_that_of_the_photo():
    exif = Image.Exif()
    exif[0x9C9B] = jpeg("flat", "baseline")
    whole = stored(noise(), "JPEG", exif=exif)
    assert read_scans(whole).ended
    assert not read_scans(whole[:-2]).ended


@pytest.mark.parametrize(
    ("more", "at", "why"),
    [
        (b"\xff\xfe\0\2" * 20_000, 2, "more than 10000 segments"),
        (b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0" * 100, -2, "more than 40 scans"),
        (bytes(100_000), 2, "100000 bytes between its segments"),
    ],
    ids=["segments", "scans", "junk"],
)
def test_what_only_costs_time_is_refused(more, at, why):
    whole = stored(noise(), "JPEG", progressive=True)
    start = whole[:at] if at < 0 else whole[:2] + (b"\xff\xfe\0\2" if more[0] == 0 else b"")
    with pytest.raises(BadImage, match=why):
        decode(start + more + whole[at:], LIMIT)
