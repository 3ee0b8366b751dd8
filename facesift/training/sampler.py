"""Which rows of the sampling plan make an epoch: all of them once, or draws that balance classes or sources."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.sampling import Resample
from facesift.core.classes import Classes
from facesift.shards.reading import ShardFolder

Chances = NDArray[np.float64]  # of each row of a plan to be drawn next; they add up to 1


def row_chances(recipe: Resample, plan: pl.DataFrame, shards: ShardFolder, classes: Classes) -> Chances | None:
    """Chances of the plan's n rows under `recipe.draw`, (n,); None: each row is to come once.

    A synthetic row counts as of the source of the image that it is based on.
    """
    if recipe.draw == "plan":
        return None
    if recipe.draw == "classes":
        return even_chances(plan.select("label", beside=pl.lit(value=False)))
    beside = _beside_positive(shards, classes.number)
    starts = np.cumsum([0, *shards.sizes])
    rows = starts[plan["shard"].to_numpy()] + plan["row"].to_numpy()
    return even_chances(plan.select("label", beside=pl.Series(beside[rows])))


def even_chances(groups: pl.DataFrame) -> Chances:
    """Chances (n,) by which all values of `label` come up equally often, and those of `beside` within each that it has.

    >>> even_chances(pl.DataFrame({"label": [0, 0, 0, 1], "beside": [True, True, False, True]})).tolist()
    [0.125, 0.125, 0.25, 0.5]
    """
    alike, parts = pl.len().over("label", "beside"), pl.col("beside").n_unique().over("label")
    return groups.select(1.0 / alike / parts / pl.col("label").n_unique()).to_series().to_numpy()


def _beside_positive(shards: ShardFolder, positive: int) -> NDArray[np.bool_]:
    """Whether each image of the shards, in file order, is from a source that holds images of the positive class."""
    names: dict[str, int] = {}
    sources, labels = [], []
    for shard in range(len(shards.sizes)):
        sources.append(np.array([names.setdefault(name, len(names)) for name in shards.sources(shard)]))
        labels.append(shards.labels(shard))
    source = np.concatenate(sources)
    return np.isin(source, np.unique(source[np.concatenate(labels) == positive]))


def draw_rows(plan: pl.DataFrame, recipe: Resample, chances: Chances | None, seed: int) -> pl.DataFrame:
    """Return an epoch of `recipe.epoch_images` rows: drawn with replacement by their `chances`, or all equally often.

    Without chances no row comes a second time before every row has come once.
    """
    wanted = recipe.epoch_images or plan.height
    rng = np.random.default_rng(seed)
    if chances is not None:
        return plan[rng.choice(plan.height, wanted, p=chances)]
    if recipe.epoch_images is None:
        return plan
    passes, rest = divmod(wanted, plan.height)
    once_more = rng.choice(plan.height, rest, replace=False)
    return plan[np.concatenate([np.tile(np.arange(plan.height), passes), once_more])]
