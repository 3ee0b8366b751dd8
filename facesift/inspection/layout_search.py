"""Searches the layout of a folder: which `data.sources` block finds most of its images, with a label each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from facesift.config.data import Source
from facesift.core.classes import BINARY
from facesift.core.errors import FacesiftError
from facesift.datasets.label_tables import make_layouts
from facesift.datasets.layouts import LAYOUTS, Layout
from facesift.datasets.source_files import FileCounts, count_files
from facesift.images.archives import LOOSE, RawFile, list_files
from facesift.images.leftovers import parts_of, sidecar
from facesift.images.parquets import is_parquet
from facesift.images.tars import is_tar
from facesift.inspection.guesses import IDS, guess_aliases, look_into
from facesift.labels.path_names import ENDINGS, folder_parts, full_path, key

Block = dict[str, Any]  # the keys of a source that its layout needs
TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet")
MOST_TABLES, MOST_FOLDERS = 8, 100_000
LABEL_ENDINGS = (".cls", ".cls.txt")


@dataclass
class Survey:
    """What names alone tell of a folder.

    Attributes:
        files: how many files there are, in archives too.
        folders: how many files are directly in a folder of that name, for at most `MOST_FOLDERS` names.
        endings: how many files have an ending.
        tables: files that may be label tables, by their name; no texts that accompany an image.
        samples: whether files with labels lie beside images, as WebDataset has them; JSON in a tar may have one.
        parquets: whether Parquet files have images.
    """

    files: int = 0
    folders: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    tables: dict[str, RawFile] = field(default_factory=dict)
    samples: bool = False
    parquets: bool = False

    @classmethod
    def of(cls, raw: Path) -> Survey:
        """Look at all names below a raw folder once."""
        found = cls()
        for file in list_files(raw):
            found._add(file)
        found._drop_sidecars(list_files(raw))
        return found

    def _add(self, file: RawFile) -> None:
        self.files += 1
        folders, name = folder_parts(full_path(file))
        for folder in set(folders[-3:]):
            if len(self.folders) < MOST_FOLDERS or folder in self.folders:
                self.folders[folder] += 1
        lower = name.casefold()
        ending = _ending(name)
        self.endings[ending] += 1
        self.samples |= lower.endswith(LABEL_ENDINGS) or (ending == ".json" and is_tar(file.container))
        if is_parquet(file.container):
            self.parquets = True
        elif ending in TABLE_ENDINGS and len(self.tables) < MOST_FOLDERS:
            self.tables.setdefault(name, file)

    def _drop_sidecars(self, files: Iterable[RawFile]) -> None:
        """Leave out the texts that accompany an image of their name."""
        texts = {_stem(file): name for name, file in self.tables.items() if sidecar(name)}
        for file in files if texts else ():
            if _ending(file.path) in ENDINGS and (name := texts.pop(_stem(file), None)):
                del self.tables[name]


def _stem(file: RawFile) -> str:
    return full_path(file).removesuffix(PurePosixPath(file.path).suffix)


def _ending(name: str) -> str:
    return f".{name.casefold().rpartition('.')[2]}" if "." in name else ""


@dataclass(frozen=True)
class Found:
    """A layout that was tried.

    Attributes:
        block: the keys of the source.
        counts: the files it finds; None where it fits nothing.
        why_not: why not.
        layouts: the layout, ready to read with.
        notes: what the user has to check.
    """

    block: Block
    counts: FileCounts | None
    why_not: str = ""
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def labelled(self) -> int:
        """How many files have a label."""
        known = {} if self.counts is None else self.counts.by_class
        return sum(number for label, number in known.items() if label in self.classes)

    @property
    def classes(self) -> Sequence[str]:
        """The classes of the study."""
        return next((layout.classes for layout in self.layouts.values()), ())

    @property
    def several(self) -> bool:
        """Whether more than one class is found."""
        return self.counts is not None and len(set(self.counts.by_class) & set(self.classes)) > 1


@dataclass(frozen=True)
class Trial:
    """What a layout is tried with.

    Attributes:
        name: of the source.
        classes: names of the classes.
        base: the keys that a source has unless it says otherwise (conf/base.yaml).
    """

    name: str
    classes: tuple[str, ...]
    base: Mapping[str, Any]

    def run(self, raw: Path, block: Block, notes: Sequence[str] = ()) -> Found:
        """Count the files that a source finds, by ingest's own functions."""
        try:
            layouts = make_layouts(raw, {self.name: Source(**{**self.base, **block})}, self.classes)
            return Found(block, count_files(raw, layouts), "", layouts, notes)
        except FacesiftError as error:
            return Found(block, None, str(error).partition("\n")[0])


