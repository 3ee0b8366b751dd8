"""Writes tables of decisions: CSV and JSON lines row by row, Parquet whole at the end.

A killed run leaves whole lines and perhaps a torn one; `resume` drops that and goes on. Rows on their way to a Parquet
file wait as CSV in `<name>.rows.csv` beside it, so that such a run can go on too. The standard output, pipes and
devices are written to as they are: nothing is renamed over them, and nothing in them can be resumed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

import polars as pl

from facesift.core.csv_cells import as_cells
from facesift.core.errors import FacesiftError
from facesift.core.files import scan_parquet, whole_file
from facesift.core.table_digest import KEY, OPEN, seal
from facesift.screening.columns import SAID, VOTE
from facesift.screening.decision_log import WAY
from facesift.screening.decisions_file import first_object, reading, scan_decisions

FORMATS = ("csv", "jsonl", "parquet")
ROW_GROUP = 10_000  # rows of a Parquet file that are written, and read, at a time
SAMPLES = 64  # rows that tell whether the committee is still the same
DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
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

    def add(self, other: Output) -> None:
        """Take in what another part of the table holds."""
        self.done |= other.done
        self.unscored += other.unscored
        self.samples = other.samples | self.samples
        self.logged += other.logged


def format_of(path: Path | None, asked: str | None) -> str:
    """Return the format asked for, else that of the file's ending, else `csv`; `FacesiftError` for one that is none."""
    chosen = asked or (path.suffix.removeprefix(".") if path else "csv")
    if chosen not in FORMATS and not asked and path and writes_on(path):
        chosen = "csv"  # /dev/stdout, a named pipe
    if chosen not in FORMATS:
        raise FacesiftError(f"{path or '--format'}: {chosen!r} is no format; use {', '.join(FORMATS)}")
    if chosen == "parquet" and (path is None or writes_on(path)):
        raise FacesiftError(f"{path or 'Parquet'}: Parquet is written whole, so it needs a file: --output NAME.parquet")
    return chosen


def writes_on(path: Path) -> bool:
    """Return whether an output is a stream: the standard output, a descriptor, a pipe or a device."""
    return _descriptor(path) is not None or (path.exists() and not path.is_file() and not path.is_dir())


def _descriptor(path: Path) -> int | None:
    """Return the number of the open file that a name such as /dev/stdout stands for.

    >>> _descriptor(Path("/dev/stdout")), _descriptor(Path("/dev/fd/5")), _descriptor(Path("out.csv"))
    (1, 5, None)
    """
    named = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}.get(str(path))
    numbered = DESCRIPTOR.fullmatch(str(path))
    return int(numbered[1]) if numbered else named


def file_of_stream(path: Path | None) -> Path | None:
    """Return the regular file that the standard output (None) or a named descriptor was redirected to, if any."""
    number = sys.stdout.fileno() if path is None else _descriptor(path)
    behind = Path(f"/dev/fd/{number}")
    return behind if number is not None and behind.is_file() else None


@contextmanager
def open_output(
    path: Path | None, kind: str, schema: pl.Schema, *, resume: bool, formulas: bool = False
) -> Iterator[Output]:
    """Open a table of decisions to write rows into.

    Args:
        path: the file; None: the standard output.
        kind: one of `FORMATS`, see `format_of`.
        schema: its columns.
        resume: go on with a file that is there.
        formulas: in CSV, leave names that a spreadsheet takes for formulas as they are, see `csv_cells.write_cell`.

    Yields:
        The open table.

    Raises:
        FacesiftError: when the file is there and `resume` is not asked for, when it holds other columns, and when the
            disk is full or refuses: what was written stays.
        BrokenPipeError: when nobody reads the output any more.
    """
    if path is None or writes_on(path):
        lines = _lines(kind, head=True, formulas=formulas)
        with _open_stream(path) as handle:
            yield Output(lambda table: _write(handle, lines(table), str(path or "standard output")))
    elif kind == "parquet":
        with _open_parquet(path, schema, resume=resume) as output:
            yield output
    else:
        with _open_lines(path, kind, schema, resume=resume, formulas=formulas) as output:
            yield output


@contextmanager
def _open_stream(path: Path | None) -> Iterator[int]:
    number = sys.stdout.fileno() if path is None else _descriptor(path)
    if number is not None:
        yield number
        return
    with _refusal(str(path)):
        file = Path(str(path)).open("wb", buffering=0)  # noqa: SIM115  a pipe waits here for who reads it
    with file:
        yield file.fileno()


