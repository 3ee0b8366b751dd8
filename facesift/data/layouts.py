"""Which source a file belongs to, and what its folders and its name say about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple

from facesift.data.archives import LOOSE, RawFile
from facesift.params import Source

PARTS = ("left_eye", "right_eye", "nose", "mouth")
FOLDS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
LABELS = ("real", "fake")

_DIFFICULTY = re.compile(r"(easy|mid|hard)_", re.IGNORECASE)
_EDITED = re.compile(r"(?:easy|mid|hard)_\d+_([01]{4})(?!\w)", re.IGNORECASE)


class Claim(NamedTuple):
    """What a path says of its image; None where it says nothing. `edited` has a flag for each of `PARTS`."""

    label: str
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


def class_folders(folders: tuple[str, ...]) -> Claim | None:
    """Folders `real` and `fake` in any case; a folder `train`, `val` (`valid`, `validation`) or `test` is the fold.

    >>> class_folders(("test", "real"))
    Claim(label='real', fold='test', difficulty=None, edited=(None, None, None, None))
    """
    labels = [folder for folder in folders if folder in LABELS]
    folds = [FOLDS[folder] for folder in folders if folder in FOLDS]
    return Claim(labels[-1], fold=folds[-1] if folds else None) if labels else None


def recognise(source: Source, path: str) -> Claim | None:
    """Return what `path` (inside its zip or the raw folder) says by the layout of `source`; None if not its kind."""
    *parents, name = path.replace("\\", "/").split("/")  # some Windows programs write backslashes into zips
    folders = tuple(parent.casefold() for parent in parents)
    if source.layout == "rff":
        return rff(folders, name)
    if source.layout == "class_folders":
        return class_folders(folders)
    if source.folder is None or source.label is None:  # params.py sees to it
        raise ValueError("a `one_class` source needs `folder` and `label`")
    return Claim(source.label) if source.folder.casefold() in folders else None


def top_entry(file: RawFile) -> str:
    """Return the entry of the raw folder in which `file` lies: the name of a zip, of a folder, or its own."""
    return PurePosixPath(file.path if file.container == LOOSE else file.container).parts[0]


def claim(sources: Mapping[str, Source], file: RawFile) -> tuple[str, Claim] | None:
    """Return the first source that recognises `file`, and what it says; None if none does."""
    for name, source in sources.items():
        if fnmatchcase(top_entry(file), source.within):
            claimed = recognise(source, file.path)
            if claimed:
                return name, claimed
    return None
