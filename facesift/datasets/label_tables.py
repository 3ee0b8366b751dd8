"""Labels that no folder says: label tables, files beside images, columns of Parquet files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from facesift.config.data import ByColumn, Columns, Source
from facesift.core.errors import FacesiftError
from facesift.core.panics import without_panic_text
from facesift.datasets.layouts import Layout, is_candidate
from facesift.datasets.samples import fold_of_archive, read_samples
from facesift.images.archives import LOOSE, RawFile, list_files, read_bytes
from facesift.images.decoding import BadImage
from facesift.images.leftovers import sidecar
from facesift.images.parquets import BYTES, image_column, is_parquet
from facesift.labels.path_names import ends_as, folder_parts, full_path, is_in_folder, key, plain_parts, spelled_paths
from facesift.labels.records import LABEL_COLUMN, SPLIT_COLUMN, Record, as_text, fold_of
from facesift.labels.row_matching import Matches, TableRow, match_rows
from facesift.labels.table_text import read_records


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


def _from_tables(raw: Path, name: str, layout: Layout, files: list[RawFile]) -> Layout:
    """Read the tables of `layout: csv`, and match their rows with files."""
    wanted = str(layout.source.csv)
    tables = [file for file in _with_tables(files) if any(ends_as(path, wanted) for path in spelled_paths(file))]
    if not tables:
        raise FacesiftError(f"{raw}: no file {layout.source.csv} in folders or zip files (data.sources.{name}.csv)")
    rows = [row for table in tables for row in _read_table(raw, name, layout, table)]
    if not rows:
        raise FacesiftError(f"{raw / full_path(tables[0])}: a table without rows (data.sources.{name}.csv)")
    used, folder = set(tables), layout.source.folder
    images = [file for file in files if file not in used and not sidecar(file.path) and _is_in(folder, file)]
    return layout.with_rows(match_rows(rows, images, folder and plain_parts(folder)[-1]), tables)


def _is_in(folder: str | None, file: RawFile) -> bool:
    paths = (map(key, folder_parts(path)[0]) for path in spelled_paths(file))
    return folder is None or any(is_in_folder(folders, folder) for folders in paths)


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
            record.image, layout.names.of_label(record.label, name, f"{place}: {record.image}"), record.fold,
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


def _from_parquet(raw: Path, name: str, layout: Layout, files: list[RawFile]) -> Layout:
    """Read the labels of `layout: parquet`, a row for each image."""
    rows: dict[RawFile, list[TableRow]] = {}
    wanted = set(files)
    for container in dict.fromkeys(file.container for file in files if is_parquet(file.container)):
        other = fold_of_archive(container)
        for number, (label, fields) in enumerate(_read_columns(raw / container, layout.source.columns)):
            place = f"{raw / container}: row {number}"
            found, fold = layout.names.of_label(label, name, place), fold_of(fields, other, place)
            rows[RawFile(container, str(number))] = [TableRow(str(number), found, fold, None, container)]
    return layout.with_rows(Matches({file: row for file, row in rows.items() if file in wanted}), [])


def _read_columns(path: Path, columns: Columns | None) -> list[tuple[str, dict[str, str]]]:
    """Read the labels of a Parquet file, with the names that Hugging Face gives numbers in its footer, and splits."""
    images, wanted = (image_column(path), LABEL_COLUMN) if columns is None else (columns.id, columns.label)
    try:
        schema = pl.read_parquet_schema(path)
        found = image_columns(path)
        if wanted not in schema or images != found[0]:
            remedy = "data.sources.NAME.columns names others"
            if images in found[1:]:
                remedy = f"the first such column is read: write the file without {found[0]!r}"
            raise FacesiftError(
                f"{path}: columns are {list(schema)}, but images are in {found[0]!r} and labels must be in {wanted!r}; "
                f"{remedy}"
            )
        if schema[wanted].is_nested() or schema[wanted] == pl.Binary:
            raise FacesiftError(f"{path}: column {wanted!r} holds {schema[wanted]}, and must hold texts or numbers")
        with without_panic_text():
            split = next((each for each in schema if key(each) == SPLIT_COLUMN and schema[each] == pl.String), None)
            table = pl.read_parquet(path, columns=list(dict.fromkeys(filter(None, (wanted, split)))))
        names = _names_of(pl.read_parquet_metadata(path).get("huggingface", ""), wanted)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise FacesiftError(f"{path}: not a readable Parquet file ({error})") from error
    labels = [names.get(text, text) for text in map(as_text, table[wanted])]
    splits = [{SPLIT_COLUMN: as_text(each)} for each in table[split]] if split else [{} for _ in labels]
    return list(zip(labels, splits, strict=True))


def image_columns(path: Path) -> list[str]:
    """Name the columns of a Parquet file that may hold images, that which is read (`image_column`) first."""
    kinds = pl.read_parquet_schema(path)
    return [name for name, kind in kinds.items() if kind == pl.Binary or pl.Field(BYTES, pl.Binary) in _fields(kind)]


def _fields(kind: pl.DataType) -> list[pl.Field]:
    return kind.fields if isinstance(kind, pl.Struct) else []


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


READERS = {"csv": _from_tables, "webdataset": read_samples, "parquet": _from_parquet}
