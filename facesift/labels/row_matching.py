"""Matches the rows of label tables with files: whatever a row's path looks like, it finds its image or is named."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from facesift.core.errors import FacesiftError
from facesift.images.archives import RawFile
from facesift.labels.path_names import (
    folder_parts,
    full_path,
    key,
    plain_parts,
    spelled_paths,
    unescaped_parts,
    unpacked,
    without_ending,
)

SHOWN = 10  # rows or files named in a message
WHOLE, END, REST = 0, 1, 2  # how the folders of a row and a file agree, best first
SAME_ENDING, NO_ENDING, OTHER_ENDING, SAME_NUMBER = 0, 1, 2, 3  # and the endings of their names
# What a spreadsheet makes of the names 1 and 0001: it takes them for numbers.
NUMBER, DIGITS = re.compile(r"(0|[1-9][0-9]*)(?:[.,]0{1,2})?"), re.compile(r"0*([0-9]+)")  # 1.000 may be 1000
Score = tuple[int, int, int, int]
Folders = tuple[str, ...]


class TableRow(NamedTuple):
    """A row of a label table.

    Attributes:
        image: name or path of the image, as it is written.
        label: name of the class.
        fold: train, val or test, where the table says so.
        group: of images that belong together, where a column says so.
        table: path of the table below the raw folder.
    """

    image: str
    label: str
    fold: str | None
    group: str | None
    table: str


@dataclass(frozen=True)
class Matches:
    """Which row belongs to which file.

    Attributes:
        rows: for each file the rows that name it; several where the table names an image twice.
        lost: rows without an image.
    """

    rows: Mapping[RawFile, Sequence[TableRow]] = field(default_factory=dict)
    lost: Sequence[TableRow] = ()


class _Place(NamedTuple):
    """A path in one of its spellings, as `key` makes names comparable: folders, name."""

    folders: Folders
    name: str


class _Row(NamedTuple):
    row: TableRow
    names: _Place
    exact: str  # the name as it is written
    home: Folders  # folders of the table
    rest: Folders  # the row's folders without those that all rows have


def match_rows(rows: Sequence[TableRow], files: Collection[RawFile], folder: str | None) -> Matches:
    """Find the file of each row.

    A row's path may be relative to the raw folder, the zip, the table's own folder or the folder of the images, or come
    from another computer; it may have other separators, another ending or none, other case, and other accents. A name
    that a spreadsheet took for a number, 1.0 or 1 for 0001, is found by it. Of several files that fit, the one whose
    path agrees best is taken.

    Args:
        rows: of one source's tables.
        files: the files that may belong to them.
        folder: name of the folder that holds the images; None: any.

    Raises:
        FacesiftError: when several files fit a row equally well, or several rows a file that neither names exactly.
    """
    index = _Index(files)
    folder = None if folder is None else key(folder)
    found: dict[RawFile, list[TableRow]] = defaultdict(list)
    later, unsure = [], []
    for prepared in _prepared(rows):
        row, scores = index.find_either(prepared, folder)
        sure = {file: score for file, score in scores.items() if _is_sure(score)}
        best = _best(sure)
        if len(best) == 1:
            found[best[0]].append(row.row)
        elif best:
            unsure.append((row.row, best))
        else:
            later.append((row, scores))
    _refuse_unsure(unsure)
    return Matches(found, _match_rest(later, found))


def _match_rest(
    rows: Iterable[tuple[_Row, Mapping[RawFile, Score]]], found: dict[RawFile, list[TableRow]]
) -> list[TableRow]:
    """Give rows that name no file exactly one of those that no other row names; return the rows without one."""
    lost, unsure = [], []
    claims: dict[RawFile, list[_Row]] = defaultdict(list)
    for row, scores in rows:
        best = _best({file: score for file, score in scores.items() if file not in found})
        if len(best) == 1:
            claims[best[0]].append(row)
        elif best:
            unsure.append((row.row, best))
        else:
            lost.append(row.row)
    _refuse_unsure(unsure)
    for file, claimed in claims.items():
        if len({row.names for row in claimed}) > 1:
            names = ", ".join(repr(row.row.image) for row in claimed[:SHOWN])
            raise FacesiftError(
                f"{claimed[0].row.table}: the rows {names} all seem to mean {full_path(file)}, which none of them "
                "names: write in the table what the file is called"
            )
        found[file] = [row.row for row in claimed]
    return lost


def _refuse_unsure(unsure: Sequence[tuple[TableRow, Sequence[RawFile]]]) -> None:
    if not unsure:
        return
    lines = [f"  {row.image}: {', '.join(full_path(file) for file in files[:SHOWN])}" for row, files in unsure[:SHOWN]]
    raise FacesiftError(
        f"{unsure[0][0].table}: {len(unsure)} rows fit several files: write their folders or endings into the table, "
        "or leave files out with data.sources.NAME.exclude. The first:\n" + "\n".join(lines)
    )


class _File(NamedTuple):
    """A file with its path in each spelling."""

    file: RawFile
    places: tuple[_Place, ...]
    names: tuple[str, ...]  # as they are written, one for each place


class _Index:
    """The files by name, and by name and innermost folder: many videos have a frame 000.png."""

    def __init__(self, files: Iterable[RawFile]) -> None:
        self._named: dict[str, list[_File]] = defaultdict(list)
        self._within: dict[tuple[str, str], list[_File]] = defaultdict(list)
        for file in files:
            split = [folder_parts(path) for path in dict.fromkeys(spelled_paths(file))]
            places = tuple(_Place(tuple(map(key, folders)), key(name)) for folders, name in split)
            known = _File(file, places, tuple(name for _, name in split))
            for short in {short for place in places for short in _sought(place.name)}:
                self._named[short].append(known)
            for folder, short in {(place.folders[-1:], short) for place in places for short in _sought(place.name)}:
                self._within["".join(folder), short].append(known)

    def find_either(self, row: _Row, folder: str | None) -> tuple[_Row, dict[RawFile, Score]]:
        """Find a row's files by its path, or else by what a program wrote there with `%20` for blanks."""
        scores = self.find(row, folder)
        parts = () if scores else unescaped_parts(row.row.image)
        if not parts:
            return row, scores
        known = len(row.names.folders) - len(row.rest)
        folders = _folders(parts[:-1])
        plain = row._replace(names=_Place(folders, key(parts[-1])), exact=parts[-1], rest=folders[known:])
        return plain, self.find(plain, folder)

    def find(self, row: _Row, folder: str | None) -> dict[RawFile, Score]:
        """Score the files whose paths fit a row; lower is better. What fits worse than the best is not complete."""
        names = dict.fromkeys((without_ending(row.names.name), row.names.name))
        if number := NUMBER.fullmatch(row.names.name):
            names[f"/{number[1]}"] = None
        mine = row.names.folders
        by_number: dict[RawFile, Score] = {}
        for parent in dict.fromkeys("".join(folders[-1:]) for folders in (row.home + mine, mine)):
            near = [file for short in names for file in self._within.get((parent, short), ())]
            scores = _scores(row, near, folder)
            best = min(scores.values(), default=None)
            if best and best[2] < SAME_NUMBER and (mine or best[0] == WHOLE):
                return scores
            by_number |= scores
        if row.rest:
            return by_number if mine else {}
        return _scores(row, (file for short in names for file in self._named.get(short, ())), folder)


