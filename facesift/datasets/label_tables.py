"""Labels that no folder says: label tables, files beside images, columns of Parquet files."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import polars as pl

from facesift.config.data import ByColumn, Columns, Source
from facesift.core.errors import FacesiftError
from facesift.datasets.layouts import Layout, is_candidate
from facesift.images.archives import LOOSE, RawFile, list_files, read_bytes
from facesift.images.decoding import BadImage
from facesift.images.leftovers import parts_of, sidecar
from facesift.images.parquets import image_column, is_parquet
from facesift.labels.path_names import folder_parts, full_path, key
from facesift.labels.records import FOLDS, LABEL_COLUMN, Record, as_text
from facesift.labels.row_matching import Matches, TableRow, match_rows
from facesift.labels.table_text import decode_text, read_records

LABEL_FILES = (".cls", ".cls.txt", ".json")  # of WebDataset, in this order
MOST_LABEL = 1 << 20  # bytes of a file with one label


def make_layouts(raw: Path, sources: Mapping[str, Source], classes: tuple[str, ...]) -> dict[str, Layout]:
    """Make the layout of every source, and read its labels where they are not in the paths.

    Args:
        raw: the raw folder.
        sources: each source's parameters, by its name.
        classes: names of the classes that labels may have.

    Returns:
        Each source's layout, by its name.

    Raises:
        FacesiftError: when a table is missing, cannot be read, lacks a column (also that of `group`) or has an unknown
            label, and when a row fits several files.
    """
    return {name: _make_layout(raw, name, Layout(source, classes)) for name, source in sources.items()}


def _make_layout(raw: Path, name: str, layout: Layout) -> Layout:
    read = READERS.get(layout.source.layout)
    if read is None or not raw.is_dir():  # `count_files` reports a missing folder
        return layout
    return read(raw, name, layout, [file for file in list_files(raw) if is_candidate(layout, file)])


def _class_of(layout: Layout, source: str, label: str, place: str) -> str:
    found = layout.names.find(re.sub(r"^(\d+)\.0+$", r"\1", label.strip()))  # as a column with gaps has 1
    if found is None:
        raise FacesiftError(
            f"{place} has the label {label!r}, which is not one of {list(layout.classes)}; "
            f"data.sources.{source}.aliases says what others mean"
        )
    return found


def _from_tables(raw: Path, name: str, layout: Layout, files: list[RawFile]) -> Layout:
    """Read the tables of `layout: csv`, and match their rows with files."""
    wanted = key(str(layout.source.csv))
    tables = [file for file in _with_tables(files) if fnmatchcase(key(parts_of(file.path)[-1]), wanted)]
    if not tables:
        raise FacesiftError(f"{raw}: no file {layout.source.csv} in folders or zip files (data.sources.{name}.csv)")
    rows = [row for table in tables for row in _read_table(raw, name, layout, table)]
    used, folder = set(tables), layout.source.folder
    images = [file for file in files if file not in used and not sidecar(file.path) and _is_in(folder, file)]
    return layout.with_rows(match_rows(rows, images, folder), tables)


def _is_in(folder: str | None, file: RawFile) -> bool:
    return folder is None or key(folder) in map(key, folder_parts(full_path(file))[0])


def _with_tables(files: Iterable[RawFile]) -> list[RawFile]:
    """Leave the images of Parquet files out: a file with images is no label table."""
    return [file for file in files if not is_parquet(file.container)]


def _read_table(raw: Path, name: str, layout: Layout, file: RawFile) -> list[TableRow]:
    """Return the rows of a table."""
    place = f"{raw / file.path}" if file.container == LOOSE else f"{raw / file.container}:{file.path}"
    try:
        data = read_bytes(raw, file.container, file.path)
    except BadImage as error:
        raise FacesiftError(f"{place}: not a readable text file ({error})") from error
    records = read_records(file.path, data, layout.source.columns, place)
    table = full_path(file)
    return [
        TableRow(
            record.image, _class_of(layout, name, record.label, f"{place}: {record.image}"), record.fold,
            _group(record, layout.source, name, place), table,
        )
        for record in records
    ]  # fmt: skip


def _group(record: Record, source: Source, name: str, place: str) -> str | None:
    if not isinstance(source.group, ByColumn):
        return None
    column = source.group.column
    if column not in record.fields:
        raise FacesiftError(
            f"{place}: columns are {list(record.fields)}, and {column!r} (data.sources.{name}.group.column) is not "
            "among them"
        )
    return record.fields[column].strip() or None


def _from_samples(raw: Path, name: str, layout: Layout, files: list[RawFile]) -> Layout:
    """Read the labels of WebDataset: the files whose names are equal up to the first dot are one sample."""
    samples: dict[tuple[str, str], list[RawFile]] = {}
    for file in files:
        *folders, last = parts_of(file.path)
        samples.setdefault((file.container, "/".join([*folders, last.partition(".")[0]])), []).append(file)
    rows: dict[RawFile, list[TableRow]] = {}
    lost, labels = [], []
    for (container, sample), members in samples.items():
        place = f"{raw / sample if container == LOOSE else f'{raw / container}:{sample}'}"
        found = _label_file(members, place)
        images = [file for file in members if file != found and not _is_label_file(file)]
        if found is None:
            continue
        if len(images) > 1:
            raise FacesiftError(
                f"{place}: {found.path} is the label of several images: {', '.join(file.path for file in images[:3])}; "
                f"use names without further dots, and leave out what is no photo by `data.sources.{name}.exclude`"
            )
        labels.append(found)
        label = _class_of(layout, name, _read_label(raw, found, place), place)
        row = TableRow(sample, label, None, None, container)
        rows |= {file: [row] for file in images}
        if not images:
            lost.append(row)
    return layout.with_rows(Matches(rows, lost), labels)


def _is_label_file(file: RawFile) -> bool:
    return file.path.casefold().endswith(LABEL_FILES) or sidecar(file.path) is not None


def _label_file(members: list[RawFile], place: str) -> RawFile | None:
    for ending in LABEL_FILES:
        found = [file for file in members if file.path.casefold().endswith(ending)]
        if len(found) > 1:
            raise FacesiftError(
                f"{place}: one sample, as its names are equal up to the first dot, but it has the labels "
                f"{', '.join(file.path for file in found[:3])}: use names without further dots"
            )
        if found:
            return found[0]
    return None


def _read_label(raw: Path, file: RawFile, place: str) -> str:
    try:
        text = decode_text(read_bytes(raw, file.container, file.path, MOST_LABEL), f"{place} ({file.path})").strip()
        if not file.path.casefold().endswith(".json"):
            return text
        value = json.loads(text)
        return as_text(value.get(LABEL_COLUMN, value.get("cls")) if isinstance(value, dict) else value)
    except BadImage as error:
        raise FacesiftError(f"{place}: its label cannot be read: {error.reason}") from error
    except (ValueError, RecursionError) as error:
        raise FacesiftError(f"{place}: {file.path} is not valid JSON ({error})") from error


def _from_parquet(raw: Path, name: str, layout: Layout, files: list[RawFile]) -> Layout:
    """Read the labels of `layout: parquet`, a row for each image."""
    rows: dict[RawFile, list[TableRow]] = {}
    wanted = set(files)
    for container in dict.fromkeys(file.container for file in files if is_parquet(file.container)):
        labels = _read_column(raw / container, layout.source.columns)
        fold = next((FOLDS[part] for part in _words(container) if part in FOLDS), None)
        for number, label in enumerate(labels):
            found = _class_of(layout, name, label, f"{raw / container}: row {number}")
            rows[RawFile(container, str(number))] = [TableRow(str(number), found, fold, None, container)]
    return layout.with_rows(Matches({file: row for file, row in rows.items() if file in wanted}), [])


def _words(container: str) -> list[str]:
    """Split a name such as data/train-00000-of-00002.parquet into words, the innermost first."""
    parts = reversed(PurePosixPath(container.casefold()).parts)
    return [word for part in parts for word in re.split(r"[-_.]", part)]


def _read_column(path: Path, columns: Columns | None) -> list[str]:
    """Read the labels of a Parquet file, with the names that Hugging Face gives numbers in its footer."""
    images, wanted = (image_column(path), LABEL_COLUMN) if columns is None else (columns.id, columns.label)
    try:
        schema = pl.read_parquet_schema(path)
        if wanted not in schema or images not in schema or images != image_column(path):
            raise FacesiftError(
                f"{path}: columns are {list(schema)}, but images are in {image_column(path)!r} and labels must be in "
                f"{wanted!r}; data.sources.NAME.columns names others"
            )
        values = pl.read_parquet(path, columns=[wanted])[wanted].to_list()
        names = _names_of(pl.read_parquet_metadata(path).get("huggingface", ""), wanted)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise FacesiftError(f"{path}: not a readable Parquet file ({error})") from error
    return [names.get(text, text) for text in map(as_text, values)]


def _names_of(description: str, column: str) -> dict[str, str]:
    """Return the name of each number of a column of classes, from what Hugging Face writes into the footer."""
    try:
        feature = json.loads(description)["info"]["features"][column]
        return {str(number): str(name) for number, name in enumerate(feature["names"])}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def count_rows(rows: Iterable[TableRow]) -> dict[str, int]:
    """Count rows by class, sorted."""
    return dict(sorted(Counter(row.label for row in rows).items()))


READERS = {"csv": _from_tables, "webdataset": _from_samples, "parquet": _from_parquet}
