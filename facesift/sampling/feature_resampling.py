"""Re-sampling of features: SMOTE and undersampling as for images, or any sampler of imbalanced-learn by its name."""

from __future__ import annotations

import inspect
import warnings
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.sampling import Resample
from facesift.config.structure import near
from facesift.core.errors import FacesiftError
from facesift.sampling.plan_columns import PLAN_SCHEMA
from facesift.sampling.plans import make_plan, resample_key, scope_seed
from facesift.sampling.resamplers import interpolate
from facesift.sampling.scopes import Scope, resample_scope
from facesift.shards.reading import ShardFolder

SAMPLERS = ("over_sampling", "under_sampling", "combine")  # modules of imbalanced-learn
MADE = -1  # in place of a row: the features are made


@dataclass(frozen=True)
class ResampledFeatures:
    """Features after re-sampling.

    Attributes:
        features: (m, width) float32.
        labels: class numbers (m,).
        rows: the row of each original (m,), or `MADE`.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]


def resample_features(
    features: NDArray[np.float32], labels: NDArray[np.int64], resample: Resample, random_state: int, key: str
) -> ResampledFeatures:
    """Re-sample features.

    Args:
        features: (n, width).
        labels: class numbers (n,).
        resample: a member's `resample`; all rows are one scope, whatever `scope` says.
        random_state: integer in [0, 2**32).
        key: dotted key of the parameters, for messages.

    Returns:
        What the member learns from.

    Raises:
        FacesiftError: for a sampler that imbalanced-learn does not have, arguments that it does not take, or data that
            it cannot re-sample.
    """
    if resample.method is not None:
        return _by_name(features, labels, resample, random_state, key)
    if resample.scope == "none":
        return ResampledFeatures(features, labels, np.arange(len(labels)))
    scope = Scope(labels.astype(np.uint8), features.__getitem__, _no_faces, "the training split", key)
    found = resample_scope(scope, resample, random_state)
    made = found.kind > 0
    values = features[found.base]
    values[made] = interpolate(values[made], features[found.neighbour[made]], found.step[made])
    return ResampledFeatures(values, found.label.astype(np.int64), np.where(made, MADE, found.base))


def _by_name(
    features: NDArray[np.float32], labels: NDArray[np.int64], resample: Resample, random_state: int, key: str
) -> ResampledFeatures:
    sampler = _sampler(str(resample.method), resample.arguments, random_state, key)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of scikit-learn's parts that will be renamed
            found, classes = sampler.fit_resample(features, labels)
    except (ValueError, RuntimeError) as error:
        raise FacesiftError(f"{key}.method: {resample.method} cannot re-sample this: {error}") from error
    values = np.asarray(found, np.float32)
    return ResampledFeatures(values, np.asarray(classes, np.int64), original_rows_of(values, features))


def make_feature_plan(shards: ShardFolder, resample: Resample, seed: int, member: str) -> pl.DataFrame:
    """Plan the re-sampling of a training split of features.

    Args:
        shards: features of the training split.
        resample: a member's `resample`.
        seed: the member's seed.
        member: name of the member, for messages.

    Returns:
        As `plans.make_plan`. With `method` there is a column `vector`: the features of the rows that the sampler made,
        whose `shard` and `row` are `MADE`.

    Raises:
        FacesiftError: when the features cannot be re-sampled as asked, or a shard is damaged.
    """
    if resample.method is None:
        return make_plan(shards, resample, seed, member)
    numbers = range(len(shards.sizes))
    features = np.concatenate([shards.values(shard) for shard in numbers]).astype(np.float32)
    labels = np.concatenate([shards.labels(shard) for shard in numbers]).astype(np.int64)
    found = resample_features(features, labels, resample, scope_seed(seed, 0), resample_key(member))
    starts, made = np.cumsum([0, *shards.sizes[:-1]]), found.rows == MADE
    shard = np.where(made, MADE, np.searchsorted(starts, found.rows, side="right") - 1)
    row = np.where(made, MADE, found.rows - starts[shard])
    columns = {
        "shard": shard, "row": row, "neighbour_shard": shard, "neighbour": row, "step": np.zeros(len(row)),
        "label": found.labels, "synthetic": made, "position": np.arange(len(row)),
    }  # fmt: skip
    vectors = [value.tolist() if new else None for value, new in zip(found.features, made, strict=True)]
    return pl.DataFrame(columns).cast(PLAN_SCHEMA).with_columns(vector=pl.Series(vectors, dtype=pl.List(pl.Float32)))


def original_rows_of(values: NDArray[np.float32], features: NDArray[np.float32]) -> NDArray[np.int64]:
    """Find which row of `features` (n, width) each of `values` (m, width) is; `MADE` where it is none of them.

    A row that is there several times is found in turn.

    >>> one, two = np.float32([[1.0]]), np.float32([[2.0]])
    >>> original_rows_of(np.concatenate([two, one, one * 1.5]), np.concatenate([one, two])).tolist()
    [1, 0, -1]
    """
    places: dict[bytes, list[int]] = defaultdict(list)
    for row, value in enumerate(features):
        places[value.tobytes()].append(row)
    taken: dict[bytes, int] = defaultdict(int)
    rows = np.full(len(values), MADE)
    for at, value in enumerate(values):
        if found := places.get(key := value.tobytes()):
            rows[at] = found[taken[key] % len(found)]
            taken[key] += 1
    return rows


def _sampler(name: str, arguments: dict[str, Any], random_state: int, key: str) -> Any:
    """Make a sampler of imbalanced-learn by its name."""
    import imblearn.combine  # noqa: PLC0415  takes seconds to import
    import imblearn.over_sampling  # noqa: PLC0415
    import imblearn.under_sampling  # noqa: PLC0415

    modules = [getattr(imblearn, module) for module in SAMPLERS]
    known = {each: getattr(module, each) for module in modules for each in module.__all__}
    if name not in known:
        raise FacesiftError(f"{key}.method: imbalanced-learn has no {name}{near(name, known)}")
    takes = inspect.signature(known[name]).parameters
    seed = {"random_state": random_state} if "random_state" in takes else {}
    try:
        return known[name](**(seed | arguments))
    except TypeError as error:
        raise FacesiftError(f"{key}.arguments: {name} takes {', '.join(takes)} ({error})") from error


def _no_faces(_: int) -> NoReturn:
    raise FacesiftError("`forge` makes images; a head on features cannot learn from them")
