"""Layouts of raw data: which source a file belongs to, and what its path says of its label, split and edits.

To add a layout, edit two files: its name and the keys that it needs in `config/data.py` (`Source`), and one entry of
`LAYOUTS` below, with a function that reads a path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple

from facesift.config.data import ByColumn, ByFolder, Source
from facesift.core.classes import BINARY, PARTS
from facesift.core.errors import FacesiftError
from facesift.images.archives import LOOSE, RawFile

FOLDS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}

_DIFFICULTY = re.compile(r"(easy|mid|hard)_", re.IGNORECASE)
_EDITED = re.compile(r"(?:easy|mid|hard)_\d+_([01]{4})(?!\w)", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """A source and what is needed to read its paths.

    Attributes:
        source: the source's parameters.
        classes: names of the study's classes.
        labels: for `layout: csv`, the label of each id in the source's label table.
        groups: for `group: {by: column}`, the group of each id in it; ids without one are left out.
    """

    source: Source
    classes: tuple[str, ...] = BINARY
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)


class PathLabel(NamedTuple):
    """What a path says of its image; None where it says nothing.

    Attributes:
        label: name of the class; None for an image that people are to label (`layout: reviewed`, see `relabelling`).
        fold: train, val or test, where folders give the split.
        difficulty: easy, mid or hard: how well a fake of RFF is made.
        edited: for each of `PARTS`, whether it was replaced.
        group: images of one source with the same group stay together (`data.sources.X.group`).
    """

    label: str | None
    fold: str | None = None
    difficulty: str | None = None
    edited: tuple[bool | None, ...] = (None,) * len(PARTS)
    group: str | None = None


Folders = tuple[str, ...]  # the folders of a path in lower case, from the outermost inwards


def rff(folders: Folders, name: str) -> PathLabel | None:
    """Read a path of Real and Fake Face Detection: `training_real`, `training_fake`, fakes named for their edits.

    Args:
        folders: the path's folders in lower case.
        name: the file's name.

    Returns:
        What the path says; None for a file in neither folder.

    >>> rff(("real_and_fake_face", "training_fake"), "easy_1_1110.jpg")
    PathLabel(label='fake', fold=None, difficulty='easy', edited=(True, True, True, False), group=None)
    >>> rff(("training_fake",), "easy_116_111.jpg").edited  # one public file lacks a digit
    (None, None, None, None)
    """
    if "training_real" in folders:
        return PathLabel("real")
    if "training_fake" not in folders:
        return None
    difficulty, edited = _DIFFICULTY.match(name), _EDITED.match(name)
    flags = tuple(digit == "1" for digit in edited[1]) if edited else (None,) * len(PARTS)
    return PathLabel("fake", difficulty=difficulty[1].lower() if difficulty else None, edited=flags)


def class_folders(folders: Folders, classes: tuple[str, ...] = BINARY) -> PathLabel | None:
    """Read a path whose folders are named for the classes, and for train, val (valid, validation) or test.

    Args:
        folders: the path's folders in lower case; the innermost that is named for a class counts.
        classes: names of the classes, in any case.

    Returns:
        What the path says; None where no folder is named for a class.

    >>> class_folders(("test", "real"))
    PathLabel(label='real', fold='test', difficulty=None, edited=(None, None, None, None), group=None)
    """
    known = {name.casefold(): name for name in classes}
    labels = [known[folder] for folder in folders if folder in known]
    return PathLabel(labels[-1], fold=_fold(folders)) if labels else None


def _fold(folders: Folders) -> str | None:
    folds = [FOLDS[folder] for folder in folders if folder in FOLDS]
    return folds[-1] if folds else None


def _in_folder(layout: Layout, folders: Folders) -> bool:
    return layout.source.folder is not None and layout.source.folder.casefold() in folders


def _one_class(layout: Layout, folders: Folders, _name: str) -> PathLabel | None:
    """Read a path of a folder whose images all have one label."""
    return PathLabel(layout.source.label) if layout.source.label and _in_folder(layout, folders) else None


def _listed(layout: Layout, folders: Folders, name: str) -> PathLabel | None:
    """Read a path of a folder whose labels are in a table, by file name with or without its ending."""
    label = _of_file(layout.labels, name)
    return PathLabel(label, fold=_fold(folders)) if label and _in_folder(layout, folders) else None


def _of_file(table: Mapping[str, str], name: str) -> str | None:
    return table.get(name) or table.get(PurePosixPath(name).stem)


def _reviewed(layout: Layout, folders: Folders, _name: str) -> PathLabel | None:
    """Read a path of a folder whose images people are to label."""
    return PathLabel(None, fold=_fold(folders)) if _in_folder(layout, folders) else None


class LayoutRule(NamedTuple):
    """How to read the paths of a layout.

    Attributes:
        read: from the layout, the path's folders in lower case and the file's name to what they say; None for a file
            that is not of this layout.
        expected: words for messages: what such a source must contain.
    """

    read: Callable[[Layout, Folders, str], PathLabel | None]
    expected: Callable[[Layout], str]


LAYOUTS: dict[str, LayoutRule] = {
    "rff": LayoutRule(lambda _, folders, name: rff(folders, name), lambda _: "folders training_real and training_fake"),
    "class_folders": LayoutRule(
        lambda layout, folders, _: class_folders(folders, layout.classes),
        lambda layout: f"folders {' and '.join(layout.classes)}",
    ),
    "one_class": LayoutRule(_one_class, lambda layout: f"a folder {layout.source.folder}"),
    "csv": LayoutRule(
        _listed, lambda layout: f"a folder {layout.source.folder} of images listed in {layout.source.csv}"
    ),
    "reviewed": LayoutRule(_reviewed, lambda layout: f"a folder {layout.source.folder}"),
}


def recognise(layout: Layout, path: str) -> PathLabel | None:
    """Read a path by a source's layout.

    Args:
        layout: the source with its layout.
        path: path of a file inside its zip, or relative to the raw folder.

    Returns:
        What the path says; None for a file that does not belong to the source.
    """
    *parents, name = path.replace("\\", "/").split("/")  # some Windows programs write backslashes into zips
    return LAYOUTS[layout.source.layout].read(layout, tuple(parent.casefold() for parent in parents), name)


def top_entry(file: RawFile) -> str:
    """Return the entry of the raw folder in which `file` lies: the name of a zip, of a folder, or its own."""
    return PurePosixPath(file.path if file.container == LOOSE else file.container).parts[0]


def find_source(layouts: Mapping[str, Layout], file: RawFile) -> tuple[str, PathLabel] | None:
    """Find the source that a file belongs to.

    Args:
        layouts: each source's layout, by the source's name.
        file: a file of the raw folder.

    Returns:
        The name of the first source that recognises the file, and what its path says, its group too; None if none
        does.

    Raises:
        FacesiftError: when the source's `group.pattern` finds nothing in the path.
    """
    for name, layout in layouts.items():
        if fnmatchcase(top_entry(file), layout.source.within):
            said = recognise(layout, file.path)
            if said:
                return name, said._replace(group=_group_of(layout, name, file))
    return None


def _group_of(layout: Layout, source: str, file: RawFile) -> str | None:
    """Return the group of a file by its source's `group`."""
    rule, path = layout.source.group, file.path.replace("\\", "/")
    if rule is None:
        return None
    if isinstance(rule, ByFolder):
        return f"{file.container}:{PurePosixPath(path).parent}"
    if isinstance(rule, ByColumn):
        return _of_file(layout.groups, PurePosixPath(path).name)
    found = re.search(rule.pattern, path)
    group = found and (found[1] if found.re.groups else found[0])
    if not group:
        raise FacesiftError(
            f"{file.container}:{file.path}: the expression {rule.pattern!r} finds no group in it; change "
            f"data.sources.{source}.group.pattern, or move the file"
        )
    return str(group)
