"""Reads the rows of a label table: CSV as any spreadsheet writes it, JSON, JSON lines, Parquet."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from facesift.config.data import Columns
from facesift.core.errors import FacesiftError

ID_COLUMNS = ("id", "file_name", "path")  # where the parameters name none
LABEL_COLUMN = "label"
DELIMITERS = (",", ";", "\t", "|")
FRAMES = "frames"  # DeepfakeBench's key of the images of a video
FOLDS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
MOST_FIELD = 1 << 24  # characters of one field, such as a caption


class Record(NamedTuple):
    """A row of a label table, as it is written there.

    Attributes:
        image: name or path of the image.
        label: the label.
        fold: train, val or test, where the table says so; else None.
        fields: the row's other values, by column.
        place: line or key, for messages.
    """

    image: str
    label: str
    fold: str | None
    fields: Mapping[str, str]
    place: str


@dataclass(frozen=True)
class Asked:
    """Which columns hold an image's name and its label; without `Columns` those of `ID_COLUMNS` and `LABEL_COLUMN`."""

    columns: Columns | None

    def label(self, found: Sequence[str]) -> str | None:
        """Return the column of labels among those found; one in another case counts where none is equal."""
        return _among(LABEL_COLUMN if self.columns is None else self.columns.label, found)

    def choose(self, found: Sequence[str]) -> tuple[str, str] | None:
        """Return the columns of names and labels among those found; None if one is missing."""
        ids = ID_COLUMNS if self.columns is None else (self.columns.id,)
        chosen = next((name for wanted in ids if (name := _among(wanted, found))), None)
        label = self.label(found)
        return (chosen, label) if chosen and label else None

    @property
    def words(self) -> str:
        """The columns that are needed, for messages."""
        return str(["id", "label"] if self.columns is None else [self.columns.id, self.columns.label])


def _among(wanted: str, found: Sequence[str]) -> str | None:
    same = [name for name in found if name.casefold() == wanted.casefold()]
    return wanted if wanted in found else same[0] if len(same) == 1 else None


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
    if ending == "parquet":
        return list(_parquet_records(data, asked, place))
    text = decode_text(data, place)
    try:
        if ending in ("jsonl", "ndjson"):
            return list(_JsonReader(asked, place).lines(text))
        if ending == "json":
            return list(_JsonReader(asked, place).read(_load_json(text), ""))
    except (ValueError, RecursionError) as error:
        raise FacesiftError(f"{place}: not valid JSON ({error})") from error
    return list(_csv_records(text, asked, place))


def decode_text(data: bytes, place: str) -> str:
    """Decode UTF-8, UTF-16 and UTF-32, by the mark at the beginning or by the zeros of UTF-16.

    Raises:
        FacesiftError: for any other text.
    """
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
    text, delimiters = _spreadsheet_line(text)
    heads = {mark: _header(text, mark) for mark in delimiters}
    delimiter = next((mark for mark, head in heads.items() if asked.choose(head)), None)
    if delimiter is None:
        most = max(heads.values(), key=len)
        raise FacesiftError(
            f"{place}: columns are {most}, but must include {asked.words}; data.sources.NAME.columns names others"
        )
    header = heads[delimiter]
    if len(set(header)) < len(header):
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
        raise FacesiftError(
            f"{place}: {where} has {len(fields)} fields, the header {len(header)}: quote fields that hold the delimiter"
        )
    return _record(dict(zip(header, fields, strict=False)), chosen, place, where)


def _record(row: Mapping[str, str], chosen: tuple[str, str], place: str, where: str) -> Record:
    image, label = row[chosen[0]].strip(), row[chosen[1]].strip()
    if not image:
        raise FacesiftError(f"{place}: {where} names no image (column {chosen[0]})")
    return Record(image, label, fold_of(row, None), row, where)


def fold_of(fields: Mapping[str, str], other: str | None) -> str | None:
    """Return the split that a row's column `split` names; without one the other."""
    return FOLDS.get(fields.get("split", "").strip().casefold(), other)


