"""Reads decisions tables, as `facesift screen` or the pipeline writes them, into one form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from facesift.bundle.card import CARD, read_card
from facesift.config.params import load_params
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import IMAGE_ID, RESERVED
from facesift.review.order import VOTE
from facesift.review.study import PARAMS, Study
from facesift.screening.decisions_file import reading, scan_decisions, torn_line

REVIEW = "review"
NEEDED = ("image", "image_id", "decision", "probability")
PREVALENCE = "prevalence"  # share of the positive class that the probability holds for; older tables lack it
TEXTS = ("image", "image_id", "decision", "reason", "rule")  # older tables lack the rule
NUMBERS = ("probability", "lo", "hi", PREVALENCE)  # older tables lack an operating point's thresholds and the share


@dataclass(frozen=True)
class DecisionsTable:
    """A decisions table.

    Attributes:
        table: One row for each file: image (its name), image_id, decision, probability, reason, vote_<voter> ...
        roots: Folders that relative names may start from.
        hide_names: Whether the names of the files tell the label, so that they are shown only after the answer.
        note: What is wrong with the file although it is used; None: nothing.
    """

    table: pl.DataFrame
    roots: tuple[Path, ...]
    hide_names: bool
    note: str | None = None


def read_decisions(path: Path, images: Path | None = None) -> DecisionsTable:
    """Read a table of `facesift screen`, or the pipeline's `decisions.parquet` with the tables beside it.

    Args:
        path: The table: .csv, .jsonl, .ndjson or .parquet, see `decisions_file`.
        images: Folder that relative file names start from. Without it: the current folder, then the folder of
            `path`; for the pipeline's table the raw folder of its `params.yaml`.

    Raises:
        FacesiftError: The file is not such a table.
    """
    with reading(path):
        table = scan_decisions(path, NUMBERS, ())
        columns = table.collect_schema().names()
    if {"split", "decision", "image_id"} <= set(columns) and "image" not in columns:
        return _read_pipeline_table(path, table, images)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise FacesiftError(
            f"{path}: not a decisions table, it lacks {', '.join(missing)}; `facesift screen` writes such tables"
        )
    roots = (images,) if images else (Path(), path.parent)
    return DecisionsTable(_collect(path, table), roots, hide_names=False, note=torn_line(path))


def _collect(path: Path, table: pl.LazyFrame) -> pl.DataFrame:
    """Read the columns that the page shows, with their types; add an empty column `reason` where there is none."""
    columns = table.collect_schema().names()
    votes = [name for name in columns if name.startswith(VOTE)]
    texts = [
        pl.col(name).cast(pl.String).fill_null("") if name in columns else pl.lit("").alias(name)
        for name in (*TEXTS, *votes)
    ]
    numbers = [
        (pl.col(name) if name in columns else pl.lit(None).alias(name)).cast(pl.Float64).fill_nan(None)
        for name in NUMBERS
    ]
    with reading(path):
        return table.select(*texts, *numbers).collect()


def _read_pipeline_table(path: Path, table: pl.LazyFrame, images: Path | None) -> DecisionsTable:
    """Join the pipeline's decisions with the probabilities and the files' names in the tables beside them."""
    study = Study.at(path.parent.parent)
    probabilities = study.table("calibrated.parquet", "operate").select("image_id", "^(probability|prevalence)$")
    joined = table.join(probabilities, on="image_id", how="left").join(study.image_names(), on="image_id", how="left")
    return DecisionsTable(_collect(path, joined), (images or study.raw,), hide_names=True)


def find_classes(path: Path, decisions: pl.DataFrame, bundle: Path) -> Classes:
    """Return the class names and the positive class, from the bundle, the pipeline's parameters or the votes.

    Args:
        path: The decisions table, for messages and to find `params.yaml`.
        decisions: Its rows.
        bundle: Folder of the exported committee; it may be missing.

    Raises:
        FacesiftError: The table names other classes, nothing tells the positive class, or a class has the name of
            an answer such as `unsure`.
    """
    named = _classes_in(decisions)
    classes = _stated_classes(path, bundle) or _guessed_classes(path, named)
    unknown = sorted(named - set(classes.names))
    if unknown:
        raise FacesiftError(
            f"{path}: names the classes {unknown}, but {bundle} has {list(classes.names)}: see --bundle"
        )
    taken = sorted(set(classes.names) & set(RESERVED))
    if taken:
        raise FacesiftError(f"class {taken[0]!r}: an answer already has this name; rename the class")
    return classes


def _classes_in(decisions: pl.DataFrame) -> set[str]:
    votes = [name for name in decisions.columns if name.startswith(VOTE)]
    return {value for name in ("decision", *votes) for value in decisions[name].unique()} - {REVIEW, ""}


def _stated_classes(path: Path, bundle: Path) -> Classes | None:
    if (bundle / CARD).is_file():
        return read_card(bundle).class_names
    params = path.parent.parent / PARAMS
    return load_params(params).class_names if params.is_file() else None


def _guessed_classes(path: Path, named: set[str]) -> Classes:
    if named <= {"real", "fake"}:
        return Classes(("real", "fake"), "fake")
    raise FacesiftError(f"{path}: which of the classes {sorted(named)} is the positive one? Name the bundle: --bundle")


def is_image_id(column: str = "image_id") -> pl.Expr:
    """Return the condition that a row has an image_id; files that could not be read have none."""
    return pl.col(column).str.contains(f"^{IMAGE_ID.pattern}$")
