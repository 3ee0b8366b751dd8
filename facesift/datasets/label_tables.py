"""Label tables: CSV files with the columns `id,label` that give the labels of the images in a flat folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from facesift.config.data import Source
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
        FacesiftError: when a table is missing, lacks a column, or has an unknown label.
    """
    return {
        name: Layout(source, classes, _read_tables(raw, name, source, classes) if source.layout == "csv" else {})
        for name, source in sources.items()
    }


def _read_tables(raw: Path, name: str, source: Source, classes: tuple[str, ...]) -> dict[str, str]:
    if not raw.is_dir():
        return {}  # `count_files` reports it
    wanted = str(source.csv)
    found = [
        file
        for file in list_files(raw)
        if PurePosixPath(file.path).name == wanted and fnmatchcase(top_entry(file), source.within)
    ]
    if not found:
        raise FacesiftError(f"{raw}: no file {wanted} in folders or zip files (data.sources.{name}.csv)")
    labels: dict[str, str] = {}
    for file in found:
        labels |= _read_table(raw, file, classes)
    return labels


def _read_table(raw: Path, file: RawFile, classes: tuple[str, ...]) -> dict[str, str]:
    place = f"{raw / file.path}" if file.container == "." else f"{raw / file.container}:{file.path}"
    try:
        text = read_bytes(raw, file.container, file.path).decode("utf-8-sig")
    except (BadImage, UnicodeDecodeError) as error:
        raise FacesiftError(f"{place}: not a readable text file ({error})") from error
    reader = csv.DictReader(io.StringIO(text))
    if not set(COLUMNS) <= set(reader.fieldnames or []):
        raise FacesiftError(f"{place}: columns are {reader.fieldnames}, but must include {COLUMNS}")
    labels = {row["id"]: row["label"] for row in reader}
    for image, label in labels.items():
        if label not in classes:
            raise FacesiftError(f"{place}: {image} has the label {label!r}, which is not one of {list(classes)}")
    return labels
