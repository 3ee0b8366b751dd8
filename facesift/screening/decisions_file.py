"""Reads decisions tables: those of `facesift screen`, and those that a spreadsheet or an editor has saved again.

Review, drift, explain and `screen --resume` read with the functions of this module, so all of them read the same files
and refuse the same files. A spreadsheet writes what is usual in its language: semicolons or tabs, decimal commas, a
byte order mark, UTF-16, quotes around everything. What it has changed beyond repair, such as a hash that it took for a
number, is an error that names the image.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from facesift.core.checksum_file import check_checksum
from facesift.core.csv_cells import read_cell
from facesift.core.errors import FacesiftError
from facesift.core.files import scan_parquet
from facesift.core.panics import without_panic_text
from facesift.images.paths import one_line
from facesift.screening.columns import SAID, decisions_schema
from facesift.screening.text_copies import TextForm, plain_copy

KINDS = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".ndjson": "jsonl"}
SUFFIXES = tuple(KINDS)
SEPARATORS = ",;\t|"
NAMED_SEPARATOR = re.compile(r'"?sep=.?"?', re.IGNORECASE)  # a line before the names, for a spreadsheet
NUMBERS = frozenset(name for name, kind in decisions_schema(()).items() if kind.is_numeric())
DECIMAL_COMMA = r"^[+-]?\d*,\d+([eE][+-]?\d+)?$"
IMAGE_ID = r"^[0-9a-f]{32}$"
LONGEST = 80  # characters of a value that are shown


@dataclass(frozen=True)
class CsvForm:
    """How the rows of a CSV file are written.

    Attributes:
        separator: between the cells.
        columns: their names.
        skip: lines before the names, such as `sep=;`.
    """

    separator: str
    columns: tuple[str, ...]
    skip: int

    @classmethod
    def of(cls, head: str, path: Path, encoding: str) -> CsvForm:
        """Take the separator that gives the most columns.

        Args:
            head: the first line that is not empty.
            path: the file, for the line after a `sep=;`.
            encoding: of the file.
        """
        skip = 0
        if NAMED_SEPARATOR.fullmatch(head.strip()):
            with path.open(encoding=encoding, errors="replace") as file:
                skip, head = 1, [file.readline() for _ in range(2)][1].rstrip("\n")
        rows = {each: next(csv.reader([head], delimiter=each), []) for each in SEPARATORS}
        separator = max(SEPARATORS, key=lambda each: len(rows[each]))
        return cls(separator, tuple(rows[separator]), skip)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a table is read into a `FacesiftError` that names it."""
    try:
        with without_panic_text():
            yield
    except pl.exceptions.NoDataError as error:
        raise FacesiftError(f"{path}: empty") from error
    except (OSError, UnicodeError, csv.Error, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        first_line = one_line((str(error).splitlines() or [type(error).__name__])[0])
        hint = "; save it as UTF-8" if "utf-8" in first_line.lower() else ""
        raise FacesiftError(f"{path}: not a readable table of decisions ({first_line}){hint}") from error


def _kind_of(path: Path, kind: str | None) -> str:
    kind = kind or KINDS.get(path.suffix.lower())
    if kind is None:
        raise FacesiftError(f"{path}: a table of decisions ends in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise FacesiftError(f"{path}: no such file; `facesift screen` writes a decisions table")
    return kind


def scan_decisions(path: Path, numbers: Sequence[str], texts: Sequence[str], kind: str | None = None) -> pl.LazyFrame:
    """Open a table of decisions to read it lazily.

    What is wrong further down in it shows when it is collected: do that inside `reading`.

    Args:
        path: a file that ends in one of `SUFFIXES`.
        numbers: columns that become floats, whatever their first rows hold.
        texts: columns that become strings.
        kind: csv, jsonl or parquet; None: by the file's ending.

    Returns:
        The table, not read yet. An incomplete last line, as a stopped run leaves it, is left out.

    Raises:
        FacesiftError: for a file that is missing, of another kind or empty, for one that is not what `screen` finished
            (see `core.checksum_file`), and for a value that no decisions table has.
    """
    kind = _kind_of(path, kind)
    with reading(path):
        if kind == "parquet":
            table = scan_parquet(path)
            return _typed(table, numbers, texts)
        check_checksum(path)
        table = _scan_csv(path) if kind == "csv" else _scan_jsonl(path)
        there = table.collect_schema().names()
        checked = [name for name in there if name in numbers or name in NUMBERS or name.startswith(SAID)]
        _check_values(path, table, checked)
        return _typed(table.with_columns(_as_number(name) for name in numbers if name in there), numbers, texts)


def _typed(table: pl.LazyFrame, numbers: Sequence[str], texts: Sequence[str]) -> pl.LazyFrame:
    there = table.collect_schema().names()
    types = dict.fromkeys(numbers, pl.Float64) | dict.fromkeys(texts, pl.String)
    return table.with_columns(pl.col(name).cast(kind) for name, kind in types.items() if name in there)


def _scan_csv(path: Path) -> pl.LazyFrame:
    """Open a CSV file; all columns are strings, null where a cell is empty."""
    form = _form_of(path)
    table = CsvForm.of(form.head, path, form.encoding)
    torn = _is_torn(path, "csv", form)
    plain = form.encoding == "utf-8" and not form.carriage and not torn
    text = path if plain else plain_copy(path, form, whole_lines=torn)
    if twice := sorted({name for name in table.columns if name and table.columns.count(name) > 1}):
        raise FacesiftError(f"{path}: two columns are called {one_line(twice[0])}")
    rows = pl.scan_csv(text, infer_schema=False, separator=table.separator, skip_rows=table.skip)
    rows = rows.with_columns(read_cell(pl.col(name)).replace("", None).alias(name) for name in table.columns if name)
    if "image" not in table.columns:
        return rows
    return rows.filter(~pl.all_horizontal((pl.all().str.strip_chars() == "").fill_null(value=True)))  # empty lines


def _form_of(path: Path) -> TextForm:
    form = TextForm.of(path)
    if not form.head:
        raise pl.exceptions.NoDataError
    return form


def _is_torn(path: Path, kind: str, form: TextForm) -> bool:
    """Whether nothing ends the last line and it is incomplete, as a run leaves it that is stopped or goes on."""
    if not form.last.strip():
        return False
    if kind == "jsonl":
        return first_object(form.last) is None
    table = CsvForm.of(form.head, path, form.encoding)
    return _cells(form.last, table.separator) < len(table.columns)


def torn_line(path: Path) -> str | None:
    """Say that the last line of a table is incomplete and so left out; None where it is not."""
    kind = _kind_of(path, None)
    if kind == "parquet" or not _is_torn(path, kind, TextForm.of(path)):
        return None
    return f"{path}: its last line is incomplete and left out; `facesift screen --resume` goes on with it"


def _cells(line: str, separator: str) -> int:
    """Count the cells of a line; 0 where it ends within quotes."""
    try:
        return len(next(csv.reader([line], delimiter=separator, strict=True), []))
    except csv.Error:
        return 0


def _scan_jsonl(path: Path) -> pl.LazyFrame:
    """Open a file of JSON lines; the columns are those of its first line, strings, and null where a line has none."""
    form = _form_of(path)
    first = first_object(form.head)
    if first is None:
        raise FacesiftError(f"{path}: not a readable table of decisions (its first line is no whole JSON object)")
    torn = _is_torn(path, "jsonl", form)
    plain = form.encoding == "utf-8" and not form.mark and not form.carriage and not torn
    text = path if plain else plain_copy(path, form, whole_lines=torn)
    rows = pl.scan_ndjson(text, schema=dict.fromkeys(first, pl.String))
    return rows.with_columns(pl.all().replace("", None))


def first_object(line: str) -> dict[str, Any] | None:
    """Return the JSON object in a line; None where there is none, or an empty one."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found else None


def _as_number(name: str) -> pl.Expr:
    """Return a column of strings as numbers, with a decimal point or a decimal comma; null for what is none."""
    text = pl.col(name).str.strip_chars()
    comma = text.str.contains(DECIMAL_COMMA)
    return pl.when(comma).then(text.str.replace(",", ".", literal=True)).otherwise(text).cast(pl.Float64, strict=False)


def _check_values(path: Path, table: pl.LazyFrame, numbers: Sequence[str]) -> None:
    """Raise `FacesiftError` for the first row with a value that no decisions table has."""
    bad = [pl.col(name).is_not_null() & _as_number(name).is_null() for name in numbers]
    if "image_id" in table.collect_schema().names():
        bad.append(~pl.col("image_id").str.contains(IMAGE_ID))
    found = table.filter(pl.any_horizontal(bad)).head(1).collect(engine="streaming") if bad else pl.DataFrame()
    if found.is_empty():
        return
    row = found.row(0, named=True)
    of = next((f"image {_shown(row[name])}: " for name in ("image", "image_id") if row.get(name)), "")
    told = found.with_columns(_as_number(name) for name in numbers).row(0, named=True)
    name = next((each for each in numbers if row[each] is not None and told[each] is None), "image_id")
    wanted = "no hash of 32 hexadecimal digits" if name == "image_id" else "no number"
    raise FacesiftError(
        f"{path}: not a readable table of decisions ({of}its {name} is {_shown(row[name])!r}, {wanted}); where another "
        "program has changed it, take the table as `facesift screen` wrote it, or let that program take all columns "
        "as text"
    )


def _shown(text: str) -> str:
    short = one_line(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in short)
