"""Bootstrap confidence intervals of AUC and average precision, by resampling groups of images.

A percentile bootstrap (Efron 1979) over near-duplicate groups, because copies of one picture are no independent
evidence. Groups with a positive image and groups without one are resampled separately, so their numbers stay.

With few positives it is a rough guide: six fakes drawn with replacement are still those six fakes. In simulations with
300 reals and true AUC of 0.95, 0.85 and 0.7, the interval of 6 fakes held the true value 71, 79 and 87 % of the time,
that of 20 fakes 84, 89 and 93 %, that of 80 fakes 94, 96 and 95 % (300 to 600 resamples each). A perfect ranking always
has the interval [1, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.intervals import CONFIDENCE, Interval

RESAMPLES, SEED = 1000, 11
CELLS = 2_000_000  # resamples x images held in memory at once

Labels = NDArray[np.integer]  # (images,), 1 for the positive class, 0 for the rest
Scores = NDArray[np.floating]  # (images,), higher is more suspicious
Weights = NDArray[np.floating]  # (resamples, images): how often each image was drawn


def weighted_auc_ap(labels: Labels, scores: Scores, weights: Weights) -> tuple[NDArray[Any], NDArray[Any]]:
    """Compute AUC and average precision with weights, as scikit-learn does. Equal scores are one threshold.

    Args:
        labels: 1 for the positive class, 0 for the rest, shape (n,).
        scores: higher is more suspicious, shape (n,).
        weights: of each image in each resample, shape (resamples, n).

    Returns:
        AUC and average precision, each (resamples,); NaN in a resample that lacks one of the classes.
    """
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    drawn, fake = weights[:, order], labels[order] == 1
    positives = np.add.reduceat(drawn * fake, starts, axis=1)
    others = np.add.reduceat(drawn * ~fake, starts, axis=1)
    hits, alarms = positives.cumsum(axis=1), others.cumsum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = (others * (hits - positives / 2)).sum(axis=1) / (hits[:, -1] * alarms[:, -1])
        called = np.maximum(hits + alarms, 1e-12)  # nothing drawn so far: no positive either, so it adds nothing
        ap = (positives * hits / called).sum(axis=1) / hits[:, -1]
    return auc, np.where(alarms[:, -1] > 0, ap, np.nan)


def bootstrap_weights(
    labels: Labels, groups: NDArray[Any], resamples: int = RESAMPLES, seed: int = SEED
) -> Iterator[Weights]:
    """Draw groups with replacement, those with positives separately from the others.

    Args:
        labels: 1 for the positive class, 0 for the rest, shape (n,).
        groups: group of each image, shape (n,).
        resamples: how many times.
        seed: the same arguments give the same resamples.

    Yields:
        How often each image was drawn, some resamples at a time: (some, n).
    """
    _, members = np.unique(groups, return_inverse=True)
    if len(members) * resamples <= CELLS:
        yield _kept_weights((labels == 1).tobytes(), members.astype(np.int64).tobytes(), resamples, seed)
        return
    yield from _drawn_weights(labels == 1, members, resamples, seed)


@lru_cache(maxsize=4)
def _kept_weights(positive: bytes, members: bytes, resamples: int, seed: int) -> Weights:
    """Draw all resamples of few images once: a report asks for those of the same images again and again."""
    drawn = _drawn_weights(np.frombuffer(positive, np.bool_), np.frombuffer(members, np.int64), resamples, seed)
    (weights,) = drawn
    weights.flags.writeable = False
    return weights


def _drawn_weights(
    positive: NDArray[np.bool_], members: NDArray[np.int64], resamples: int, seed: int
) -> Iterator[Weights]:
    """Draw the resamples of images that are `positive` (n,) and `members` (n,) of groups numbered from 0."""
    holds_positive = np.bincount(members, positive) > 0
    pools = [np.flatnonzero(holds_positive), np.flatnonzero(~holds_positive)]
    rng = np.random.default_rng(seed)
    at_once = max(1, CELLS // len(members))
    for start in range(0, resamples, at_once):
        counts = [_resample(pools, len(holds_positive), rng) for _ in range(min(at_once, resamples - start))]
        yield np.stack(counts)[:, members]


def _resample(pools: list[NDArray[np.int64]], groups: int, rng: np.random.Generator) -> NDArray[np.float64]:
    chosen = np.concatenate([pool[rng.integers(0, len(pool), len(pool))] for pool in pools if len(pool)])
    return np.bincount(chosen, minlength=groups).astype(np.float64)


def bootstrap_rankings(labels: Labels, scores: Scores, groups: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Compute AUC and average precision in each of `RESAMPLES` bootstrap resamples.

    Two calls with the same labels and groups draw the same images, so differences between scores are paired.

    Args:
        labels: 1 for the positive class, 0 for the rest, shape (n,).
        scores: higher is more suspicious, shape (n,).
        groups: group of each image, shape (n,).

    Returns:
        AUC and average precision, each (resamples,); NaN where a class has a single group.
    """
    if min(len(np.unique(groups[labels == label])) for label in (0, 1)) < 2:
        return np.full(RESAMPLES, np.nan), np.full(
            RESAMPLES, np.nan
        )  # drawing one group again and again varies nothing
    found = [weighted_auc_ap(labels, scores, weights) for weights in bootstrap_weights(labels, groups)]
    return np.concatenate([auc for auc, _ in found]), np.concatenate([ap for _, ap in found])


def percentile_interval(values: NDArray[Any]) -> Interval | None:
    """Return the interval that holds the middle `CONFIDENCE` of the resamples' values.

    Returns:
        Lower and upper end; None when fewer than half of the values are known.
    """
    known = values[np.isfinite(values)]
    if len(known) < len(values) / 2:
        return None
    low, high = np.percentile(known, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return float(low), float(high)
