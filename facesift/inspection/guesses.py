"""Guesses what others call the classes, and which columns of their tables hold names and labels."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from facesift.config.data import Columns
from facesift.core.classes import BINARY
from facesift.core.errors import FacesiftError
from facesift.core.panics import without_panic_text
from facesift.images.archives import RawFile, read_bytes
from facesift.images.decoding import BadImage
from facesift.images.parquets import is_parquet
from facesift.labels.class_names import ClassNames
from facesift.labels.path_names import key
from facesift.labels.table_text import DELIMITERS, LINES, decode_text, read_records

# What public data sets call real and fake images.
ALIASES = {
    "real": (
        "0_real", "real_*", "*_real", "reals", "original*", "authentic*", "genuine*", "live", "live_*", "bonafide",
        "bona_fide", "bona-fide", "pristine", "untouched", "negative", "au", "0", "false",
    ),
    "fake": (
        "1_fake", "fake_*", "*_fake", "fakes", "manipulated*", "tampered*", "forged", "forger*", "spoof*", "altered",
        "edited*", "photoshop*", "generated*", "synthe*", "deepfake*", "swapped", "morph*", "attack*", "positive", "tp",
        "sp", "1", "true", "ff_df", "ff_f2f", "ff_fs", "ff_nt", "ff_fh",
    ),
}  # fmt: skip
IDS = (
    "id", "file_name", "path", "filename", "file", "image", "image_name", "image_path", "img", "img_path", "image_id",
    "name", "filepath", "file_path",
)  # fmt: skip
LABELS = (
    "label", "class", "target", "labels", "type", "category", "is_fake", "fake", "y", "ground_truth", "gt", "choice",
    "annotation", "verdict", "label_name", "class_name",
)  # fmt: skip
_KEY = re.compile(r'"([A-Za-z][\w .-]{0,40})"\s*:')
MOST_KEYS = 100_000  # characters of JSON in which its keys are looked for
NEGATED = re.compile(r"(^|_)(not?|non|un|anti|without)_")  # "not_fake" means the other class, or something else
STRUCTURED = (".json", ".parquet", *(f".{ending}" for ending in LINES))
MOST_TABLE = 100_000_000  # bytes
MOST_LABELS = 50


def guess_aliases(names: Iterable[str], classes: tuple[str, ...]) -> dict[str, list[str]]:
    """Guess which names stand for real and fake images, where the classes are these two.

    Args:
        names: of folders, or labels.
        classes: names of the classes.

    Returns:
        For each class the names, in lower case and sorted, that stand for it and are not its own.

    >>> guess_aliases(["0_real", "1_fake", "cats"], ("real", "fake"))
    {'real': ['0_real'], 'fake': ['1_fake']}
    """
    if set(classes) != set(BINARY):
        return {}
    known = {key(each) for each in names}
    numbers = {name for name in known if name.isdigit()}
    if numbers != {"0", "1"}:  # numbers of people, clips, or batches
        known -= numbers
    guesses = {label: ClassNames((label,), {label: ALIASES[label]}) for label in BINARY}
    found: dict[str, list[str]] = {}
    for name in sorted(known - set(classes)):
        plain = re.sub(r"[\s.-]+", "_", name)
        meant = [label for label, guess in guesses.items() if guess.find(name) or guess.find(plain)]
        if NEGATED.search(plain):
            continue
        if len(meant) == 1 and not all(label in name for label in BINARY):  # such as real_and_fake_face
            found.setdefault(meant[0], []).append(name)
    return {label: found[label] for label in BINARY if label in found}


def look_into(raw: Path, table: RawFile) -> tuple[dict[str, str] | None, set[str]]:
    """Guess which columns of a label table hold names and labels.

    Args:
        raw: the raw folder.
        table: a file in CSV, JSON, JSON lines or Parquet.

    Returns:
        The columns `id` and `label`, None where they are not recognised, or are those that are read anyway; and the
        labels that occur, at most some more than `MOST_LABELS`.
    """
    try:
        data = read_bytes(raw, table.container, table.path, MOST_TABLE)
        if not table.path.casefold().endswith(STRUCTURED):
            return _look_into_csv(decode_text(data, table.path))
        for columns in (None, _columns(_keys(table.path, data))):
            try:
                records = read_records(table.path, data, columns, table.path)
            except FacesiftError:
                continue
            found = {record.label for record in records}
            named = None if columns is None else {"id": columns.id, "label": columns.label}
            return named, found if len(found) <= MOST_LABELS else set()
    except (BadImage, FacesiftError, csv.Error, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass
    return None, set()


def _keys(name: str, data: bytes) -> list[str]:
    """Return the columns of a Parquet file, or the keys with which JSON begins."""
    if is_parquet(name):
        with without_panic_text():
            return list(pl.read_parquet_schema(io.BytesIO(data)))
    return list(dict.fromkeys(_KEY.findall(decode_text(data, name)[:MOST_KEYS])))


def _columns(names: Iterable[str]) -> Columns | None:
    """Choose the columns of names and labels among those there are."""
    known = {name.casefold(): name for name in names if name}
    image = next((known[each] for each in IDS if each in known), None)
    label = next((known[each] for each in LABELS if each in known and known[each] != image), None)
    return Columns(id=image, label=label) if image and label else None


def _look_into_csv(text: str) -> tuple[dict[str, str] | None, set[str]]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    heads = [next(csv.reader(io.StringIO(lines), delimiter=mark), []) for mark in DELIMITERS]
    mark = DELIMITERS[max(range(len(DELIMITERS)), key=lambda number: len(heads[number]))]
    rows = csv.DictReader(io.StringIO(lines), delimiter=mark)
    columns = _columns(rows.fieldnames or [])
    if columns is None:
        return None, set()
    found: set[str] = set()
    for row in rows:
        found.add(str(row[columns.label]).strip())
        if len(found) > MOST_LABELS:
            break
    return {"id": columns.id, "label": columns.label}, found
