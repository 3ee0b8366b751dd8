import io

import numpy as np
import pytest
from PIL import Image

from facesift.images.decoding import BACKGROUND, HASH_DIGITS, BadImage, decode, open_image, quantisation_hash, to_square

ORIENTATION = 0x0112
LIMIT = 10_000


def stored(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(height: int = 20, width: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8))


def smooth(height: int = 20, width: int = 30) -> Image.Image:
    ramp = np.linspace(0, 255, width)[None, :, None] * np.linspace(0.3, 1, height)[:, None, None]
    return Image.fromarray((ramp * np.array([1.0, 0.6, 0.3])).astype(np.uint8))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def reason(data: bytes) -> str:
    with pytest.raises(BadImage) as caught:
        decode(data, LIMIT)
    return caught.value.reason


def test_rgb_is_returned_as_stored():
    assert (pixels(decode(stored(noise()), LIMIT)) == pixels(noise())).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGBA", "CMYK", "YCbCr", "LAB", "I"])
def test_every_mode_becomes_8_bit_rgb(mode: str):
    assert decode(stored(smooth().convert(mode), "TIFF"), LIMIT).mode == "RGB"


def test_grey_has_three_equal_channels():
    grey = np.asarray(smooth().convert("L"))
    assert (np.asarray(decode(stored(Image.fromarray(grey)), LIMIT)) == grey[..., None]).all()


def test_cmyk_jpeg_keeps_its_colours():
    decoded = decode(stored(smooth().convert("CMYK"), "JPEG", quality=98, subsampling=0), LIMIT)
    assert np.abs(pixels(decoded) - pixels(smooth())).mean() < 4


def test_palette_is_resolved():
    palette = smooth().convert("P")
    assert (pixels(decode(stored(palette), LIMIT)) == pixels(palette.convert("RGB"))).all()


def test_transparent_palette_entry_shows_the_background():
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([9, 9, 9, 200, 100, 50])
    assert pixels(decode(stored(palette, transparency=1), LIMIT))[0, 0].tolist() == list(BACKGROUND)


def test_transparent_colour_of_rgb_shows_the_background():
    assert decode(stored(Image.new("RGB", (4, 4), (1, 2, 3)), transparency=(1, 2, 3)), LIMIT).getpixel((0, 0)) == (
        BACKGROUND
    )


def test_alpha_mixes_with_the_background():
    half = decode(stored(Image.new("RGBA", (4, 4), (255, 0, 128, 128))), LIMIT)
    assert np.abs(pixels(half)[0, 0] - [191.5, 64, 128]).max() <= 1


def test_grey_with_alpha_mixes_with_the_background():
    assert decode(stored(Image.new("LA", (4, 4), (7, 0))), LIMIT).getpixel((0, 0)) == BACKGROUND


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str):
    deep = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    assert pixels(decode(stored(Image.fromarray(deep), kind), LIMIT))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_16_bit_rgb_is_scaled_not_clipped():
    header = b"P6 2 1 65535\n"
    data = header + np.array([[0, 32896, 65535], [65535, 0, 257]], dtype=">u2").tobytes()
    assert np.abs(pixels(decode(data, LIMIT))[0] - [[0, 128, 255], [255, 0, 1]]).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int):
    turned = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = noise() if turned is None else noise().transpose(turned)
    assert (pixels(decode(stored(image, exif=exif), LIMIT)) == pixels(noise())).all()


def test_orientation_of_a_jpeg_is_applied_to_its_size():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    assert decode(stored(smooth(), "JPEG", exif=exif), LIMIT).size == (20, 30)


def test_unreadable_exif_leaves_the_image_as_stored():
    data = stored(noise(), exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff broken")
    assert decode(data, LIMIT).size == (30, 20)


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = stored(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data, LIMIT).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.9])
def test_a_truncated_file_is_bad(kind: str, share: float):
    data = stored(noise(60, 60), kind)
    assert reason(data[: int(len(data) * share)])


def test_an_empty_file_is_bad():
    assert reason(b"") == "empty file"


def test_a_web_page_is_named():
    assert reason(b"<html>404 not found</html>") == "a web page, as failed downloads are: download it again"


def test_a_format_that_starts_programs_is_refused():
    assert reason(stored(noise(), "EPS")) == "not an image of a known format"


def test_floating_point_pixels_are_bad():
    assert "floating-point" in reason(stored(Image.new("F", (4, 4), 0.5), "TIFF"))


def test_32_bit_pixels_beyond_16_bits_are_bad():
    assert "outside 0 to 65535" in reason(stored(Image.new("I", (4, 4), 70_000), "TIFF"))


def test_too_many_pixels_are_refused_by_the_header_alone():
    header_only = stored(Image.new("L", (200, 200)))[:60]
    assert reason(header_only) == "200 x 200 pixels, more than 10000"


def test_as_many_pixels_as_allowed_are_fine():
    assert decode(stored(Image.new("L", (100, 100))), LIMIT).size == (100, 100)


def test_a_decompression_bomb_is_refused_with_a_reason():
    with pytest.raises(BadImage, match="pixels"):
        open_image(stored(Image.new("1", (20_000, 20_000))), LIMIT)


def test_reasons_hold_no_memory_addresses():
    data = bytearray(stored(noise()))
    data[40:60] = bytes(20)
    assert "0x" not in reason(bytes(data))


def compression(image: Image.Image, kind: str = "JPEG", **options) -> str:
    return quantisation_hash(open_image(stored(image, kind, **options), LIMIT))


def test_jpegs_of_one_quality_have_one_quantisation():
    assert compression(noise(), quality=80) == compression(smooth(40, 20), quality=80)


def test_another_jpeg_quality_is_another_quantisation():
    assert compression(noise(), quality=80) != compression(noise(), quality=81)


def test_another_chroma_subsampling_is_another_quantisation():
    assert compression(noise(), quality=80, subsampling=0) != compression(noise(), quality=80, subsampling=2)


def test_progressive_jpegs_have_the_quantisation_of_their_quality():
    assert compression(noise(), quality=80, progressive=True) == compression(noise(), quality=80)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpegs_of_other_modes_have_a_quantisation_too(mode: str):
    assert len(compression(noise().convert(mode))) == HASH_DIGITS


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_other_formats_have_no_quantisation(kind: str):
    assert not compression(noise(), kind)


def test_a_square_has_the_size_asked_for():
    square = to_square(noise(), 12)
    assert (square.shape, square.dtype) == ((12, 12, 3), np.uint8)


def test_the_square_is_squished_not_cropped():
    halves = np.zeros((10, 40, 3), np.uint8)
    halves[:, 20:] = 255
    assert to_square(Image.fromarray(halves), 8)[:, [0, 7], 0].tolist() == [[0, 255]] * 8


def test_shrinking_averages_instead_of_skipping_pixels():
    checkers = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert np.abs(to_square(Image.fromarray(checkers).convert("RGB"), 8).astype(int) - 127).max() < 10
