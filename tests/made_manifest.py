"""Rows of manifests whose files say nothing of the label, or have a planted mark."""

import numpy as np
import polars as pl

IMAGES = 400


def files(*, source: str = "one", images: int = IMAGES, fakes: float = 0.2, seed: int = 0) -> pl.DataFrame:
    """Rows of a manifest in which the file says nothing of the label: three of four in train, the rest in test."""
    rng = np.random.default_rng(seed)
    side = rng.integers(300, 700, images)
    return pl.DataFrame(
        {
            "image_id": [f"{source}{number:04d}" for number in range(images)],
            "source": source,
            "label": np.where(rng.random(images) < fakes, "fake", "real"),
            "split": np.where(np.arange(images) % 4 == 0, "test", "train"),
            "format": "JPEG",
            "mode": "RGB",
            "bytes": (side**2 * rng.uniform(0.1, 0.3, images)).astype(int),
            "width": side,
            "height": side,
            "quantisation": rng.choice(["a", "b", "c"], images),
        }
    )


def where_fake(**then: object) -> list[pl.Expr]:
    return [pl.when(label="fake").then(pl.lit(value)).otherwise(column).alias(column) for column, value in then.items()]


def other_quality(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(where_fake(quantisation="d"))


def as_png(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(where_fake(format="PNG", quantisation=""))


def one_size(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(where_fake(width=500, height=500))