def search_layout(raw: Path, trial: Trial) -> list[Found]:
    """Try the layouts that the names below a folder suggest.

    Args:
        raw: the folder, which is inspected as if it were data/raw/NAME/.
        trial: what they are tried with.

    Returns:
        What was tried, the best first: several classes before one, then more labelled files.
    """
    tried = [trial.run(raw, block, notes) for block, notes in _blocks(raw, Survey.of(raw), trial.classes)]
    plain = max((found.labelled for found in tried if not _is_variant(found.block)), default=0)
    useful = [found for found in tried if not _is_variant(found.block) or found.labelled > plain]
    return sorted(useful, key=lambda found: (not found.several, -found.labelled))


def _is_variant(block: Block) -> bool:
    """Whether a block is for a table's own folder, or for several tables: it is only told where it finds more."""
    return "folder" in block or "*" in block.get("csv", "")


def _blocks(raw: Path, survey: Survey, classes: tuple[str, ...]) -> Iterator[tuple[Block, list[str]]]:
    """Yield the blocks that the names suggest, with what has to be checked."""
    folders = {key(folder) for folder in survey.folders}
    if {"training_real", "training_fake"} <= folders and classes == BINARY:
        yield {"layout": "rff"}, []
    aliases = guess_aliases(survey.folders, classes)
    if aliases or folders & {key(each) for each in classes}:
        yield {"layout": "class_folders", **({"aliases": aliases} if aliases else {})}, _check_aliases(aliases)
    if survey.parquets:
        yield {"layout": "parquet"}, []
        yield {"layout": "parquet", "aliases": _zero_and_one(classes)}, _check_aliases(_zero_and_one(classes))
    if survey.samples:
        yield {"layout": "webdataset"}, []
        yield {"layout": "webdataset", "aliases": _zero_and_one(classes)}, _check_aliases(_zero_and_one(classes))
    tables = list(islice(survey.tables.values(), MOST_TABLES))
    for table in tables:
        yield from _table_blocks(raw, table, classes, survey)


def _zero_and_one(classes: tuple[str, ...]) -> dict[str, list[str]]:
    return {label: [str(number)] for number, label in enumerate(classes)}


def _check_aliases(aliases: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"check that {', '.join(names)} means {label}" for label, names in aliases.items()]


def _table_blocks(
    raw: Path, table: RawFile, classes: tuple[str, ...], survey: Survey
) -> Iterator[tuple[Block, list[str]]]:
    """Yield blocks for a file that may be a label table: its usual columns, then those that it seems to have.

    Each is tried for images anywhere, in the folder that begins with the table's name (train.csv, train/), and with all
    tables of its ending.
    """
    name = parts_of(table.path)[-1]
    stem, ending = name[: -len(_ending(name))], _ending(name)
    folder = next((each for each in sorted(survey.folders) if key(each).startswith(key(stem))), None)
    several = sum(_ending(other) == ending for other in survey.tables) > 1
    for block, notes in _column_blocks(raw, table, classes):
        yield {**block, "csv": name}, notes
        if folder is not None:
            yield {**block, "csv": name, "folder": folder}, notes
        if several:
            yield {**block, "csv": f"*{ending}"}, notes


def _column_blocks(raw: Path, table: RawFile, classes: tuple[str, ...]) -> Iterator[tuple[Block, list[str]]]:
    """Yield the columns and names of classes with which a table may be read."""
    block: Block = {"layout": "csv"}
    yield block, []
    columns, labels = look_into(raw, table)
    usual = columns is None or (columns["label"] == "label" and columns["id"] in IDS[:3])
    named = {} if usual else {"columns": columns}
    aliases = guess_aliases(labels, classes)
    if named or aliases:
        notes = [f"check that column {columns['label']} has the labels"] if columns and named else []
        yield (
            {**block, **named, **({"aliases": aliases} if aliases else {})},
            [*notes, *_check_aliases(aliases)],
        )


def unlabelled_block(survey: Survey, raw: Path) -> Block | None:
    """Return a source of images whose labels nobody has told, for people to give: the folder with most images."""
    images = sum(number for ending, number in survey.endings.items() if ending in ENDINGS)
    if not images:
        return None
    tops = Counter(
        folder_parts(full_path(file))[0][:1] for file in list_files(raw) if file.container != LOOSE or "/" in file.path
    )
    top = next((folders[0] for folders, _ in tops.most_common() if folders), None)
    if top is None:
        return None
    tables = sorted({f"*{_ending(name)}" for name in survey.tables if not sidecar(name)})  # they are no images
    return {"layout": "reviewed", "folder": top, **({"exclude": tables} if tables else {})}


def expected(found: Found) -> str:
    """Say in words what a layout expects."""
    return "; ".join(LAYOUTS[layout.source.layout].expected(layout) for layout in found.layouts.values())
