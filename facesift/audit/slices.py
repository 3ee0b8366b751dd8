"""Figures of the committee on slices of the images: by edited part, size, brightness and source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from facesift.committee.decision import REVIEW
from facesift.core.classes import PARTS, Classes
from facesift.evaluation.decision_report import count_decisions
from facesift.quality.photo_reasons import JOINED

GOOD = "none of these"
THIRDS = (1 / 3, 2 / 3)
NEEDS_REALS = ("precision", "f1")  # figures (and their intervals) that mean nothing among fakes alone


def slices(rows: pl.DataFrame, train: pl.DataFrame, classes: Classes) -> list[dict[str, Any]]:
    """Count decisions slice by slice.

    Slices by `difficulty` and edited part hold fakes alone; those by `size` (pixels of the original) and `brightness`
    are cut at the thirds of the training images; those by `quality` are the bad photos of each reason, and the good
    ones; the last are by `source`. Slices may differ in several ways at once:
    to take the source out of a comparison, give the rows of one source.

    Args:
        rows: decided images: image_id, source, label, decision (a class, or `review`), and of the manifest
            `difficulty`, `PARTS`, width, height; `brightness` (`image_statistics`), `quality` where it is
            measured, and `group` where it is known.
        train: width, height and brightness of training images.
        classes: of the labels and decisions.

    Returns:
        For every value of a slice that occurs: `slice`, `value`, `images`, and the keys of `DecisionCounts.report()`;
        among fakes alone the figures that need reals are None.
    """
    pixels = pl.col("width").cast(pl.Int64) * pl.col("height")
    rows, train = rows.with_columns(size=pixels), train.with_columns(size=pixels)
    fakes = rows.filter(label=classes.positive)
    table = [
        _row(name, value, part, classes, fakes_only=True)
        for name in ("difficulty", *PARTS)
        for value, part in _by_value(fakes, name)
    ]
    for name, digits in (("size", 0), ("brightness", 1)):
        bands = _by_band(rows, name, thirds(train[name]), digits)
        table += [_row(name, value, part, classes) for value, part in bands]
    table += [_row("quality", value, part, classes) for value, part in _by_reason(rows)]
    return table + [_row("source", value, part, classes) for value, part in _by_value(rows, "source")]


def _by_reason(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the bad photos of each reason, and the good ones; nothing where none is a bad one."""
    if "quality" not in rows.columns or rows["quality"].null_count() == rows.height:
        return
    reasons = pl.col("quality").str.split(JOINED)
    for reason in rows["quality"].drop_nulls().str.split(JOINED).explode().unique().sort():
        yield str(reason), rows.filter(reasons.list.contains(reason).fill_null(value=False))
    yield GOOD, rows.filter(pl.col("quality").is_null())


def thirds(values: pl.Series) -> list[float]:
    """Find the values that cut a column into thirds.

    Args:
        values: numbers, or nulls, which are ignored.

    Returns:
        At most two rising cuts, none of which leaves nothing above it.

    >>> thirds(pl.Series([10, 20, 30, 40, 50, 60])), thirds(pl.Series([7, 7, 7])), thirds(pl.Series([1, 1, 1, 9]))
    ([20.0, 40.0], [], [1.0])
    """
    known = values.drop_nulls().to_numpy()
    if not len(known):
        return []
    cuts = np.unique(np.quantile(known, THIRDS, method="inverted_cdf"))
    return [float(cut) for cut in cuts if cut < known.max()]


def _by_value(rows: pl.DataFrame, column: str) -> Iterator[tuple[str, pl.DataFrame]]:
    names = {True: "edited", False: "untouched"}
    for value in rows[column].drop_nulls().unique().sort():
        yield names.get(value, str(value)), rows.filter(pl.col(column) == value)


def _by_band(rows: pl.DataFrame, column: str, cuts: Sequence[float], digits: int) -> Iterator[tuple[str, pl.DataFrame]]:
    for low, high in pairwise([-np.inf, *cuts, np.inf]):
        part = rows.filter((pl.col(column) > low) & (pl.col(column) <= high))
        if part.height:
            yield _band(low, high, digits), part


def _band(low: float, high: float, digits: int) -> str:
    ends = [f"{end:.{digits}f}" for end in (low, high)]
    if np.isinf(low):
        return "all" if np.isinf(high) else f"up to {ends[1]}"
    return f"above {ends[0]}" if np.isinf(high) else f"above {ends[0]} to {ends[1]}"


def _row(name: str, value: str, rows: pl.DataFrame, classes: Classes, *, fakes_only: bool = False) -> dict[str, Any]:
    numbers = {label: number for number, label in enumerate(classes.names)}
    labels = rows["label"].replace_strict(numbers, return_dtype=pl.Int64).to_numpy()
    decisions = rows["decision"].replace_strict(numbers | {"review": REVIEW}, return_dtype=pl.Int64).to_numpy()
    groups = rows["group"].to_numpy() if "group" in rows.columns else None
    report = count_decisions(labels, decisions, classes, groups).report()
    if fakes_only:
        report |= {key: None for key in report if key.startswith(NEEDS_REALS)}
    return {"slice": name, "value": value, "images": rows.height, **report}
