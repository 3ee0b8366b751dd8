"""Sixteen statistics of an image as a whole (brightness, colour, sharpness, border) that say nothing about the face."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.shards.reading import ShardFolder

Floats = NDArray[np.float32]

STATISTICS = (
    "red_mean", "green_mean", "blue_mean",
    "red_deviation", "green_deviation", "blue_deviation",
    "brightness", "contrast",  # mean and deviation of the luma
    "saturation_mean", "saturation_deviation",
    "sharpness",  # logarithm of the variance of the Laplacian
    "high_frequency",  # share of the luma's variance finer than four pixels a period
    "border_difference",  # mean luma of the border minus that of the middle
    "border_deviation",
    "black_border", "white_border",  # shares of the border's pixels
)  # fmt: skip
RED, GREEN, BLUE = 0.299, 0.587, 0.114  # shares of the luma, ITU-R BT.601
BORDER = 16  # the border is one part in so many of the side wide, at least a pixel
BLACK, WHITE = 10, 245
BATCH = 128  # images at a time, which bounds the memory


def image_statistics(pixels: NDArray[np.uint8 | np.float32]) -> NDArray[np.float64]:
    """Compute the `STATISTICS` of images.

    Args:
        pixels: images (b, S, S, 3) in 0 to 255.

    Returns:
        Finite values (b, 16), in the order of `STATISTICS`.

    >>> grey = np.full((1, 32, 32, 3), 100, np.uint8)
    >>> dict(zip(STATISTICS, image_statistics(grey)[0].round(6).tolist()))["brightness"]
    100.0
    """
    colour = np.asarray(pixels, np.float32)
    luma = RED * colour[..., 0] + GREEN * colour[..., 1] + BLUE * colour[..., 2]
    columns = [*_channels(colour), *_mean_and_deviation(luma), *_mean_and_deviation(_saturation(colour))]
    columns += [_sharpness(luma), _high_frequency(luma), *_border(colour, luma)]
    return np.stack(columns, axis=1).astype(np.float64)


def _channels(colour: Floats) -> list[Floats]:
    means, deviations = colour.mean(axis=(1, 2)), colour.std(axis=(1, 2))
    return [*means.T, *deviations.T]


def _mean_and_deviation(values: Floats) -> list[Floats]:
    return [values.mean(axis=(1, 2)), values.std(axis=(1, 2))]


def _saturation(colour: Floats) -> Floats:
    """Saturation of the HSV model, (b, S, S) in [0, 1]; 0 for black."""
    top = colour.max(axis=3)
    return (top - colour.min(axis=3)) / np.maximum(top, 1)


def _sharpness(luma: Floats) -> Floats:
    from scipy.ndimage import laplace  # noqa: PLC0415

    edges = laplace(luma, axes=(1, 2), mode="nearest")
    return np.log1p(edges.var(axis=(1, 2)))


def _high_frequency(luma: Floats) -> Floats:
    from scipy.fft import fftfreq, rfft2, rfftfreq  # noqa: PLC0415

    side = luma.shape[1]
    fine = np.hypot(fftfreq(side)[:, None], rfftfreq(side)[None, :]) > 1 / 4
    power = np.abs(rfft2(luma - luma.mean(axis=(1, 2), keepdims=True))) ** 2
    total = power.sum(axis=(1, 2))
    # A flat image has rounding errors only: below a variance of about 1e-6 there is nothing to divide.
    return np.where(total > 1e-6 * side**4, power[:, fine].sum(axis=1) / np.maximum(total, 1e-30), 0)


def _border(colour: Floats, luma: Floats) -> list[Floats]:
    side = luma.shape[1]
    width, quarter = max(1, side // BORDER), side // 4
    ring = np.ones((side, side), bool)
    ring[width : side - width, width : side - width] = False
    middle = luma[:, quarter : side - quarter, quarter : side - quarter].mean(axis=(1, 2))
    around, frame = luma[:, ring], colour[:, ring]
    black, white = (frame <= BLACK).all(axis=2).mean(axis=1), (frame >= WHITE).all(axis=2).mean(axis=1)
    return [around.mean(axis=1) - middle, around.std(axis=1), black, white]


def statistics_table(shards: ShardFolder, only: pl.Series | None = None) -> pl.DataFrame:
    """Compute the `STATISTICS` of a split's images, streamed from its shards.

    Args:
        shards: shards of the split.
        only: image_ids to compute them of; None for all. Of a very large training split a sample is enough for the
            probes (`probes.draw`).

    Returns:
        Columns image_id, source, label and `STATISTICS`; one row for each image, in the order of the shards.
    """
    wanted = None if only is None else set(only)
    tables = [_describe(shards, shard, wanted) for shard in range(len(shards.sizes))]
    return pl.concat(tables)


def _describe(shards: ShardFolder, shard: int, wanted: set[str] | None) -> pl.DataFrame:
    ids, sources, labels = shards.image_ids(shard), shards.sources(shard), shards.labels(shard)
    rows = np.array([row for row, name in enumerate(ids) if wanted is None or name in wanted], np.int64)
    values = np.concatenate([np.empty((0, len(STATISTICS))), *_streamed(shards.pixels(shard), rows)])
    known = {
        "image_id": [ids[row] for row in rows],
        "source": [sources[row] for row in rows],
        "label": [shards.classes[labels[row]] for row in rows],
    }
    named = {name: values[:, column] for column, name in enumerate(STATISTICS)}
    return pl.DataFrame(known | named, schema_overrides=dict.fromkeys(known, pl.String))


def _streamed(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(rows), BATCH):
        yield image_statistics(pixels[rows[start : start + BATCH]])
