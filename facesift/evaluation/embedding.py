"""Images as points of a plane in which neighbours stay neighbours: t-SNE of what a member makes of them."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.scores import Scorer
from facesift.shards.reading import ShardFolder

PERPLEXITY = 30.0  # scikit-learn's: about so many neighbours count
FEWEST = 4  # images that t-SNE can place
BATCH = 32  # images a network sees at a time


def choose_points(shards: ShardFolder, classes: Classes, points: int, seed: int) -> pl.DataFrame:
    """Choose at most `points` images to show: the positive ones first, the rest drawn from `seed`.

    Returns:
        The columns shard, row, image_id, source, label (a class number), sorted by shard and row.
    """
    table = pl.concat(
        pl.DataFrame(
            {
                "shard": [shard] * size,
                "row": range(size),
                "image_id": shards.image_ids(shard),
                "source": shards.sources(shard),
                "label": shards.labels(shard),
            }
        )
        for shard, size in enumerate(shards.sizes)
    )
    drawn = np.random.default_rng(seed).permutation(table.height)
    positive = classes.is_positive(table["label"].to_numpy())
    first = np.lexsort((drawn, -positive))[:points]
    return table[np.sort(first)]


def features_of(shards: ShardFolder, points: pl.DataFrame, extract: Scorer) -> NDArray[np.float32]:
    """Run `extract`, pixels (b, S, S, 3) in 0..255 -> (b, k), over the images of `choose_points`: (n, k)."""
    found = []
    for (shard,), rows in points.group_by("shard", maintain_order=True):
        pixels, wanted = shards.pixels(int(shard)), rows["row"].to_numpy()
        found += [extract(pixels[wanted[start : start + BATCH]]) for start in range(0, len(wanted), BATCH)]
    return np.concatenate(found)


def embed(features: NDArray[np.floating], seed: int, name: str = "") -> NDArray[np.float32]:
    """Place n >= 1 images with features (n, k) on a plane (n, 2) by t-SNE (van der Maaten and Hinton 2008, JMLR 9).

    It starts from the principal components; the perplexity is `PERPLEXITY`, or less for fewer than 91 images. Fewer
    than `FEWEST` images, and images all of whose features are the same, have no neighbourhoods: they all lie at (0, 0).
    Raises `FacesiftError` naming the member `name` when a feature is not finite.
    """
    from sklearn.manifold import TSNE  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  comes with scikit-learn

    if not np.isfinite(features).all():
        raise FacesiftError(f"{name}: its features of the test images are not all finite; `dvc repro -f train@{name}`")
    values = np.asarray(features, np.float64)
    values = values[:, np.ptp(values, axis=0) > 0]
    if len(values) < FEWEST or not values.shape[1]:
        return np.zeros((len(values), 2), np.float32)
    if values.shape[1] == 1:
        values = np.column_stack([values, np.zeros(len(values))])  # two principal components are needed
    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    method = TSNE(init="pca", perplexity=perplexity, random_state=seed)
    with threadpool_limits(1):  # threads add up in an order of their own, and t-SNE makes much of the last digit
        plane: NDArray[np.float32] = method.fit_transform(values)
    return plane