def as_text(value: Any) -> str:
    """Write a value of JSON or Parquet as a CSV file would have it; whole numbers without a fraction.

    >>> as_text(1.0), as_text(None), as_text(True)
    ('1', '', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class _JsonReader:
    """Reads JSON: a list of {path, label}, or splits, videos and names nested in any depth, as in DeepfakeBench."""

    def __init__(self, asked: Asked, place: str) -> None:
        self.asked, self.place = asked, place

    def lines(self, text: str) -> Iterator[Record]:
        """Read JSON lines, an object in each."""
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
            if line.strip():
                yield from self._object(_load_json(line), f"line {number}", None)

    def read(self, value: Any, where: str, fold: str | None = None) -> Iterator[Record]:
        """Read a list or object.

        Args:
            value: what JSON holds.
            where: its place in the file, for messages.
            fold: the split that it stands under.
        """
        if isinstance(value, list):
            for number, entry in enumerate(value):
                yield from self._object(entry, f"{where}[{number}]", fold)
        elif isinstance(value, dict) and self.asked.choose(list(value)):
            yield from self._object(value, where, fold)
        elif isinstance(value, dict):
            for name, entry in value.items():
                yield from self._named(name, entry, f"{where}/{name}", FOLDS.get(name.casefold(), fold))
        else:
            raise FacesiftError(f"{self.place}: {where or 'the file'} is {value!r:.80}, not a list or an object")

    def _named(self, name: str, entry: Any, where: str, fold: str | None) -> Iterator[Record]:
        """Read what stands under a name: a label, an image or a video with its label, or more names."""
        if isinstance(entry, dict) and self.asked.label(list(entry)):
            yield from self._object(entry, where, fold, name)
        elif isinstance(entry, str | int | float) or entry is None:
            yield Record(name, as_text(entry), fold, {}, where)
        else:
            yield from self.read(entry, where, fold)

    def _object(self, entry: Any, where: str, fold: str | None, name: str = "") -> Iterator[Record]:
        """Read an object with a label: of the images in its list `frames`, of the one it names, or of its own name."""
        keys = list(entry) if isinstance(entry, dict) else []
        label = self.asked.label(keys)
        if label is None:
            raise FacesiftError(f"{self.place}: {where} is {entry!r:.80}, but must have the keys {self.asked.words}")
        fields = {key: as_text(value) for key, value in entry.items() if not isinstance(value, dict | list)}
        if isinstance(frames := entry.get(FRAMES), list):
            images = [as_text(frame) for frame in frames]
        else:
            chosen = self.asked.choose(keys)
            images = [as_text(entry[chosen[0]])] if chosen else [name]
        for image in images:
            if not image.strip():
                raise FacesiftError(f"{self.place}: {where} names no image")
            yield Record(image.strip(), as_text(entry[label]).strip(), fold_of(fields, fold), fields, where)


def _load_json(text: str) -> Any:
    """Read JSON in which no object has a key twice: of two labels of an image the first would be lost."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entry = dict(pairs)
        if len(entry) < len(pairs):
            names = [name for name, _ in pairs]
            raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} comes twice")
        return entry

    return json.loads(text, object_pairs_hook=unique)


def _parquet_records(data: bytes, asked: Asked, place: str) -> Iterator[Record]:
    try:
        schema = pl.read_parquet_schema(io.BytesIO(data))
        chosen = asked.choose(list(schema))
        if chosen is None:
            raise FacesiftError(f"{place}: columns are {list(schema)}, but must include {asked.words}")
        flat = [name for name, kind in schema.items() if not kind.is_nested() and kind != pl.Binary]
        table = pl.read_parquet(io.BytesIO(data), columns=flat)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise FacesiftError(f"{place}: not a readable Parquet file ({error})") from error
    for number, row in enumerate(table.iter_rows(named=True)):
        yield _record({name: as_text(value) for name, value in row.items()}, chosen, place, f"row {number}")