@contextmanager
def _open_lines(path: Path, kind: str, schema: pl.Schema, *, resume: bool, formulas: bool = False) -> Iterator[Output]:
    fresh = not path.exists()
    if not resume and not fresh and path.stat().st_size:
        raise FacesiftError(f"{path}: is there already; --resume goes on with it, or remove it, or name another")
    with _refusal(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        open(path, "ab", opener=_private).close()
    try:
        output = _continued(path, kind, schema) if path.stat().st_size else Output(lambda _: None)
        with path.open("ab", buffering=0) as file:
            lines = _lines(kind, head=not path.stat().st_size, formulas=formulas)
            output.write = lambda table: _write(file.fileno(), lines(table), str(path))
            yield output
            if path.is_file():
                os.fsync(file.fileno())
    finally:
        if fresh and not path.stat().st_size:
            path.unlink()  # nothing came of it


def _continued(path: Path, kind: str, schema: pl.Schema) -> Output:
    """Make a table end with a whole row, in the form that `facesift screen` writes, and read what it holds."""
    if not _is_native(path, kind, schema):
        output = read_done(path, schema, kind)
        _write_natively(path, kind, schema)
        return output
    with _refusal(str(path)), path.open("r+b", buffering=0) as file:
        left = _drop_torn_line(file)
    return read_done(path, schema, kind) if left else Output(lambda _: None)


def _is_native(path: Path, kind: str, schema: pl.Schema) -> bool:
    """Return whether the first line is as `facesift screen` writes it; also where the run was stopped within it."""
    with path.open("rb") as file:
        line = file.readline()
    if kind == "csv":
        head = f"{','.join(schema.names())}\n".encode()
        return line == head or (not line.endswith(b"\n") and head.startswith(line))
    begun = b'{"image":'
    if not line.endswith(b"\n"):
        return line.startswith(begun) or begun.startswith(line)
    found = first_object(line.decode("utf-8", "replace"))
    return found is not None and list(found) == schema.names() and not line.endswith(b"\r\n")


def _private(path: str, flags: int) -> int:
    """Open a file that names people's images: a new one is for its owner alone."""
    return os.open(path, flags, 0o600)


@contextmanager
def _open_parquet(path: Path, schema: pl.Schema, *, resume: bool) -> Iterator[Output]:
    """Collect rows beside a Parquet file, and put them behind those that are in it, if it is there."""
    if path.exists() and not resume:
        raise FacesiftError(f"{path}: is there already; --resume goes on with it, or remove it, or name another")
    path, rows = path.resolve(), waiting_rows(path)  # a link stays one
    before = read_done(path, schema) if path.exists() else Output(lambda _: None)
    if before.done and _holds_all(path, rows):
        rows.unlink()  # the run was killed after they had become part of the file
    with _open_lines(rows, "csv", schema, resume=resume) as output:
        before.add(output)
        before.write = output.write
        yield before
    if not rows.exists() or not rows.stat().st_size:
        rows.unlink(missing_ok=True)
        return
    with reading(rows), _refusal(str(path)), whole_file(path, private=True) as part:
        parts = [_scan_whole(each, schema) for each in (path, rows) if each.exists()]
        pl.concat(parts).sink_parquet(
            part, compression="zstd", row_group_size=ROW_GROUP, metadata={KEY: OPEN}, maintain_order=True
        )
        seal(part)
    rows.unlink()


def _holds_all(path: Path, rows: Path) -> bool:
    """Return whether a Parquet file has all images whose rows wait beside it."""
    if not rows.exists() or not rows.stat().st_size:
        return False
    with reading(rows):
        waiting = scan_decisions(rows, (), ("image",)).select("image")
        return waiting.join(scan_parquet(path), on="image", how="anti").head(1).collect().is_empty()


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


def _lines(kind: str, *, head: bool, formulas: bool) -> Lines:
    """Return what turns tables into text; of CSV only the first has the `head` line."""
    if kind == "jsonl":
        return lambda table: table.write_ndjson()
    first = iter([head])
    return lambda table: as_cells(table, formulas=formulas).write_csv(
        include_header=next(first, False), line_terminator="\n", quote_style="never"
    )


def _write_natively(path: Path, kind: str, schema: pl.Schema) -> None:
    """Write a table that another program has saved again as `facesift screen` writes it, so that rows can follow."""
    with reading(path), whole_file(path.resolve()) as part:
        table = _scan_whole(path, schema, kind)
        if kind == "jsonl":
            table.sink_ndjson(part, maintain_order=True)
        else:
            as_cells(table).sink_csv(part, line_terminator="\n", quote_style="never", maintain_order=True)


def _scan_whole(path: Path, schema: pl.Schema, kind: str | None = None) -> pl.LazyFrame:
    """Open a table with all columns of a schema, in their order and with their types."""
    texts = [name for name, type_ in schema.items() if type_ == pl.String]
    numbers = [name for name, type_ in schema.items() if type_.is_numeric()]
    table = scan_decisions(path, numbers, texts, kind)
    _check_columns(path, [name for name in table.collect_schema().names() if name], schema)
    return table.select(schema.names()).cast(schema)


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


def read_done(path: Path, schema: pl.Schema, kind: str | None = None) -> Output:
    """Read what a table that is to be continued holds.

    Args:
        path: the table.
        schema: the columns that it must have.
        kind: one of `FORMATS`; None: by the file's ending.

    Returns:
        An output that cannot be written to yet.

    Raises:
        FacesiftError: when it is no such table.
    """
    with reading(path):
        table = _scan_whole(path, schema, kind)
        known = table.select("image", "decision").collect(engine="streaming")
        kinds = [name for name in schema if name.startswith("vote_")] + ["decision"]
        scored = table.select("image", "image_id", "probability", *kinds).filter(pl.col("decision").is_not_null())
        logged = table.select(WAY).unique(maintain_order=True).head(SAMPLES).collect(engine="streaming")
        samples = scored.unique(kinds, keep="first", maintain_order=True).head(SAMPLES).collect(engine="streaming")
    return Output(
        lambda _: None,
        set(known["image"]),
        known["decision"].null_count(),
        {row["image"]: row for row in samples.to_dicts()},
        logged.to_dicts(),
    )


def _check_columns(path: Path, found: list[str], schema: pl.Schema) -> None:
    known = [name for name in schema if not name.startswith((VOTE, SAID))]
    if "image" in found and not set(known) <= set(found):
        missing = ", ".join(name for name in known if name not in found)
        raise FacesiftError(
            f"{path}: written by an older facesift, without the columns {missing}; name another file, or finish it "
            "with the version that began it"
        )
    if sorted(found) != sorted(schema.names()):
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
