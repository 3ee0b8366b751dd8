"""Pixels with an embedded colour profile become sRGB; those without stay as they are."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from facesift.images.decoding import decode, notes, open_image, upright_rgb
from tests.images.test_decoding import LIMIT, noise, pixels, smooth, stored

# Columns: where red, green and blue of a space are in XYZ of the profile connection space.
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
GAMMA = 2.2


def fixed(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))


def profile_of(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    body, table, at = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        whole = data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", at, len(data))
        body, at = body + whole, at + len(whole)
    head = struct.pack(">I4sI4s4s4s", at, b"none", 0x02100000, b"mntr", space, b"XYZ ") + bytes(12) + b"acsp"
    head += bytes(28) + fixed(0.9642) + fixed(1) + fixed(0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def xyz(values) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))


def words(text: bytes) -> dict[bytes, bytes]:
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + bytes(80)
    return {b"desc": described, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz((0.9642, 1, 0.8249))}


def rgb_profile(matrix: np.ndarray, gamma: float = GAMMA) -> bytes:
    colours = {name: xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True)}
    return profile_of(b"RGB ", words(b"a space") | colours | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(gamma)))


def grey_profile(gamma: float) -> bytes:
    return profile_of(b"GRAY", words(b"grey") | {b"kTRC": curve(gamma)})


def in_space(srgb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The numbers that show the same colours in another space of gamma 2.2; `srgb` has shares from 0 to 1."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.clip(linear @ SRGB.T @ np.linalg.inv(matrix).T, 0, 1) ** (1 / GAMMA)


def picture(shares: np.ndarray) -> Image.Image:
    return Image.fromarray((shares * 255).round().astype(np.uint8))


def skin() -> np.ndarray:
    y, x = np.mgrid[0:48, 0:48] / 47
    return np.stack([0.9 - 0.25 * x, 0.45 + 0.2 * y, 0.35 + 0.15 * x], axis=-1)


@pytest.mark.parametrize("matrix", [DISPLAY_P3, ADOBE_RGB], ids=["display_p3", "adobe_rgb"])
@pytest.mark.parametrize(
    ("kind", "options", "away"),
    [
        ("PNG", {}, 2), ("TIFF", {}, 2), ("WEBP", {"lossless": True}, 2),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 5), ("JPEG", {"quality": 100, "subsampling": 0}, 5),
    ],
)  # fmt: skip
def test_one_picture_has_one_value_whatever_space_it_was_stored_in(matrix, kind, options, away):
    data = stored(picture(in_space(skin(), matrix)), kind, icc_profile=rgb_profile(matrix), **options)
    assert np.abs(pixels(decode(data, LIMIT)) - pixels(picture(skin()))).max() <= away


def test_without_regard_to_the_profile_the_picture_would_be_another():
    assert np.abs(pixels(picture(in_space(skin(), DISPLAY_P3))) - pixels(picture(skin()))).max() > 10


def test_jpeg_2000_with_a_profile_shows_the_picture():
    data = stored(picture(in_space(skin(), DISPLAY_P3)), "JPEG2000")
    at = data.index(b"colr") - 4
    box = b"colr\2\0\0" + rgb_profile(DISPLAY_P3)
    header = data.index(b"jp2h") - 4
    grown = data[:header] + struct.pack(">I", int.from_bytes(data[header : header + 4], "big") + len(box) + 4 - 15)
    data = grown + data[header + 4 : at] + struct.pack(">I", len(box) + 4) + box + data[at + 15 :]
    assert np.abs(pixels(decode(data, LIMIT)) - pixels(picture(skin()))).max() <= 2


def test_a_profile_is_applied_before_transparency_is_blended():
    seen = picture(in_space(skin(), DISPLAY_P3))
    seen.putalpha(128)
    expected = picture(skin())
    expected.putalpha(128)
    with_profile = decode(stored(seen, icc_profile=rgb_profile(DISPLAY_P3)), LIMIT)
    assert np.abs(pixels(with_profile) - pixels(decode(stored(expected), LIMIT))).max() <= 2


def test_a_palette_has_the_profile_of_its_colours():
    seen = Image.new("P", (4, 4), 0)
    red = picture(in_space(np.full((1, 1, 3), [0.8, 0.3, 0.2]), DISPLAY_P3)).getpixel((0, 0))
    seen.putpalette([*red, 0, 0, 0])
    away = pixels(decode(stored(seen, icc_profile=rgb_profile(DISPLAY_P3)), LIMIT))[0, 0] - [204, 76.5, 51]
    assert np.abs(away).max() <= 2


def test_grey_with_a_profile_gets_the_brightness_it_means():
    data = stored(Image.new("L", (4, 4), 128), icc_profile=grey_profile(1.0))
    assert pixels(decode(data, LIMIT))[0, 0].tolist() == pytest.approx([188] * 3, abs=1)  # half the light in sRGB


def test_a_grey_jpeg_with_the_profile_of_a_colour_space_uses_its_curve():
    data = stored(Image.new("L", (4, 4), 128), icc_profile=rgb_profile(SRGB, gamma=1.0))
    assert pixels(decode(data, LIMIT))[0, 0].tolist() == pytest.approx([188] * 3, abs=1)


def test_an_srgb_profile_changes_no_pixel():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (pixels(decode(stored(noise(), icc_profile=profile), LIMIT)) == pixels(noise())).all()


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "JPEG", "quality": 75}, {"kind": "JPEG", "quality": 95, "subsampling": 0}, {"kind": "PNG"},
        {"kind": "JPEG", "progressive": True}, {"kind": "PNG", "compress_level": 1},
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_without_a_profile_pixels_are_those_that_pillow_gives(options, mode):
    data = stored(noise(60, 90).convert(mode), **options)
    assert (pixels(decode(data, LIMIT)) == pixels(Image.open(io.BytesIO(data)).convert("RGB"))).all()


def test_a_conversion_gives_the_same_bytes_each_time():
    data = stored(noise(60, 90), icc_profile=rgb_profile(DISPLAY_P3))
    assert decode(data, LIMIT).tobytes() == decode(bytes(bytearray(data)), LIMIT).tobytes()


@pytest.mark.parametrize("profile", [b"\0" * 1_200_000, b"no profile", rgb_profile(DISPLAY_P3)[:200]])
def test_a_damaged_profile_is_noted_and_the_pixels_are_as_stored(profile):
    opened = open_image(stored(smooth(), icc_profile=profile), LIMIT)
    assert (pixels(upright_rgb(opened)) == pixels(smooth())).all()
    assert notes(opened)[0].startswith("colour profile not usable")


def test_a_profile_for_other_pixels_is_noted():
    opened = open_image(stored(smooth(), icc_profile=grey_profile(1.0)), LIMIT)
    assert (pixels(upright_rgb(opened)) == pixels(smooth())).all()
    assert notes(opened) == (
        "colour profile not usable (it is for L, the image is RGB): its pixels are taken for sRGB",
    )


def cmyk_profile() -> bytes:
    """A printer whose paper is white and whose inks take light away in equal parts, as a table of 2 x 2 x 2 x 2."""
    grid = [
        np.array([1 - cyan, 1 - magenta, 1 - yellow]) * (1 - black)
        for cyan in (0, 1) for magenta in (0, 1) for yellow in (0, 1) for black in (0, 1)
    ]  # fmt: skip
    lab = [_lab(SRGB @ light) for light in grid]
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + b"".join(map(fixed, np.eye(3).ravel()))
    table += bytes(range(256)) * 4 + bytes(np.array(lab).ravel().tolist()) + bytes(range(256)) * 3
    head = profile_of(b"CMYK", words(b"print") | {b"A2B0": table})
    return head[:12] + b"prtr" + b"CMYKLab " + head[24:]


def _lab(light: np.ndarray) -> list[int]:
    x, y, z = np.cbrt(np.maximum(light / [0.9642, 1, 0.8249], 0))
    values = [116 * y - 16, 500 * (x - y) + 128, 200 * (y - z) + 128]
    return [int(np.clip(round(v), 0, 255)) for v in (values[0] * 2.55, values[1], values[2])]


@pytest.mark.parametrize(
    ("inks", "seen"), [((0, 0, 0, 0), (255, 255, 255)), ((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 255), (0, 0, 0))]
)
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_converted_by_its_profile(inks, seen, kind):
    data = stored(Image.new("CMYK", (8, 8), inks), kind, icc_profile=cmyk_profile())
    opened = open_image(data, LIMIT)
    assert pixels(upright_rgb(opened))[4, 4].tolist() == pytest.approx(list(seen), abs=12)
    assert not notes(opened)
