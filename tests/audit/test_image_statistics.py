import numpy as np
import polars as pl
import pytest
from scipy import ndimage

from facesift.audit import image_statistics as module
from facesift.audit.image_statistics import STATISTICS, image_statistics, statistics_table
from tests.made import make_shards


def told(pixels: np.ndarray) -> dict[str, float]:
    return dict(zip(STATISTICS, image_statistics(pixels[None])[0].tolist(), strict=True))


def noise(side: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def flat(*colour: int, side: int = 32) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (side, side, 3))


def test_means_and_deviations_are_those_of_the_channels():
    pixels = noise()
    names = ["red_mean", "green_mean", "blue_mean", "red_deviation", "green_deviation", "blue_deviation"]
    wanted = [*pixels.mean(axis=(0, 1)), *pixels.std(axis=(0, 1))]
    assert [told(pixels)[name] for name in names] == pytest.approx(wanted, rel=1e-4)


def test_brightness_is_the_mean_luma():
    assert told(flat(100, 200, 50))["brightness"] == pytest.approx(0.299 * 100 + 0.587 * 200 + 0.114 * 50)


@pytest.mark.parametrize(("colour", "saturation"), [((9, 9, 9), 0), ((200, 100, 100), 0.5), ((0, 0, 0), 0)])
def test_saturation_is_that_of_hsv(colour: tuple[int, int, int], saturation: float):
    assert told(flat(*colour))["saturation_mean"] == pytest.approx(saturation)


def test_sharpness_is_the_variance_of_the_laplacian():
    grey = noise()
    grey[..., 1] = grey[..., 2] = grey[..., 0]
    wanted = ndimage.laplace(grey[..., 0].astype(float), mode="nearest").var()
    assert told(grey)["sharpness"] == pytest.approx(np.log1p(wanted), rel=1e-4)


def test_blurring_takes_the_high_frequencies():
    blurred = ndimage.gaussian_filter(noise(), (2, 2, 0))
    assert told(blurred)["high_frequency"] < 0.1 < told(noise())["high_frequency"]


def test_a_black_frame_is_seen():
    framed = noise() // 2 + 100
    framed[:2] = framed[-2:] = framed[:, :2] = framed[:, -2:] = 0
    assert told(framed)["black_border"] == 1


def test_a_white_band_is_a_share_of_the_border():
    banded = flat(128, 128, 128).copy()
    banded[:2] = 255
    assert told(banded)["white_border"] == pytest.approx(2 * 32 / (4 * 2 * 30))


def test_a_bright_middle_is_darker_around():
    pixels = flat(50, 50, 50).copy()
    pixels[8:24, 8:24] = 250
    assert told(pixels)["border_difference"] == pytest.approx(-200)


@pytest.mark.parametrize("value", [0, 77, 255])
def test_flat_images_have_finite_statistics(value: int):
    assert np.isfinite(image_statistics(flat(value, value, value, side=9)[None])).all()


def test_an_image_is_described_alike_in_any_company():
    pixels = np.stack([noise(seed=seed) for seed in range(5)])
    assert image_statistics(pixels)[3] == pytest.approx(image_statistics(pixels[3:4])[0], rel=1e-4, abs=1e-4)


def test_the_table_describes_every_image_of_the_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 3)
    shards = make_shards(tmp_path, 10, 2)
    table = statistics_table(shards)
    wanted = np.concatenate([image_statistics(shards.pixels(shard)) for shard in (0, 1)])
    assert table.select(STATISTICS).to_numpy() == pytest.approx(wanted, rel=1e-4, abs=1e-4)


def test_the_table_names_image_source_and_label(tmp_path):
    shards = make_shards(tmp_path, 10, 2)
    table = statistics_table(shards)
    assert table["image_id"].to_list() == shards.image_ids(0) + shards.image_ids(1)
    assert (set(table["source"]), table["label"].value_counts(sort=True).rows()) == (
        {"made"},
        [("real", 16), ("fake", 4)],
    )


def test_only_the_images_asked_for_are_described(tmp_path):
    shards = make_shards(tmp_path, 10, 2)
    wanted = statistics_table(shards)["image_id"][[1, 3, 15]]
    assert statistics_table(shards, wanted)["image_id"].to_list() == wanted.to_list()


def test_of_no_images_the_table_has_its_columns(tmp_path):
    none = statistics_table(make_shards(tmp_path, 10, 2), pl.Series([], dtype=pl.String))
    assert none.shape == (0, 3 + len(STATISTICS))
