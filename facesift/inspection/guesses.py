"""Guesses what others call the classes, and which columns of their tables hold names and labels."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

from facesift.core.classes import BINARY
from facesift.core.errors import FacesiftError
from facesift.images.archives import RawFile, read_bytes
from facesift.images.decoding import BadImage
from facesift.labels.class_names import ClassNames
from facesift.labels.path_names import key
from facesift.labels.table_text import decode_text

# What public data sets call real and fake images.
ALIASES = {
    "real": (
        "0_real", "real_*", "*_real", "reals", "original*", "authentic*", "genuine*", "live", "live_*", "bonafide",
        "bona_fide", "bona-fide", "pristine", "untouched", "negative", "au", "0", "false",
    ),
    "fake": (
        "1_fake", "fake_*", "*_fake", "fakes", "manipulated*", "tampered*", "forged", "forger*", "spoof*", "altered",
        "edited*", "photoshop*", "generated*", "synthe*", "deepfake*", "swapped", "morph*", "attack*", "positive", "tp",
        "sp", "1", "true",
    ),
}  # fmt: skip
IDS = (
    "id", "file_name", "path", "filename", "file", "image", "image_name", "image_path", "img", "img_path", "image_id",
    "name", "filepath", "file_path",
)  # fmt: skip
LABELS = ("label", "class", "target", "labels", "type", "category", "is_fake", "fake", "y", "ground_truth")
NEGATED = re.compile(r"(^|_)(not?|non|un|anti|without)_")  # "not_fake" means the other class, or something else
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
    """Guess which columns of a CSV file hold names and labels.

    Args:
        raw: the raw folder.
        table: the file.

    Returns:
        The columns `id` and `label`, None where one of them is not recognised; and the labels that occur, at most some
        more than `MOST_LABELS`.
    """
    try:
        text = decode_text(read_bytes(raw, table.container, table.path, MOST_TABLE), table.path)
        lines = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
        heads = [next(csv.reader(io.StringIO(lines), delimiter=mark), []) for mark in ",;\t|"]
        mark = ",;\t|"[max(range(4), key=lambda number: len(heads[number]))]
        rows = csv.DictReader(io.StringIO(lines), delimiter=mark)
        names = {name.casefold(): name for name in rows.fieldnames or [] if name}
        image = next((names[each] for each in IDS if each in names), None)
        label = next((names[each] for each in LABELS if each in names and names[each] != image), None)
        if image is None or label is None:
            return None, set()
        found: set[str] = set()
        for row in rows:
            found.add(str(row[label]).strip())
            if len(found) > MOST_LABELS:
                break
    except (BadImage, FacesiftError, csv.Error, ValueError):
        return None, set()
    return {"id": image, "label": label}, found
