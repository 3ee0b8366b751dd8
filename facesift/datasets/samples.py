"""Labels of WebDataset: files whose names are equal up to the first dot are one sample, one of them has its label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from facesift.core.errors import FacesiftError
from facesift.datasets.layouts import Layout
from facesift.images.archives import LOOSE, RawFile, read_bytes
from facesift.images.bad_image import BadImage
from facesift.images.leftovers import parts_of, sidecar
from facesift.labels.json_table import load_json
from facesift.labels.records import FOLDS, LABEL_COLUMN, as_text, fold_of
from facesift.labels.row_matching import Matches, TableRow
from facesift.labels.table_text import decode_text

JSON = ".json"
LABEL_FILES = (".cls", ".cls.txt", JSON)  # in this order
KEYS = (LABEL_COLUMN, "cls")  # of a label in the JSON of a sample
MOST_LABEL = 1 << 20  # bytes of a file with one label


class _Sample(NamedTuple):
    """The files of a sample, and its place for messages."""

    raw: Path
    layout: Layout
    source: str
    place: str
    members: Sequence[RawFile]


class _Said(NamedTuple):
    """What the label files of a sample say: the class by file and key, and the split."""

    labels: dict[str, str]
    fold: str | None = None


def read_samples(raw: Path, name: str, layout: Layout, files: Sequence[RawFile]) -> Layout:
    """Read the labels of `layout: webdataset`.

    Args:
        raw: the raw folder.
        name: of the source.
        layout: its layout.
        files: the files that may belong to it.

    Returns:
        The layout with its labels.

    Raises:
        FacesiftError: when the files of a sample give no label or several, or its label may be of several images.
    """
    rows: dict[RawFile, list[TableRow]] = {}
    lost, labels = [], []
    for sample, members in _samples(files).items():
        container, path = sample
        place = f"{raw / path if container == LOOSE else f'{raw / container}:{path}'}"
        each = _Sample(raw, layout, name, place, members)
        if (found := _label_file(each)) is None:
            continue
        label, fold = _read_label(each, found)
        row = TableRow(path, label, fold or fold_of_archive(container), None, container)
        images = _images(each, found)
        labels.append(found)
        rows |= {file: [row] for file in images}
        if not images:
            lost.append(row)
    return layout.with_rows(Matches(rows, lost), labels)


def fold_of_archive(container: str) -> str | None:
    """Return the split that the name of an archive gives, or that of a folder above it, the innermost first.

    >>> fold_of_archive("data/train-00000-of-00002.parquet"), fold_of_archive("faces.tar")
    ('train', None)
    """
    parts = reversed(PurePosixPath(container.casefold()).parts)
    words = [word for part in parts for word in re.split(r"[-_.]", part)]
    return next((FOLDS[word] for word in words if word in FOLDS), None)


def _samples(files: Sequence[RawFile]) -> dict[tuple[str, str], list[RawFile]]:
    samples: dict[tuple[str, str], list[RawFile]] = {}
    for file in files:
        *folders, last = parts_of(file.path)
        samples.setdefault((file.container, "/".join([*folders, last.partition(".")[0]])), []).append(file)
    return samples


def _images(sample: _Sample, found: RawFile) -> list[RawFile]:
    images = [
        file
        for file in sample.members
        if file != found and not file.path.casefold().endswith(LABEL_FILES) and sidecar(file.path) is None
    ]
    if len(images) > 1:
        raise FacesiftError(
            f"{sample.place}: {found.path} is the label of several images: "
            f"{', '.join(file.path for file in images[:3])}; use names without further dots, and leave out what is no "
            f"photo by `data.sources.{sample.source}.exclude`"
        )
    return images


def _label_file(sample: _Sample) -> RawFile | None:
    for ending in LABEL_FILES:
        found = [file for file in sample.members if file.path.casefold().endswith(ending)]
        if len(found) > 1:
            raise FacesiftError(
                f"{sample.place}: one sample, as its names are equal up to the first dot, but it has the labels "
                f"{', '.join(file.path for file in found[:3])}: use names without further dots"
            )
        if found:
            return found[0]
    return None


def _read_label(sample: _Sample, found: RawFile) -> tuple[str, str | None]:
    """Return the class and the split of a sample; what else of its files has a label must say the same."""
    said = _read(sample, found)
    if not said.labels:
        raise FacesiftError(
            f"{sample.place}: {found.path} gives no label: it is empty, null, or without the keys {', '.join(KEYS)}; "
            f"write one into it, or leave the sample out with data.sources.{sample.source}.exclude"
        )
    others = [
        _read(sample, file, beside=True)
        for file in sample.members
        if file != found and file.path.casefold().endswith(LABEL_FILES)
    ]
    labels = {place: label for each in (said, *others) for place, label in each.labels.items()}
    if len(set(labels.values())) > 1:
        told = ", ".join(f"{place} says {label}" for place, label in labels.items())
        raise FacesiftError(f"{sample.place}: its labels disagree: {told}; correct or remove one of them")
    folds = [each.fold for each in (said, *others) if each.fold]
    return next(iter(labels.values())), folds[0] if folds else None


def _read(sample: _Sample, file: RawFile, *, beside: bool = False) -> _Said:
    """Read a file with a label; JSON `beside` such a file may be about anything."""
    name = f"{sample.place} ({file.path})"
    try:
        text = decode_text(read_bytes(sample.raw, file.container, file.path, MOST_LABEL), name).strip()
        value = load_json(text) if file.path.casefold().endswith(JSON) else text
    except BadImage as error:
        if beside:
            return _Said({})
        raise FacesiftError(f"{sample.place}: its label cannot be read: {error.reason}") from error
    except (ValueError, RecursionError) as error:
        if beside:
            return _Said({})
        raise FacesiftError(f"{sample.place}: {file.path} is not valid JSON ({error})") from error
    if not isinstance(value, dict):
        said, fold = ({} if beside and not isinstance(value, str) else {file.path: as_text(value)}), None
    else:
        fields = {key: as_text(each) for key, each in value.items()}
        said = {f"{file.path} ({key})": fields[key] for key in KEYS if key in fields}
        if null := next((place for place, each in said.items() if not each), None):
            raise FacesiftError(f"{sample.place}: {null} is null or empty: write a label there, or take the key away")
        fold = fold_of(fields, None, name)
    labels = {place: sample.layout.names.of_label(each, sample.source, name) for place, each in said.items() if each}
    return _Said(labels, fold)
