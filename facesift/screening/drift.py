"""Drift: whether the stream of images is still like the test images, found without any labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from facesift.bundle.card import read_card
from facesift.bundle.drift_reference import (
    DECISION,
    NEEDED,
    PREVALENCE,
    PROBABILITY,
    WATCHED,
    Bins,
    Reference,
    check_columns,
    listed_reference,
)
from facesift.core.errors import FacesiftError
from facesift.screening.decisions_file import reading, scan_decisions
from facesift.screening.drift_verdict import column_state, decision_state, unscorable_state, verdict
from facesift.screening.shift import Shift, report

SAME_SHARE = 1e-3  # relative difference of shares that is of rounding
FALSE_ALARM = 0.01  # probability that a stream without drift moves any of the watched columns (Bonferroni)

Report = dict[str, Any]


def compare(reference: Reference, decisions: pl.DataFrame | pl.LazyFrame) -> Report:
    """Compare a stream's decisions with the reference.

    The table is read lazily and counted in one pass: memory does not grow with the rows, and their order changes
    nothing.

    Args:
        reference: of a bundle, see `drift_reference.make_reference`.
        decisions: the stream's decisions table, as `facesift screen` writes it.

    Returns:
        The report: figures and state of every column and decision, and the verdict (`drift_verdict.verdict`).

    Raises:
        FacesiftError: without a needed column, for a probability outside [0, 1], and without a single scored image.
    """
    stream = decisions.lazy()
    check_columns(stream.collect_schema().names(), NEEDED, "the decisions table")
    stream = _at_share_of(reference, stream)
    counted = _count_stream(reference, stream)
    images, scored = counted["images"], counted["scored"]
    if not scored:
        raise FacesiftError(f"none of the {images:,} images in the decisions table is scored: see its column `reason`")
    columns = {name: _column(reference, counted, name) for name in WATCHED if _known(reference, counted, name)}
    found = {
        "positive": reference["positive"],
        "images": images,
        "scored": scored,
        "reference_images": reference["images"]["others"],
        "reference_of": reference["of"],
        "columns": columns,
        "unscorable": unscorable_state(images - scored, images),
        "decisions": _decisions(reference, counted),
        "probability": _means(reference, counted["mean"]),
    }
    return found | {"verdict": verdict(found)}


def compare_file(bundle: Path, decisions: Path) -> Report:
    """Compare the table in a file with the reference in a bundle's folder; see `compare`."""
    reference = listed_reference(bundle, read_card(bundle))
    with reading(decisions):
        return compare(reference, scan_decisions(decisions, (*WATCHED, PREVALENCE), (DECISION,)))


def _at_share_of(reference: Reference, stream: pl.LazyFrame) -> pl.LazyFrame:
    """Move probabilities of another `prevalence` (`screen --prevalence`) to that of the reference, if it is known."""
    share = reference.get("prevalence")
    if share is None or PREVALENCE not in stream.collect_schema().names():
        return stream
    theirs, chance = pl.col(PREVALENCE).cast(pl.Float64), pl.col(PROBABILITY).cast(pl.Float64)
    odds = chance * (share / (1 - share)) * (1 - theirs) / theirs
    other = ((theirs / share - 1).abs() > SAME_SHARE).fill_null(value=False) & (chance < 1)
    return stream.with_columns(pl.when(other).then(odds / (odds + 1 - chance)).otherwise(chance).alias(PROBABILITY))


def _count_stream(reference: Reference, stream: pl.LazyFrame) -> dict[str, Any]:
    """All counts of the stream, in one pass over it."""
    decided, probability = pl.col(DECISION).fill_null("") != "", pl.col(PROBABILITY).cast(pl.Float64)
    stream = stream.with_columns(probability.fill_nan(None), early=decided & probability.is_null())
    said = decided & pl.col(PROBABILITY).is_not_null()
    bins = {name: Bins(tuple(reference["columns"][name]["edges"])) for name in WATCHED}
    scored = stream.with_columns(said=said).with_columns(pl.when("said").then(pl.col(name)) for name in WATCHED)
    names = sorted(reference["decisions"])
    row = scored.select(
        pl.len().alias("images"),
        pl.col("said").sum().alias("scored"),
        pl.col("early").sum(),
        pl.col(PROBABILITY).mean().alias("mean"),
        pl.col(PROBABILITY).min().alias("least"),
        pl.col(PROBABILITY).max().alias("most"),
        *(((pl.col(DECISION) == name) & pl.col("said")).sum().alias(f"decided {name}") for name in names),
        *(each for name in WATCHED for each in bins[name].expressions(name)),
    ).collect(engine="streaming").row(0, named=True)  # fmt: skip
    _check_row(row, names)
    return row | {name: bins[name].counts(name, row) for name in WATCHED}


def _check_row(row: Mapping[str, Any], names: list[str]) -> None:
    if row["early"]:
        raise FacesiftError(
            f"{row['early']:,} of {row['images']:,} images are decided without a probability: screened with --cascade, "
            "which tells nothing of drift; screen a sample of the stream without it"
        )
    for value in (row["least"], row["most"]):
        if value is not None and not 0 <= value <= 1:
            raise FacesiftError(f"the decisions table has a probability of {value:g}; it must lie between 0 and 1")
    strange = row["scored"] - sum(row[f"decided {name}"] for name in names)
    if strange:
        raise FacesiftError(f"{strange} decisions are none of {', '.join(names)}: made by another bundle?")


def _known(reference: Reference, counted: Mapping[str, Any], name: str) -> bool:
    return bool(counted[name].sum() and sum(reference["columns"][name]["counts"]))


def _column(reference: Reference, counted: Mapping[str, Any], name: str) -> dict[str, Any]:
    before = np.array(reference["columns"][name]["counts"], np.int64)
    figures = report(Shift(before, counted[name], reference["design_effects"]["others"]), FALSE_ALARM / len(WATCHED))
    return figures | {"edges": reference["columns"][name]["edges"], "state": column_state(name, figures)}


def _decisions(reference: Reference, counted: Mapping[str, Any]) -> dict[str, Any]:
    of, effects = reference["images"], reference["design_effects"]
    return {
        name: decision_state(
            (counted[f"decided {name}"], counted["scored"]),
            [(counts[part], of[part], effects[part]) for part in ("others", "all")],
        )
        for name, counts in reference["decisions"].items()
    }


def _means(reference: Reference, mean: float) -> dict[str, Any]:
    of = reference["images"]
    return {
        "mean": mean,
        "reference_mean": reference["mean_probability"],
        "prevalence": 1 - of["others"] / of["all"],
        "holds_at": reference.get("prevalence"),
    }
