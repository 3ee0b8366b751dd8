"""Writes tables of decisions: CSV and JSON lines row by row, Parquet whole at the end.

A killed run leaves whole lines and perhaps a torn one; `resume` drops that and goes on. A finished run puts the SHA-256
of CSV or JSON lines beside them, see `core.checksum_file`. Rows on their way to a Parquet file wait as CSV in
`<name>.rows.csv` beside it, so that such a run can go on too. The standard output, pipes and devices are written to as
they are: nothing is renamed over them, and nothing in them can be resumed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from facesift.core.checksum_file import check_checksum, remove_checksum, write_checksum
from facesift.core.csv_cells import as_cells
from facesift.core.errors import FacesiftError, for_terminal
from facesift.core.files import whole_file
from facesift.core.parts import held_alone, is_free
from facesift.core.table_digest import KEY, OPEN, seal
from facesift.screening.continued_tables import Output, continued, holds_all, read_done, refusal, scan_whole
from facesift.screening.decisions_file import reading

FORMATS = ("csv", "jsonl", "parquet")
ROW_GROUP = 10_000  # rows of a Parquet file that are written, and read, at a time
DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")

Lines = Callable[[pl.DataFrame], str]


def format_of(path: Path | None, asked: str | None) -> str:
    """Return the format asked for, else that of the file's ending, else `csv`; `FacesiftError` for one that is none."""
    if path is not None and path.is_dir():
        raise FacesiftError(f"{path}: is a folder; name a file in it: --output {path / 'decisions.csv'}")
    chosen = asked or (path.suffix.removeprefix(".").lower() if path else "csv")
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
        FacesiftError: when the file is there and `resume` is not asked for, when another run is writing it, when it
            holds other columns or was changed since it was finished, and when the disk is full or refuses: what was
            written stays.
        BrokenPipeError: when nobody reads the output any more.
    """
    if path is None or writes_on(path):
        lines = _lines(kind, head=True, formulas=formulas)
        with _open_stream(path) as handle:
            look = for_terminal if os.isatty(handle) else str
            yield Output(lambda table: _write(handle, look(lines(table)), str(path or "standard output")))
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
    with refusal(str(path)):
        file = Path(str(path)).open("wb", buffering=0)  # noqa: SIM115  a pipe waits here for who reads it
    with file:
        yield file.fileno()


@contextmanager
def _open_lines(path: Path, kind: str, schema: pl.Schema, *, resume: bool, formulas: bool = False) -> Iterator[Output]:
    _check_new(path, resume=resume)
    with _held(path):
        if path.stat().st_size:  # else all rows are decided anew
            check_checksum(path)
        with _append(path, kind, schema, resume=resume, formulas=formulas) as output:
            output.write = _once_before(output.write, lambda: remove_checksum(path))
            yield output
        write_checksum(path)


def _once_before(write: Callable[[pl.DataFrame], None], act: Callable[[], None]) -> Callable[[pl.DataFrame], None]:
    """Do something before the first rows are written."""
    acts = iter([act])

    def acting(table: pl.DataFrame) -> None:
        for each in acts:
            each()
        write(table)

    return acting


def _check_new(path: Path, *, resume: bool) -> None:
    if not resume and path.exists() and path.stat().st_size:
        raise FacesiftError(f"{path}: is there already; --resume goes on with it, or remove it, or name another")


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Open the file that rows go into, and hold it, so that the rows of two runs do not mix; remove it if it is empty.

    A new file names people's images: it is for its owner alone.
    """
    with refusal(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle, fresh = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600), True
        except FileExistsError:
            handle, fresh = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), False
    with held_alone(handle) as alone:
        if not alone:
            raise FacesiftError(f"{path}: another `facesift screen` is writing it; wait for its end, or name another")
        try:
            yield
        finally:
            if fresh and path.exists() and not path.stat().st_size:
                path.unlink()  # nothing came of it


@contextmanager
def _append(path: Path, kind: str, schema: pl.Schema, *, resume: bool, formulas: bool = False) -> Iterator[Output]:
    _check_new(path, resume=resume)  # again: another run may have ended in between
    before = path.stat()
    output = continued(path, kind, schema) if path.stat().st_size else Output(lambda _: None)
    with path.open("ab", buffering=0) as file:
        if not os.path.samestat(before, os.fstat(file.fileno())):  # it was written anew
            is_free(file.fileno())
        lines = _lines(kind, head=not path.stat().st_size, formulas=formulas)
        output.write = lambda table: _write(file.fileno(), lines(table), str(path))
        yield output
        os.fsync(file.fileno())


@contextmanager
def _open_parquet(path: Path, schema: pl.Schema, *, resume: bool) -> Iterator[Output]:
    """Collect rows beside a Parquet file, and put them behind those that are in it, if it is there."""
    _check_new(path, resume=resume)
    path, rows = path.resolve(), waiting_rows(path)  # a link stays one
    with _held(rows):
        _check_new(path, resume=resume)
        before = read_done(path, schema) if path.exists() else Output(lambda _: None)
        if before.done and holds_all(path, rows):
            os.truncate(rows, 0)  # the run was killed after they had become part of the file
        with _append(rows, "csv", schema, resume=resume) as output:
            before.add(output)
            before.write = output.write
            yield before
        if rows.stat().st_size:
            _add_rows(path, rows, schema)
        rows.unlink()


def _add_rows(path: Path, rows: Path, schema: pl.Schema) -> None:
    with reading(rows), refusal(str(path)), whole_file(path, private=True) as part:
        parts = [scan_whole(each, schema) for each in (path, rows) if each.exists()]
        pl.concat(parts).sink_parquet(
            part, compression="zstd", row_group_size=ROW_GROUP, metadata={KEY: OPEN}, maintain_order=True
        )
        seal(part)


def waiting_rows(path: Path) -> Path:
    """Where the rows of a Parquet file wait until it is whole.

    >>> waiting_rows(Path("out/faces.parquet")).name
    'faces.parquet.rows.csv'
    """
    return path.with_name(f"{path.name}.rows.csv")


def _write(handle: int, text: str, name: str) -> None:
    """Hand all of `text` to the system: no buffer that a kill or a full disk could lose or repeat."""
    rest = memoryview(text.encode("utf-8"))
    with refusal(name):
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
