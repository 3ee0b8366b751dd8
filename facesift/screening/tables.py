"""Reads and writes tables of decisions: CSV and JSON lines row by row, Parquet whole at the end.

A killed run leaves whole lines and perhaps a torn one; `resume` drops that and goes on. Rows on their way to a Parquet
file wait as CSV in `<name>.rows.csv` beside it, so that such a run can go on too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import polars as pl

from facesift.core.errors import FacesiftError
from facesift.core.files import scan_parquet, whole_file
from facesift.core.table_digest import KEY, OPEN, seal
from facesift.images.paths import one_line
from facesift.screening.columns import LOG
from facesift.screening.decision_log import WAY

FORMATS = ("csv", "jsonl", "parquet")
ROW_GROUP = 10_000  # rows of a Parquet file that are written, and read, at a time
SUFFIXES = tuple(f".{name}" for name in FORMATS)
SAMPLES = 64  # rows that tell whether the committee is still the same
BLOCK = 1 << 16  # bytes looked through at a time for the end of the last whole line

Lines = Callable[[pl.DataFrame], str]


@dataclass
class Output:
    """An open table of decisions.

    Attributes:
        write: takes some rows, and returns when the operating system has them.
        done: names of the images whose rows it holds already.
        unscored: how many of those have no decision.
        samples: some of those rows by image, one for each combination of votes and decision, at most `SAMPLES`.
        logged: how those rows were decided: the columns `decision_log.WAY`, an entry for each combination.
    """

    write: Callable[[pl.DataFrame], None]
    done: set[str] = field(default_factory=set)
    unscored: int = 0
    samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    logged: list[dict[str, Any]] = field(default_factory=list)


def format_of(path: Path | None, asked: str | None) -> str:
    """Return the format asked for, else that of the file's ending, else `csv`; `FacesiftError` for one that is none."""
    chosen = asked or (path.suffix.removeprefix(".") if path else "csv")
    if chosen not in FORMATS:
        raise FacesiftError(f"{path or '--format'}: {chosen!r} is no format; use {', '.join(FORMATS)}")
    if chosen == "parquet" and path is None:
        raise FacesiftError("Parquet is written whole, so it needs a file: --output NAME.parquet")
    return chosen


@contextmanager
def open_output(path: Path | None, kind: str, schema: pl.Schema, *, resume: bool) -> Iterator[Output]:
    """Open a table of decisions to write rows into.

    Args:
        path: the file; None: the standard output.
        kind: one of `FORMATS`, see `format_of`.
        schema: its columns.
        resume: go on with a file that is there.

    Yields:
        The open table.

    Raises:
        FacesiftError: when the file is there and `resume` is not asked for, when it holds other columns, and when the
            disk is full or refuses: what was written stays.
        BrokenPipeError: when nobody reads the standard output.
    """
    if path is None:
        lines = _lines(kind, head=True)
        yield Output(lambda table: _write(sys.stdout.fileno(), lines(table), "standard output"))
    elif kind == "parquet":
        with _open_parquet(path, schema, resume=resume) as output:
            yield output
    else:
        with _open_lines(path, kind, schema, resume=resume) as output:
            yield output


@contextmanager
def _open_lines(path: Path, kind: str, schema: pl.Schema, *, resume: bool) -> Iterator[Output]:
    fresh = not path.exists()
    if not resume and not fresh and path.stat().st_size:
        raise FacesiftError(f"{path}: is there already; --resume goes on with it, or remove it, or name another")
    with _refusal(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "x+b" if fresh else "r+b", buffering=0, opener=_private)  # noqa: SIM115 - `with file` below
    try:
        with file:
            whole = _drop_torn_line(file)
            lines = _lines(kind, head=not whole)
            output = Output(lambda table: _write(file.fileno(), lines(table), str(path)))
            if whole:
                _read_done(path, kind, schema, output)
            yield output
            if path.is_file():
                os.fsync(file.fileno())
    finally:
        if fresh and not path.stat().st_size:
            path.unlink()  # nothing came of it


def _private(path: str, flags: int) -> int:
    """Open a file that names people's images: a new one is for its owner alone."""
    return os.open(path, flags, 0o600)


@contextmanager
def _open_parquet(path: Path, schema: pl.Schema, *, resume: bool) -> Iterator[Output]:
    if path.exists():
        raise FacesiftError(f"{path}: is there, and a Parquet file takes no more rows; remove it or name another")
    rows = waiting_rows(path)
    with _open_lines(rows, "csv", schema, resume=resume) as output:
        yield output
    with _refusal(str(path)), whole_file(path, private=True) as part:
        table = pl.scan_csv(rows, schema=schema)
        table.sink_parquet(part, compression="zstd", row_group_size=ROW_GROUP, metadata={KEY: OPEN})
        seal(part)
    rows.unlink()


