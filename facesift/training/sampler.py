"""The sampler of an epoch: all rows of the sampling plan once, or random rows that balance classes or sources."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.sampling import Resample
from facesift.core.classes import Classes
from facesift.sampling.pairs import PAIR
from facesift.shards.reading import ShardFolder

Probabilities = NDArray[np.float64]  # of each row of a plan to be drawn; their sum is 1


def row_probabilities(
    recipe: Resample, plan: pl.DataFrame, shards: ShardFolder, classes: Classes
) -> Probabilities | None:
    """Return the probability of each row of the plan to be drawn.

    A synthetic row counts to the source of the image that it is based on.

    Args:
        recipe: `draw` says what is balanced.
        plan: the member's sampling plan, n rows.
        shards: the training images.
        classes: names of the classes.

    Returns:
        Probabilities (n,), or None when each row comes once (`draw: plan` or `pairs`).
    """
    if recipe.draw in {"plan", "pairs"}:
        return None
    if recipe.draw == "classes":
        return balanced_probabilities(plan.select("label", beside=pl.lit(value=False)))
    beside = _beside_positive(shards, classes.number)
    first_rows = np.cumsum([0, *shards.sizes])
    rows = first_rows[plan["shard"].to_numpy()] + plan["row"].to_numpy()
    return balanced_probabilities(plan.select("label", beside=pl.Series(beside[rows])))


def balanced_probabilities(groups: pl.DataFrame) -> Probabilities:
    """Return probabilities by which all labels are drawn equally often, and so are a label's values of `beside`.

    >>> balanced_probabilities(pl.DataFrame({"label": [0, 0, 0, 1], "beside": [True, True, False, True]})).tolist()
    [0.125, 0.125, 0.25, 0.5]

    Args:
        groups: the columns `label` and `beside` (whether the row's source holds images of the positive class), n rows.

    Returns:
        Probabilities (n,).
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


def sample_epoch(plan: pl.DataFrame, recipe: Resample, probabilities: Probabilities | None, seed: int) -> pl.DataFrame:
    """Draw the rows of an epoch.

    Args:
        plan: the member's sampling plan.
        recipe: `epoch_images` is the number of rows; None: as many as the plan has.
        probabilities: of each row, see `row_probabilities`. None: no row comes a second time before every row has come
            once.
        seed: seed of the draw.

    Returns:
        Rows of the plan, drawn with replacement where there are probabilities.
    """
    wanted = recipe.epoch_images or plan.height
    rng = np.random.default_rng(seed)
    if probabilities is not None:
        return plan[rng.choice(plan.height, wanted, p=probabilities)]
    if recipe.epoch_images is None:
        return plan
    passes, rest = divmod(wanted, plan.height)
    if PAIR in plan.columns:
        return pl.concat([*(_numbered(plan, number) for number in range(passes)), _some_sets(plan, rest, passes, rng)])
    once_more = rng.choice(plan.height, rest, replace=False)
    return plan[np.concatenate([np.tile(np.arange(plan.height), passes), once_more])]


def _numbered(plan: pl.DataFrame, number: int) -> pl.DataFrame:
    """Give the sets of a further pass over the plan numbers of their own."""
    return plan.with_columns(pl.col(PAIR) + number * plan.height)


def _some_sets(plan: pl.DataFrame, rows: int, number: int, rng: np.random.Generator) -> pl.DataFrame:
    """Draw sets until there are so many rows; the last set may lose some."""
    sets, member_of = np.unique(plan[PAIR].to_numpy(), return_inverse=True)
    turn = rng.permutation(len(sets))[member_of]
    return _numbered(plan, number)[np.argsort(turn, kind="stable")[:rows]]
