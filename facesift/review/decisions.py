"""Decisions tables, as `facesift screen` writes them and as the pipeline does, brought to one form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from facesift.bundle.card import CARD, read_card
from facesift.config.params import load_params
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import IMAGE_ID, RESERVED
from facesift.images.archives import LOOSE

REVIEW = "review"
VOTE = "vote_"
READERS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
NEEDED = ("image", "image_id", "decision", "probability")
TEXTS = ("image", "image_id", "decision", "reason")


@dataclass(frozen=True)
class Decisions:
    """One row an image: image, image_id, decision, probability, reason, vote_<voter> ...; where its files may lie.

    `hidden`: the names of the files give the label away, so they are shown after the answer only.
    """

    table: pl.DataFrame
    roots: tuple[Path, ...]
    hidden: bool


def read_decisions(path: Path, images: Path | None = None) -> Decisions:
    """Read what `facesift screen` wrote, or the pipeline's `decisions.parquet` with the tables beside it.

    `images`: the folder that relative names start from. Otherwise that is the current folder, then that of `path`;
    for the pipeline's table the raw folder of its `params.yaml`. Raises `FacesiftError` for what is no such table.
    """
    with _readable(path):
        table = _scan(path)
        columns = table.collect_schema().names()
    if {"split", "decision", "image_id"} <= set(columns) and "image" not in columns:
        return _of_pipeline(path, table, images)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise FacesiftError(
            f"{path}: not a decisions table, it lacks {', '.join(missing)}; `facesift screen` writes such tables"
        )
    roots = (images,) if images else (Path(), path.parent)
    return Decisions(_collect(path, table), roots, hidden=False)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise FacesiftError(
            f"{path}: not a readable decisions table ({error}); a run that was cut short goes on with --resume"
        ) from error


def _scan(path: Path) -> pl.LazyFrame:
    kind = READERS.get(path.suffix.lower())
    if kind is None:
        raise FacesiftError(f"{path}: its name ends in none of {', '.join(READERS)}")
    if not path.is_file():
        raise FacesiftError(f"{path}: no such file; `facesift screen` writes a decisions table")
    if kind == "csv":
        return pl.scan_csv(path, infer_schema=False, truncate_ragged_lines=True)
    if kind == "jsonl":
        return pl.scan_ndjson(path, infer_schema_length=None, ignore_errors=True)
    return pl.scan_parquet(path)


def _collect(path: Path, table: pl.LazyFrame) -> pl.DataFrame:
    """Read the columns that are shown, with their types; a column `reason` is made where there is none."""
    columns = table.collect_schema().names()
    votes = [name for name in columns if name.startswith(VOTE)]
    texts = [
        pl.col(name).cast(pl.String).fill_null("") if name in columns else pl.lit("").alias(name)
        for name in (*TEXTS, *votes)
    ]
    probability = pl.col("probability").cast(pl.String).cast(pl.Float64, strict=False).fill_nan(None)
    with _readable(path):
        return table.select(*texts, probability).collect()


def _of_pipeline(path: Path, table: pl.LazyFrame, images: Path | None) -> Decisions:
    """Join the vote stage's decisions with the probabilities and the files' names in the tables beside them."""
    folder = path.parent
    raw = images or folder / "raw" / load_params(folder.parent / "params.yaml").data.raw
    calibrated, manifest = folder / "calibrated.parquet", folder / "manifest.parquet"
    for beside in (calibrated, manifest):
        if not beside.is_file():
            raise FacesiftError(f"{beside}: not found beside {path}; `dvc repro operate` makes it")
    place = pl.when(pl.col("container") == LOOSE).then("path").otherwise(pl.col("container") + "!" + pl.col("path"))
    names = pl.scan_parquet(manifest).select("image_id", image=place)
    probabilities = pl.scan_parquet(calibrated).select("image_id", "probability")
    joined = table.join(probabilities, on="image_id", how="left").join(names, on="image_id", how="left")
    return Decisions(_collect(path, joined), (raw,), hidden=True)


def find_classes(path: Path, decisions: pl.DataFrame, bundle: Path) -> Classes:
    """Say which classes there are and which is the positive one: as the bundle, the pipeline or the votes say.

    Raises `FacesiftError` when the table names others, when nothing says which is positive, or when a class has a
    name that an answer already has.
    """
    named = _classes_in(decisions)
    classes = _said(path, bundle) or _guessed(path, named)
    unknown = sorted(named - set(classes.names))
    if unknown:
        raise FacesiftError(
            f"{path}: names the classes {unknown}, but {bundle} has {list(classes.names)}: see --bundle"
        )
    taken = sorted(set(classes.names) & set(RESERVED))
    if taken:
        raise FacesiftError(f"class {taken[0]!r}: an answer has this name already; rename the class")
    return classes


def _classes_in(decisions: pl.DataFrame) -> set[str]:
    votes = [name for name in decisions.columns if name.startswith(VOTE)]
    return {value for name in ("decision", *votes) for value in decisions[name].unique()} - {REVIEW, ""}


def _said(path: Path, bundle: Path) -> Classes | None:
    if (bundle / CARD).is_file():
        return read_card(bundle).class_names
    params = path.parent.parent / "params.yaml"
    return load_params(params).class_names if params.is_file() else None


def _guessed(path: Path, named: set[str]) -> Classes:
    if named <= {"real", "fake"}:
        return Classes(("real", "fake"), "fake")
    raise FacesiftError(f"{path}: which of the classes {sorted(named)} is the positive one? Name the bundle: --bundle")


def is_image_id(column: str = "image_id") -> pl.Expr:
    """Rows that can be asked for by their image_id: files that could not be read have none."""
    return pl.col(column).str.contains(f"^{IMAGE_ID.pattern}$")
