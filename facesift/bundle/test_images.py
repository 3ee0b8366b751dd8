"""What the held-out test images look like, as one table: what a stream of new images is later held against."""

from __future__ import annotations

import numpy as np
import polars as pl

from facesift.images.quality import measure_quality
from facesift.shards.reading import ShardFolder

SLICE = 256  # images measured at a time


def describe_test_images(
    shards: ShardFolder, manifest: pl.DataFrame, decisions: pl.DataFrame, calibrated: pl.DataFrame
) -> pl.DataFrame:
    """Join label, decision, probability, width, height, bytes, brightness, contrast, sharpness on image_id.

    `manifest`, `decisions` and `calibrated` are the pipeline's tables; one row for each image in the shards.
    """
    return (
        measure_shards(shards)
        .join(decisions.select("image_id", "label", "decision"), on="image_id", how="left", maintain_order="left")
        .join(calibrated.select("image_id", "probability"), on="image_id", how="left", maintain_order="left")
        .join(manifest.select("image_id", "width", "height", "bytes"), on="image_id", how="left", maintain_order="left")
    )


def measure_shards(shards: ShardFolder) -> pl.DataFrame:
    """Image_id and the quality columns of every image in the shards; pixels are streamed."""
    tables = []
    for shard, size in enumerate(shards.sizes):
        pixels = shards.pixels(shard)
        parts = [measure_quality(np.array(pixels[start : start + SLICE])) for start in range(0, size, SLICE)]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        tables.append(pl.DataFrame({"image_id": shards.image_ids(shard)} | columns))
    return pl.concat(tables)
