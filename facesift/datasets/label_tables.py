"""Label tables: CSV files with the columns `id,label`, and maybe a group, of the images in a flat folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from facesift.config.data import ByColumn, Source
from facesift.core.errors import FacesiftError
from facesift.datasets.layouts import Layout, top_entry
from facesift.images.archives import RawFile, list_files, read_bytes
from facesift.images.decoding import BadImage

COLUMNS = ["id", "label"]


def make_layouts(raw: Path, sources: Mapping[str, Source], classes: tuple[str, ...]) -> dict[str, Layout]:
    """Make the layout of every source; for `layout: csv`, read its label table from the raw folder or a zip.

    Args:
        raw: the raw folder.
        sources: each source's parameters, by its name.
        classes: names of the classes that labels may have.

    Returns:
        Each source's layout, by its name.

    Raises:
        FacesiftError: when a table is missing, lacks a column (also that of `group`), or has an unknown label.
    """
    return {name: _make_layout(raw, name, source, classes) for name, source in sources.items()}


def _make_layout(raw: Path, name: str, source: Source, classes: tuple[str, ...]) -> Layout:
    labels: dict[str, str] = {}
    groups: dict[str, str] = {}
    if source.layout == "csv" and raw.is_dir():  # `count_files` reports a missing folder
        for file in _find_tables(raw, name, source):
            place, rows = _read_table(raw, file)
            labels |= _labels(place, rows, classes)
            if isinstance(source.group, ByColumn):
                groups |= _groups(place, rows, source.group.column, name)
    return Layout(source, classes, labels, groups)


def _find_tables(raw: Path, name: str, source: Source) -> list[RawFile]:
    wanted = str(source.csv)
    found = [
        file
        for file in list_files(raw)
        if PurePosixPath(file.path).name == wanted and fnmatchcase(top_entry(file), source.within)
    ]
    if not found:
        raise FacesiftError(f"{raw}: no file {wanted} in folders or zip files (data.sources.{name}.csv)")
    return found


def _read_table(raw: Path, file: RawFile) -> tuple[str, list[dict[str, str]]]:
    """Return where a table is, for messages, and its rows."""
    place = f"{raw / file.path}" if file.container == "." else f"{raw / file.container}:{file.path}"
    try:
        text = read_bytes(raw, file.container, file.path).decode("utf-8-sig")
    except (BadImage, UnicodeDecodeError) as error:
        raise FacesiftError(f"{place}: not a readable text file ({error})") from error
    reader = csv.DictReader(io.StringIO(text))
    if not set(COLUMNS) <= set(reader.fieldnames or []):
        raise FacesiftError(f"{place}: columns are {reader.fieldnames}, but must include {COLUMNS}")
    return place, list(reader)


def _labels(place: str, rows: list[dict[str, str]], classes: tuple[str, ...]) -> dict[str, str]:
    labels = {row["id"]: row["label"] for row in rows}
    for image, label in labels.items():
        if label not in classes:
            raise FacesiftError(f"{place}: {image} has the label {label!r}, which is not one of {list(classes)}")
    return labels


def _groups(place: str, rows: list[dict[str, str]], column: str, name: str) -> dict[str, str]:
    if rows and column not in rows[0]:
        raise FacesiftError(
            f"{place}: columns are {list(rows[0])}, and {column!r} (data.sources.{name}.group.column) is not among them"
        )
    return {row["id"]: row[column] for row in rows if row[column]}
