"""Reads the rows of a label table: CSV as any spreadsheet writes it, JSON, JSON lines, Parquet."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from facesift.config.data import Columns
from facesift.core.errors import FacesiftError
from facesift.core.panics import without_panic_text
from facesift.labels.json_table import JsonReader, load_json
from facesift.labels.other_files import refuse_other
from facesift.labels.path_names import without_ending
from facesift.labels.records import Asked, Record, as_text, fold_of

LINES = ("jsonl", "ndjson")  # endings of JSON lines
DELIMITERS = (",", ";", "\t", "|")
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
MOST_FIELD = 1 << 24  # characters of one field, such as a caption


def read_records(name: str, data: bytes, columns: Columns | None, place: str) -> list[Record]:
    """Read a label table.

    Args:
        name: its file name, whose ending says what it is: .json, .jsonl, .parquet, or else CSV.
        data: its bytes.
        columns: which columns hold names and labels; None: see `Asked`.
        place: its path, for messages.

    Returns:
        Its rows, in their order.

    Raises:
        FacesiftError: when it cannot be read, lacks a column, or has a row without a name or with too few fields.
    """
    asked, ending = Asked(columns), name.casefold().rpartition(".")[2]
    if ending == "parquet" and not data.startswith(b"PAR1"):
        refuse_other(data, place)
    if ending == "parquet":
        return list(_parquet_records(data, asked, place))
    text = decode_text(data, place)
    try:
        if ending in ("json", *LINES):
            reader = JsonReader(asked, place)
            return list(reader.lines(text) if _has_lines(text, ending) else reader.read(load_json(text), ""))
    except (ValueError, RecursionError) as error:
        raise FacesiftError(f"{place}: not valid JSON ({error})") from error
    return list(_csv_records(text, asked, place))


def _has_lines(text: str, ending: str) -> bool:
    """Whether a text has JSON lines, not one JSON value: its name does not always say so."""
    text = text.strip()
    if ending in LINES:
        return not text.startswith("[")
    first = text.partition("\n")[0].rstrip()
    try:
        return len(first) < len(text) and isinstance(load_json(first), dict)
    except (ValueError, RecursionError):
        return False


def decode_text(data: bytes, place: str) -> str:
    """Decode UTF-8, UTF-16 and UTF-32, by the mark at the beginning or by the zeros of UTF-16.

    Raises:
        FacesiftError: for any other text, and for a file that is no text, whatever its name says.
    """
    refuse_other(data, place)
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), None)
    if encoding is None:
        zeros = data[:400].count(0) * 3 > len(data[:400])
        encoding = ("utf-16-le" if data[1:2] == b"\0" else "utf-16-be") if zeros else "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FacesiftError(
            f"{place}: not a readable text file ({error}): save it as UTF-8, in a spreadsheet as `CSV UTF-8`"
        ) from error


def _csv_records(text: str, asked: Asked, place: str) -> Iterator[Record]:
    text, delimiters = _spreadsheet_line(text.removesuffix("\x1a"))  # the end of a file of DOS
    heads = {mark: _header(text, mark) for mark in delimiters}
    delimiter = next((mark for mark, head in heads.items() if asked.choose(head)), None)
    if delimiter is None:
        most = max(heads.values(), key=len)
        row = any(without_ending(word) != word for name in most for word in name.split())
        hint = "; its first line names an image: put a line with the names of the columns above it" if row else ""
        raise FacesiftError(
            f"{place}: columns are {most}, but must include {asked.words}; data.sources.NAME.columns names others{hint}"
        )
    header = heads[delimiter]
    while not header[-1]:  # a spreadsheet writes the columns to the right of the table too; their fields must be empty
        header.pop()
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        raise FacesiftError(f"{place}: two columns of {header} have the same name: rename one")
    chosen = asked.choose(header)
    assert chosen is not None  # noqa: S101  by the choice of the delimiter
    csv.field_size_limit(MOST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        next(reader)
        for fields in reader:
            if any(field.strip() for field in fields):
                yield _csv_record(header, fields, chosen, place, f"line {reader.line_num}")
    except csv.Error as error:
        raise FacesiftError(f"{place}: line {reader.line_num}: not valid CSV ({error}); look at its quotes") from error


def _spreadsheet_line(text: str) -> tuple[str, Sequence[str]]:
    """Cut off the line `sep=;` that Excel understands; return the rest, and the delimiters that come into question."""
    said = re.match(r'"?sep=(.)"?(\r\n|\r|\n)', text, re.IGNORECASE)
    return (text[said.end() :], (said[1],)) if said and said[1] not in '\r\n"' else (text.lstrip("\r\n"), DELIMITERS)


def _header(text: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])]
    except csv.Error:
        return []


def _csv_record(
    header: Sequence[str], fields: Sequence[str], chosen: tuple[str, str], place: str, where: str
) -> Record:
    extra = fields[len(header) :]
    if len(fields) < len(header) or any(field.strip() for field in extra):
        few = len(fields) < len(header)
        remedy = "write the missing ones, maybe empty" if few else "quote fields that hold the delimiter"
        raise FacesiftError(f"{place}: {where} has {len(fields)} fields, the header {len(header)}: {remedy}")
    return _record(dict(zip(header, fields, strict=False)), chosen, place, where)


def _record(row: Mapping[str, str], chosen: tuple[str, str], place: str, where: str) -> Record:
    image, label = row[chosen[0]].strip(), row[chosen[1]].strip()
    if not image:
        raise FacesiftError(f"{place}: {where} names no image (column {chosen[0]})")
    return Record(image, label, fold_of(row, None, f"{place}: {where}"), row, where)


def _parquet_records(data: bytes, asked: Asked, place: str) -> Iterator[Record]:
    try:
        with without_panic_text():
            schema = pl.read_parquet_schema(io.BytesIO(data))
        chosen = asked.choose(list(schema))
        if chosen is None:
            raise FacesiftError(
                f"{place}: columns are {list(schema)}, but must include {asked.words}; data.sources.NAME.columns names "
                "others"
            )
        for name in chosen:
            if schema[name].is_nested() or schema[name] == pl.Binary:
                raise FacesiftError(f"{place}: column {name!r} holds {schema[name]}, and must hold texts or numbers")
        flat = [name for name, kind in schema.items() if not kind.is_nested() and kind != pl.Binary]
        with without_panic_text():
            table = pl.read_parquet(io.BytesIO(data), columns=flat)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise FacesiftError(f"{place}: not a readable Parquet file ({error})") from error
    for number, row in enumerate(table.iter_rows(named=True)):
        yield _record({name: as_text(value) for name, value in row.items()}, chosen, place, f"row {number}")
