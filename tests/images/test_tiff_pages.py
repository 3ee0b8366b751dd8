"""Of a TIFF with several images the photo is taken, and camera raw files are refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from facesift.images.decoding import BadImage, decode
from tests.images.test_decoding import noise, pixels, stored

LIMIT = 10**6
REDUCED, FULL = 1, 0


def tagged(kind: int | None = None) -> TiffImagePlugin.ImageFileDirectory_v2:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    if kind is not None:
        tags[254] = kind
    return tags


def pages(*images: tuple[Image.Image, int | None], big: bool = False) -> bytes:
    """A TIFF of several images, each perhaps marked as a reduced copy."""
    buffer = io.BytesIO()
    (first, kind), *rest = images
    others = []
    for image, mark in rest:
        image.encoderinfo = {"tiffinfo": tagged(mark)}
        others.append(image)
    first.save(buffer, "TIFF", save_all=True, append_images=others, tiffinfo=tagged(kind), big_tiff=big)
    return buffer.getvalue()


def raw(width: int, height: int, colours: int, *, kind: int = FULL, below: bytes = b"", order: str = "<") -> bytes:
    """The tags and grey pixels of one image whose sub-image's tags are `below`; its offsets start at 8."""
    tags = [(254, 4, 1, kind), (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1)]
    tags += [(262, 3, 1, colours), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, width * height)]
    tags = sorted([*tags, (273, 4, 1, 0), *([(330, 4, 1, 0)] if below else [])])
    room = 8 + 2 + 12 * len(tags) + 4
    at = {273: room, 330: room + width * height}
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, type_, count)
        + struct.pack(f"{order}{'HH' if type_ == 3 else 'I'}", *([value, 0] if type_ == 3 else [at.get(tag, value)]))
        for tag, type_, count, value in tags
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return head + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + bytes([90]) * (width * height) + below


def tags_of(data: bytes) -> bytes:
    return data[8:]


def small(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 5, image.height // 5))


@pytest.mark.parametrize("big", [False, True], ids=["tiff", "big_tiff"])
@pytest.mark.parametrize("kind", [REDUCED, None], ids=["marked", "not_marked"])
def test_a_thumbnail_before_the_photo_is_passed(kind, big):
    photo = noise(100, 150)
    assert (pixels(decode(pages((small(photo), kind), (photo, None), big=big), LIMIT)) == pixels(photo)).all()


def test_a_thumbnail_behind_the_photo_is_not_taken():
    photo = noise(100, 150)
    assert (pixels(decode(pages((photo, None), (small(photo), REDUCED)), LIMIT)) == pixels(photo)).all()


def test_of_several_pages_the_first_is_taken():
    first, second = noise(100, 150), Image.new("RGB", (160, 108))
    assert (pixels(decode(pages((first, None), (second, None)), LIMIT)) == pixels(first)).all()


def test_a_larger_page_of_another_shape_is_not_the_photo_of_the_first():
    first, second = noise(50, 80), Image.new("RGB", (300, 300))
    assert (pixels(decode(pages((first, None), (second, None)), LIMIT)) == pixels(first)).all()


def test_the_photo_behind_a_thumbnail_has_to_keep_the_limit():
    photo = noise(100, 150)
    with pytest.raises(BadImage, match="150 x 100 pixels, more than 10000"):
        decode(pages((small(photo), REDUCED), (photo, None)), 10_000)


@pytest.mark.parametrize("order", ["<", ">"], ids=["intel", "motorola"])
@pytest.mark.parametrize("colours", [32803, 34892], ids=["sensor", "linear_raw"])
def test_a_camera_raw_file_is_refused_by_name(colours, order):
    sensor = tags_of(raw(90, 60, colours, order=order))
    with pytest.raises(BadImage, match=r"camera raw \(DNG.*\), which has no finished pixels: export the photo as JPEG"):
        decode(raw(9, 6, 1, kind=REDUCED, below=sensor, order=order), LIMIT)


@pytest.mark.parametrize("kind", [REDUCED, FULL], ids=["marked", "not_marked"])
def test_a_thumbnail_above_the_photo_is_refused(kind):
    with pytest.raises(BadImage, match="its first image is a thumbnail, and the photo is in a sub-image"):
        decode(raw(9, 6, 1, kind=kind, below=tags_of(raw(90, 60, 1))), LIMIT)


def test_small_copies_below_the_photo_do_not_matter():
    assert decode(raw(90, 60, 1, below=tags_of(raw(9, 6, 1, kind=REDUCED))), LIMIT).size == (90, 60)


def test_a_thumbnail_alone_is_refused():
    with pytest.raises(BadImage, match="a thumbnail without the photo"):
        decode(raw(9, 6, 1, kind=REDUCED), LIMIT)


def test_a_damaged_later_image_does_not_matter():
    data = bytearray(stored(noise(), "TIFF"))
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    data[start + 2 + 12 * count : start + 6 + 12 * count] = struct.pack("<I", len(data) - 3)
    assert (pixels(decode(bytes(data), LIMIT)) == pixels(noise())).all()


def test_an_image_in_very_many_strips_is_refused():
    strips = np.zeros(200_000, "<u4").tobytes()
    tags = [(256, 4, 1, 2), (257, 4, 1, 200_000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 200_000, 8), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, 200_000, 8)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    data = b"II*\0" + struct.pack("<I", 8 + len(strips)) + strips + struct.pack("<H", len(tags)) + entries + bytes(4)
    with pytest.raises(BadImage, match="an image in 200000 parts"):
        decode(data, LIMIT)


def test_a_page_of_a_kind_that_pillow_lacks_is_a_bad_image():
    data = pages((noise(8, 8), REDUCED), (noise(40, 40), FULL))
    entry = struct.pack("<HHIHH", 262, 3, 1, 2, 0)  # PhotometricInterpretation: RGB
    last = data.rindex(entry)
    strange = data[:last] + struct.pack("<HHIHH", 262, 3, 1, 10, 0) + data[last + len(entry) :]
    with pytest.raises(BadImage, match="TIFF"):
        decode(strange, LIMIT)
