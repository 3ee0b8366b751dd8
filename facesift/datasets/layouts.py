"""Layouts of raw data: which source a file belongs to, and what its path says of its label, split and edits.

To add a layout, edit two files: its name and the keys that it needs in `config/data.py` (`Source`), and one entry of
`LAYOUTS` below, with a function that reads a path.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple

from facesift.config.data import ByColumn, ByFolder, Source
from facesift.core.classes import BINARY, PARTS
from facesift.core.errors import FacesiftError
from facesift.images.archives import LOOSE, RawFile
from facesift.labels.class_names import ClassNames
from facesift.labels.path_names import folder_parts, full_path, is_in_folder, key, matching_glob, spelled_paths
from facesift.labels.records import FOLDS
from facesift.labels.row_matching import Matches, TableRow

TABLES = ("csv", "webdataset", "parquet")  # layouts whose labels are read from files
FOLD_ORDER = {"test": 0, "val": 1, "train": 2, None: 3}

_DIFFICULTY = re.compile(r"(easy|mid|hard)_", re.IGNORECASE)
_EDITED = re.compile(r"(?:easy|mid|hard)_\d+_([01]{4})(?!\w)", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """A source and what is needed to read its paths.

    Attributes:
        source: the source's parameters.
        classes: names of the study's classes.
        matches: for layouts with label tables, which rows belong to which file, and which have none.
        tables: for these, the files that hold the labels.
    """

    source: Source
    classes: tuple[str, ...] = BINARY
    matches: Matches = field(default_factory=Matches)
    tables: frozenset[RawFile] = frozenset()

    @cached_property
    def names(self) -> ClassNames:
        """What the source calls the classes."""
        return ClassNames(self.classes, self.source.aliases)

    @cached_property
    def rarest_first(self) -> list[str]:
        """The classes, that with the fewest rows first: where two rows disagree, its loss weighs more."""
        counts = Counter(row.label for rows in self.matches.rows.values() for row in rows)
        return sorted(self.classes, key=lambda label: (counts[label], -self.classes.index(label)))

    def with_rows(self, matches: Matches, tables: Sequence[RawFile]) -> Layout:
        """Return the layout with its labels."""
        return replace(self, matches=matches, tables=frozenset(tables))


class PathLabel(NamedTuple):
    """What a path says of its image; None where it says nothing.

    Attributes:
        label: name of the class; None for an image that people are to label (`layout: reviewed`, see `relabelling`).
        fold: train, val or test, where folders give the split.
        difficulty: easy, mid or hard: how well a fake of RFF is made.
        edited: for each of `PARTS`, whether it was replaced.
        group: images of one source with the same group stay together (`data.sources.X.group`).
        problem: why the file cannot be used, whatever is in it; None for any other file.
    """

    label: str | None
    fold: str | None = None
    difficulty: str | None = None
    edited: tuple[bool | None, ...] = (None,) * len(PARTS)
    group: str | None = None
    problem: str | None = None


Folders = tuple[str, ...]  # the folders of a path as `key` makes them comparable, from the outermost inwards


def rff(folders: Folders, name: str) -> PathLabel | None:
    """Read a path of Real and Fake Face Detection: `training_real`, `training_fake`, fakes named for their edits.

    Args:
        folders: the path's folders in lower case.
        name: the file's name.

    Returns:
        What the path says; None for a file in neither folder.

    >>> rff(("real_and_fake_face", "training_fake"), "easy_1_1110.jpg")
    PathLabel(label='fake', fold=None, difficulty='easy', edited=(True, True, True, False), group=None, problem=None)
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


def class_folders(folders: Folders, names: ClassNames) -> PathLabel | None:
    """Read a path whose folders are named for the classes, and for train, val (valid, validation) or test.

    Args:
        folders: the path's folders in lower case; the innermost that is named for a class counts.
        names: names of the classes, in any case, and what the source calls them.

    Returns:
        What the path says; None where no folder is named for a class.

    >>> class_folders(("test", "0_real"), ClassNames(("real", "fake"), {"real": ["0_real"]}))[:2]
    ('real', 'test')
    """
    label = next((label for folder in reversed(folders) if (label := names.find(folder))), None)
    return PathLabel(label, fold=_fold(folders)) if label else None


def _fold(folders: Folders) -> str | None:
    folds = [FOLDS[folder] for folder in folders if folder in FOLDS]
    return folds[-1] if folds else None


def _in_folder(layout: Layout, folders: Folders) -> bool:
    return layout.source.folder is not None and is_in_folder(folders, layout.source.folder)


def _one_class(layout: Layout, folders: Folders, _name: str) -> PathLabel | None:
    """Read a path of a folder whose images all have one label."""
    return PathLabel(layout.source.label) if layout.source.label and _in_folder(layout, folders) else None


def _reviewed(layout: Layout, folders: Folders, _name: str) -> PathLabel | None:
    """Read a path of a folder whose images people are to label."""
    return PathLabel(None, fold=_fold(folders)) if _in_folder(layout, folders) else None


