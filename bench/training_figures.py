"""Figures of a comparison: how well each way of training ranks unseen faces, pooled and within the fakes' own sources.

Seeds are averaged. Intervals are of the test images (bootstrap over near-duplicate groups, core/bootstrap.py): the
same draws for every seed and arm, so that the difference to the first arm is paired. The spread over seeds stands
beside it. Thresholds are set on validation images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.sources import mixed_sources
from facesift.core.bootstrap import bootstrap_weights, percentile_interval, weighted_auc_ap

FIGURES = ("auc", "ap", "recall")
WITHIN, POOLED = "within", "pooled"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """Images that figures are of: a name, and truth tables (image_id, label 0 or 1, group) of both splits."""

    name: str
    val: pl.DataFrame
    test: pl.DataFrame


def populations(split: pl.DataFrame, positive: str) -> list[Population]:
    """All images, and those of the sources that hold positives and others: `split` is data/split.parquet."""
    truth = split.with_columns(label=(pl.col("label") == positive).cast(pl.Int64))
    own = mixed_sources(truth["source"], truth["label"].to_numpy())
    tables = {WITHIN: truth.filter(pl.col("source").is_in(own)), POOLED: truth}
    return [
        Population(name, table.filter(split="val").sort("image_id"), table.filter(split="test").sort("image_id"))
        for name, table in tables.items()
    ]


def suspicion(scores: pl.DataFrame, images: pl.DataFrame, positive: str) -> Floats:
    """The images' log odds of the positive class, in their order; of two classes."""
    other = next(name for name in scores.columns if name.startswith("logit_") and name != f"logit_{positive}")
    margin = scores.select("image_id", margin=pl.col(f"logit_{positive}").cast(pl.Float64) - pl.col(other))
    joined = images.select("image_id").join(margin, on="image_id", how="left", maintain_order="left")
    if joined["margin"].null_count():
        raise ValueError(f"{joined['margin'].null_count()} images have no score")
    return joined["margin"].to_numpy()


def threshold_for(scores: Floats, review_rate: float) -> float:
    """The score that this share of the (validation) scores reaches.

    >>> threshold_for(np.arange(10.0), 0.2)
    8.0
    """
    asked = max(1, round(review_rate * len(scores)))
    return float(np.sort(scores)[-asked])


def drawn_figures(images: Population, val: Floats, test: Floats, review_rate: float) -> tuple[dict[str, float], Floats]:
    """One run's figures on all test images, and in every draw: an array (figures, draws)."""
    labels, groups = images.test["label"].to_numpy(), images.test["group"].to_numpy()
    above = (test >= threshold_for(val, review_rate)).astype(np.float64)
    parts = [_figures(labels, test, above, weights) for weights in bootstrap_weights(labels, groups)]
    whole = _figures(labels, test, above, np.ones((1, len(labels))))[:, 0]
    return dict(zip(FIGURES, whole.tolist(), strict=True)), np.concatenate(parts, axis=1)


def _figures(labels: NDArray[np.int64], test: Floats, above: Floats, weights: Floats) -> Floats:
    auc, ap = weighted_auc_ap(labels, test, weights)
    fakes = weights * labels
    return np.stack([auc, ap, (fakes * above).sum(axis=1) / fakes.sum(axis=1)])


@dataclass(frozen=True)
class Cell:
    """One arm from one start in one population: its runs' figures, and the mean of their draws (figures, draws)."""

    runs: list[dict[str, float]]
    draws: Floats

    def row(self, first: Cell | None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every figure: mean, interval, spread over seeds, and the difference to `first` with its interval."""
        for number, name in enumerate(FIGURES):
            values = [run[name] for run in self.runs]
            found: dict[str, Any] = {
                "mean": float(np.mean(values)),
                "interval": percentile_interval(self.draws[number]),
            }
            found["seeds"] = float(np.std(values, ddof=1)) if len(values) > 1 else None
            if first is not None:
                found["difference"] = found["mean"] - float(np.mean([run[name] for run in first.runs]))
                found["difference_interval"] = percentile_interval(self.draws[number] - first.draws[number])
            yield name, found


def make_cell(images: Population, tables: Sequence[pl.DataFrame], positive: str, review_rate: float) -> Cell:
    """Judge the score tables of one arm's seeds."""
    found = [
        drawn_figures(
            images, suspicion(table, images.val, positive), suspicion(table, images.test, positive), review_rate
        )
        for table in tables
    ]
    return Cell([figures for figures, _ in found], np.mean([draws for _, draws in found], axis=0))


def compare(
    images: Population, arms: Mapping[str, Sequence[pl.DataFrame]], positive: str, review_rate: float
) -> dict[str, dict[str, Any]]:
    """Judge all arms, each a list of score tables; an arm without any has no figures. The first is the yardstick."""
    cells = {arm: make_cell(images, tables, positive, review_rate) for arm, tables in arms.items() if tables}
    first = next(iter(arms))
    return {
        arm: dict(cell.row(None if arm == first else cells.get(first))) | {"seeds": len(cell.runs)}
        for arm, cell in cells.items()
    }
