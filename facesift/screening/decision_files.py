"""Tables of decisions as `facesift screen` writes them, read lazily: CSV, JSON lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from facesift.core.errors import FacesiftError

SUFFIXES = (".csv", ".jsonl", ".parquet")


def scan_decisions(path: Path, numbers: tuple[str, ...], texts: tuple[str, ...]) -> pl.LazyFrame:
    """Scan a table; its columns in `numbers` become floats, those in `texts` strings, whatever their first rows hold.

    Raises `FacesiftError` for a file that is missing, of another kind, or empty. What is wrong further down shows when
    the table is collected: do that inside `reading`.
    """
    if path.suffix not in SUFFIXES:
        raise FacesiftError(f"{path}: a table of decisions ends in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise FacesiftError(f"{path}: no such file; `facesift screen` writes one")
    types = dict.fromkeys(numbers, pl.Float64) | dict.fromkeys(texts, pl.String)
    with reading(path):
        table = _scan(path, types)
        there = table.collect_schema().names()
    return table.with_columns(pl.col(name).cast(kind) for name, kind in types.items() if name in there)


def _scan(path: Path, types: Mapping[str, type[pl.DataType]]) -> pl.LazyFrame:
    if path.suffix == ".csv":
        return pl.scan_csv(path, infer_schema=False)
    if path.suffix == ".parquet":
        return pl.scan_parquet(path)
    there = pl.scan_ndjson(path).collect_schema().names()  # a column that is null in the first lines has no type yet
    return pl.scan_ndjson(path, schema_overrides={name: kind for name, kind in types.items() if name in there})


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a table is read into a `FacesiftError` that names it."""
    try:
        yield
    except pl.exceptions.NoDataError as error:
        raise FacesiftError(f"{path}: empty") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise FacesiftError(f"{path}: not a readable table of decisions ({str(error).splitlines()[0]})") from error