def _of_rows(layout: Layout, rows: Sequence[TableRow], folders: Folders) -> PathLabel:
    """Read the rows that name a file; where they disagree, the file cannot be used."""
    labels = {row.label: row for row in rows}
    fold = min((row.fold for row in rows), key=lambda fold: FOLD_ORDER[fold]) or _fold(folders)
    group = next((row.group for row in rows if row.group), None)
    if len(labels) == 1:
        return PathLabel(rows[0].label, fold=fold, group=group)
    said = " and ".join(f"{label} ({row.table}: {row.image})" for label, row in labels.items())
    rarest = next(label for label in layout.rarest_first if label in labels)
    return PathLabel(rarest, fold=fold, group=group, problem=f"labelled several ways: {said}")


def _nothing(_layout: Layout, _folders: Folders, _name: str) -> PathLabel | None:
    """Read nothing: the labels of this layout are not in the paths."""
    return None


class LayoutRule(NamedTuple):
    """How to read the paths of a layout.

    Attributes:
        read: from the layout, the path's folders in lower case and the file's name to what they say; None for a file
            that is not of this layout.
        expected: words for messages: what such a source must contain.
    """

    read: Callable[[Layout, Folders, str], PathLabel | None]
    expected: Callable[[Layout], str]


def _in_tables(layout: Layout) -> str:
    where = f"a folder {layout.source.folder} of images" if layout.source.folder else "images"
    return f"{where} listed in {layout.source.csv}"


LAYOUTS: dict[str, LayoutRule] = {
    "rff": LayoutRule(lambda _, folders, name: rff(folders, name), lambda _: "folders training_real and training_fake"),
    "class_folders": LayoutRule(
        lambda layout, folders, _: class_folders(folders, layout.names),
        lambda layout: f"folders {' and '.join(layout.classes)}",
    ),
    "one_class": LayoutRule(_one_class, lambda layout: f"a folder {layout.source.folder}"),
    "reviewed": LayoutRule(_reviewed, lambda layout: f"a folder {layout.source.folder}"),
    "csv": LayoutRule(_nothing, _in_tables),
    "webdataset": LayoutRule(_nothing, lambda _: "images, each beside a .cls or .json file of its name"),
    "parquet": LayoutRule(_nothing, lambda _: "Parquet files with a column of images and one of labels"),
}


def recognise(layout: Layout, path: str) -> PathLabel | None:
    """Read a path by a source's layout.

    Args:
        layout: the source with its layout.
        path: path of a file below the raw folder, that of its zip included.

    Returns:
        What the path says; None for a file that does not belong to the source, or to a layout with label tables.
    """
    folders, name = folder_parts(path)
    return LAYOUTS[layout.source.layout].read(layout, tuple(map(key, folders)), name)


def top_entry(file: RawFile) -> str:
    """Return the entry of the raw folder in which `file` lies: the name of a zip, of a folder, or its own."""
    return PurePosixPath(file.path if file.container == LOOSE else file.container).parts[0]


def excluded_by(layout: Layout, file: RawFile) -> str | None:
    """Return the glob of `data.sources.X.exclude` that a file matches, below the raw folder or in its zip."""
    globs = layout.source.exclude
    if not globs:
        return None
    paths = (*spelled_paths(file), *spelled_paths(file._replace(container=LOOSE)))
    return next(filter(None, (matching_glob(path, globs) for path in dict.fromkeys(paths))), None)


def is_candidate(layout: Layout, file: RawFile) -> bool:
    """Whether a file may belong to a source: it is in its `within`, and not excluded."""
    top, within = (unicodedata.normalize("NFC", each) for each in (top_entry(file), layout.source.within))
    return fnmatchcase(top, within) and not excluded_by(layout, file)


def find_source(layouts: Mapping[str, Layout], file: RawFile) -> tuple[str, PathLabel] | None:
    """Find the source that a file belongs to.

    Args:
        layouts: each source's layout, by the source's name.
        file: a file of the raw folder.

    Returns:
        The name of the first source that recognises the file, and what its path or its table says, its group too; None
        if none does.

    Raises:
        FacesiftError: when the source's `group.pattern` finds nothing in the path, or a folder stands for two classes.
    """
    for name, layout in layouts.items():
        if not is_candidate(layout, file):
            continue
        if rows := layout.matches.rows.get(file):
            said = _of_rows(layout, rows, tuple(map(key, folder_parts(full_path(file))[0])))
            return name, said if said.group else said._replace(group=_group_of(layout, name, file))
        if read := next(filter(None, (recognise(layout, path) for path in spelled_paths(file))), None):
            return name, read._replace(group=_group_of(layout, name, file))
    return None


def _group_of(layout: Layout, source: str, file: RawFile) -> str | None:
    """Return the group of a file by its source's `group`."""
    rule, path = layout.source.group, file.path.replace("\\", "/")
    if rule is None or isinstance(rule, ByColumn):  # a row's group is known with its label
        return None
    if isinstance(rule, ByFolder):
        return f"{file.container}:{PurePosixPath(path).parent}"
    found = re.search(rule.pattern, path)
    group = found and (found[1] if found.re.groups else found[0])
    if not group:
        raise FacesiftError(
            f"{file.container}:{file.path}: the expression {rule.pattern!r} finds no group in it; change "
            f"data.sources.{source}.group.pattern, or move the file"
        )
    return str(group)
