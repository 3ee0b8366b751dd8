"""Which source a file belongs to, and what its folders and its name say about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple

from facesift.config.data import Source
from facesift.core.classes import BINARY
from facesift.images.archives import LOOSE, RawFile

PARTS = ("left_eye", "right_eye", "nose", "mouth")
FOLDS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}

_DIFFICULTY = re.compile(r"(easy|mid|hard)_", re.IGNORECASE)
_EDITED = re.compile(r"(?:easy|mid|hard)_\d+_([01]{4})(?!\w)", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """A source with what its layout needs: the classes, and with `layout: csv` the label of each id."""

    source: Source
    classes: tuple[str, ...] = BINARY
    labels: Mapping[str, str] = field(default_factory=dict)


class Claim(NamedTuple):
    """What a path says of its image; None where it says nothing. `edited` has a flag for each of `PARTS`.

    An image without a label is one that people label (see `relabelling`).
    """

    label: str | None
    fold: str | None = None
    difficulty: str | None = None
    edited: tuple[bool | None, ...] = (None,) * len(PARTS)


def rff(folders: tuple[str, ...], name: str) -> Claim | None:
    """Real and Fake Face Detection: `training_real`, `training_fake`, and fakes named for their edits.

    >>> rff(("real_and_fake_face", "training_fake"), "easy_1_1110.jpg")
    Claim(label='fake', fold=None, difficulty='easy', edited=(True, True, True, False))
    >>> rff(("training_fake",), "easy_116_111.jpg").edited  # one public file lacks a digit
    (None, None, None, None)
    """
    if "training_real" in folders:
        return Claim("real")
    if "training_fake" not in folders:
        return None
    difficulty, edited = _DIFFICULTY.match(name), _EDITED.match(name)
    flags = tuple(digit == "1" for digit in edited[1]) if edited else (None,) * len(PARTS)
    return Claim("fake", difficulty=difficulty[1].lower() if difficulty else None, edited=flags)


def _fold(folders: tuple[str, ...]) -> str | None:
    folds = [FOLDS[folder] for folder in folders if folder in FOLDS]
    return folds[-1] if folds else None


def class_folders(folders: tuple[str, ...], classes: tuple[str, ...] = BINARY) -> Claim | None:
    """Folders named for the classes, in any case; folders `train`, `val` (`valid`, `validation`), `test` are the fold.

    >>> class_folders(("test", "real"))
    Claim(label='real', fold='test', difficulty=None, edited=(None, None, None, None))
    """
    known = {name.casefold(): name for name in classes}
    labels = [known[folder] for folder in folders if folder in known]
    return Claim(labels[-1], fold=_fold(folders)) if labels else None


def listed(folders: tuple[str, ...], name: str, layout: Layout) -> Claim | None:
    """Images in one flat folder whose labels stand in a table, by file name with or without its ending."""
    if layout.source.folder is None or layout.source.folder.casefold() not in folders:
        return None
    label = layout.labels.get(name) or layout.labels.get(PurePosixPath(name).stem)
    return Claim(label, fold=_fold(folders)) if label else None


def recognise(layout: Layout, path: str) -> Claim | None:
    """Return what `path` (inside its zip or the raw folder) says by the layout; None if it is not its kind."""
    source = layout.source
    *parents, name = path.replace("\\", "/").split("/")  # some Windows programs write backslashes into zips
    folders = tuple(parent.casefold() for parent in parents)
    if source.layout == "rff":
        return rff(folders, name)
    if source.layout == "class_folders":
        return class_folders(folders, layout.classes)
    if source.layout == "csv":
        return listed(folders, name, layout)
    if source.folder is None or (source.label is None and source.layout == "one_class"):  # datasets.py sees to it
        raise ValueError(f"a `{source.layout}` source needs `folder`, and `one_class` a `label`, too")
    if source.folder.casefold() not in folders:
        return None
    return Claim(None, fold=_fold(folders)) if source.layout == "reviewed" else Claim(source.label)


def top_entry(file: RawFile) -> str:
    """Return the entry of the raw folder in which `file` lies: the name of a zip, of a folder, or its own."""
    return PurePosixPath(file.path if file.container == LOOSE else file.container).parts[0]


def claim(layouts: Mapping[str, Layout], file: RawFile) -> tuple[str, Claim] | None:
    """Return the first source that recognises `file`, and what it says; None if none does."""
    for name, layout in layouts.items():
        if fnmatchcase(top_entry(file), layout.source.within):
            claimed = recognise(layout, file.path)
            if claimed:
                return name, claimed
    return None