def waiting_rows(path: Path) -> Path:
    """Where the rows of a Parquet file wait until it is whole.

    >>> waiting_rows(Path("out/faces.parquet")).name
    'faces.parquet.rows.csv'
    """
    return path.with_name(f"{path.name}.rows.csv")


def _write(handle: int, text: str, name: str) -> None:
    """Hand all of `text` to the system: no buffer that a kill or a full disk could lose or repeat."""
    rest = memoryview(text.encode("utf-8"))
    with _refusal(name):
        while rest:
            rest = rest[os.write(handle, rest) :]


def _lines(kind: str, *, head: bool) -> Lines:
    """Return what turns tables into text; of CSV only the first has the `head` line."""
    if kind == "jsonl":
        return lambda table: table.write_ndjson()
    first = iter([head])
    return lambda table: table.write_csv(include_header=next(first, False), line_terminator="\n")


def _drop_torn_line(file: FileIO) -> int:
    """Cut the file behind its last line end, go there, and return the bytes that are left."""
    size = end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        end = start + found + 1 if found >= 0 else start
        if found >= 0:
            break
    if end < size:
        file.truncate(end)
    return file.seek(end)


def _read_done(path: Path, kind: str, schema: pl.Schema, output: Output) -> None:
    scan = partial(pl.scan_csv, path, infer_schema=False) if kind == "csv" else partial(pl.scan_ndjson, path)
    try:
        _check_columns(path, scan().collect_schema().names(), schema)
        if kind == "jsonl":  # a column that is null in the first lines has no type yet
            scan = partial(scan, schema=schema)
        known = scan().select("image", "decision").collect()
        kinds = [name for name in schema if name.startswith("vote_")] + ["decision"]
        scored = scan().select("image", "image_id", "probability", *kinds).filter(pl.col("decision").is_not_null())
        logged = scan().select(WAY).unique(maintain_order=True).head(SAMPLES).collect(engine="streaming")
        samples = scored.unique(kinds, keep="first", maintain_order=True).head(SAMPLES).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        first_line = str(error).splitlines()[0]
        raise FacesiftError(f"{path}: no decisions table that could be resumed ({first_line}); name another") from error
    output.done = set(known["image"])
    output.unscored = known["decision"].null_count()
    output.samples = {row["image"]: row for row in samples.to_dicts()}
    output.logged = logged.to_dicts()


def _check_columns(path: Path, found: list[str], schema: pl.Schema) -> None:
    if "image" in found and not set(LOG) <= set(found):
        missing = ", ".join(name for name in LOG if name not in found)
        raise FacesiftError(
            f"{path}: written by an older facesift, without the columns {missing}; name another file, or finish it "
            "with the version that began it"
        )
    if found != schema.names():
        raise FacesiftError(
            f"{path}: its columns are {', '.join(found)}, but this bundle gives {', '.join(schema.names())}: "
            "written by another committee; name another file"
        )


@contextmanager
def _refusal(name: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FacesiftError(
            f"{name}: cannot be written ({error.strerror}); the rows before are in it. With --output FILE, the same "
            "command and --resume goes on where it stopped"
        ) from error


def scan_decisions(path: Path, numbers: tuple[str, ...], texts: tuple[str, ...]) -> pl.LazyFrame:
    """Open a table of decisions to read it lazily.

    What is wrong further down in it shows when it is collected: do that inside `reading`.

    Args:
        path: a file that ends in one of `SUFFIXES`.
        numbers: columns that become floats, whatever their first rows hold.
        texts: columns that become strings.

    Returns:
        The table, not read yet.

    Raises:
        FacesiftError: for a file that is missing, of another kind, or empty.
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
        return scan_parquet(path)
    there = pl.scan_ndjson(path).collect_schema().names()  # a column that is null in the first lines has no type yet
    return pl.scan_ndjson(path, schema_overrides={name: kind for name, kind in types.items() if name in there})


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a table is read into a `FacesiftError` that names it."""
    try:
        yield
    except pl.exceptions.NoDataError as error:
        raise FacesiftError(f"{path}: empty") from error
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        first_line = one_line(str(error).splitlines()[0])
        raise FacesiftError(f"{path}: not a readable table of decisions ({first_line})") from error