def _shorter(name: str) -> tuple[str, str]:
    """What a name may be in a table that leaves its ending out."""
    return without_ending(name), PurePosixPath(name).stem


def _sought(name: str) -> tuple[str, ...]:
    """By what a file of this name is found: also by its number, after a slash, which no name has."""
    number = DIGITS.fullmatch(without_ending(name))
    return (*_shorter(name), f"/{number[1]}") if number else _shorter(name)


def _prepared(rows: Sequence[TableRow]) -> list[_Row]:
    parts = [plain_parts(row.image) or (row.image,) for row in rows]
    # Folders that all rows with folders have say nothing about which file is meant, such as /home/me/data.
    rooted = [_folders(names[:-1]) for names in parts]
    common = {
        absolute: _shared([
            folders
            for folders, row in zip(rooted, rows, strict=True)
            if folders and _is_absolute(row.image) == absolute
        ])
        for absolute in (True, False)
    }  # fmt: skip
    homes = {table: tuple(map(key, folder_parts(table)[0])) for table in {row.table for row in rows}}
    return [
        _Row(
            row, _Place(folders, key(names[-1])), names[-1], homes[row.table],
            folders[common[_is_absolute(row.image)] :],
        )
        for row, names, folders in zip(rows, parts, rooted, strict=True)
    ]  # fmt: skip


def _folders(names: Iterable[str]) -> Folders:
    """Make the folders of a row comparable with those of files: `images.zip/` is a folder `images`."""
    return tuple(key(unpacked(name)) for name in names)


def _shared(paths: Sequence[Folders]) -> int:
    """Count the folders with which all paths begin."""
    if not paths:
        return 0
    first, last = min(paths), max(paths)  # all others are between these two
    return next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "\\")) or path[1:2] == ":"


def _scores(row: _Row, files: Iterable[_File], folder: str | None) -> dict[RawFile, Score]:
    scores = {}
    for file in files:
        each = [_score(row, place, name, folder) for place, name in zip(file.places, file.names, strict=True)]
        found = [(*score[:3], 2 if number else score[3]) for number, score in enumerate(each) if score]
        if found:
            scores[file.file] = min(found)
    return scores


def _score(row: _Row, place: _Place, name: str, folder: str | None) -> Score | None:
    ending = _ending(row, place.name)
    agreement = None if ending is None else _folders_agree(row, place.folders, folder)
    if ending is None or agreement is None:
        return None
    shared = 0 if agreement == WHOLE else -_shared([row.names.folders[::-1], place.folders[::-1]])
    return agreement, shared, ending, int(row.exact not in (name, *_shorter(name)))


def _ending(row: _Row, name: str) -> int | None:
    """Compare the endings of two names; None where the names differ without them, too."""
    if row.names.name == name:
        return SAME_ENDING
    if row.names.name in _shorter(name):
        return NO_ENDING
    if without_ending(row.names.name) == without_ending(name):
        return OTHER_ENDING
    mine, theirs = NUMBER.fullmatch(row.names.name), DIGITS.fullmatch(without_ending(name))
    return SAME_NUMBER if mine and theirs and mine[1] == theirs[1] else None


def _folders_agree(row: _Row, there: Folders, folder: str | None) -> int | None:
    mine = row.names.folders
    at = len(there) - 1 - there[::-1].index(folder) if folder in there else None
    cores = [there] if at is None else [there, there[at:], there[at + 1 :]]
    if mine in cores or there == row.home + mine:
        return WHOLE
    if _ends(there, mine) or any(core and _ends(mine, core) for core in cores):
        return END
    return REST if _ends(there, row.rest) else None


def _ends(folders: Folders, end: Folders) -> bool:
    return len(end) <= len(folders) and folders[len(folders) - len(end) :] == end


def _is_sure(score: Score) -> bool:
    """Whether a row names a file: by its own path, with its ending or without, in the same spelling."""
    agreement, _, ending, spelling = score
    return agreement < REST and ending < OTHER_ENDING and spelling == 0


def _best(scores: Mapping[RawFile, Score]) -> list[RawFile]:
    best = min(scores.values(), default=None)
    return [file for file, score in scores.items() if score == best]
