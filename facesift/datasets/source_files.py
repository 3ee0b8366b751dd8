"""The files of a raw folder, each with the source that it belongs to; those of none are counted and named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import polars as pl

from facesift.core.errors import FacesiftError
from facesift.datasets.label_tables import image_columns
from facesift.datasets.layouts import (
    LAYOUTS,
    TABLES,
    Layout,
    PathLabel,
    excluded_by,
    find_source,
    is_candidate,
    top_entry,
)
from facesift.datasets.manifest import QUARANTINE, UNLABELLED
from facesift.images.archives import LOOSE, RawFile, list_files, read_bytes
from facesift.images.bad_image import BadImage
from facesift.images.formats import HEAD, is_image
from facesift.images.leftovers import sidecar
from facesift.images.parquets import is_parquet
from facesift.labels.path_names import folder_parts, full_path
from facesift.labels.row_matching import SHOWN, TableRow

SourceFile = tuple[RawFile, str, PathLabel]  # a file, the name of its source, what its path says
# Archives and files of records that are not read: the images in one would be lost. Zips, tars and Parquet files, the
# last three, are read unless they are in an archive.
CLOSED = re.compile(
    r"\.(7z|rar|r\d\d|tgz|gz|bz2?|tbz2?|xz|txz|zst|tzst|lzma|tlz|lz4?|z|z\d\d|zipx|0\d\d|cab|iso|dmg|arj|lzh|lha|ace|sitx?|"
    r"wim|cpio|cb[7rz]|h5|hdf5|lmdb|mdb|tfrecords?|rec|arrow|feather|zip|tar|parquet)$",
    re.IGNORECASE,
)
UNFINISHED = (".crdownload", ".part", ".partial", ".download", ".opdownload", ".aria2", ".filepart", ".!ut")
MOST_STRANGE = 50_000_000  # bytes; a larger file with such an ending is no photo
NO_SOURCE = "belongs to no source of data.sources"
NO_ROW = "no row of a label table names it"
EXCLUDED = "exclude: "  # before a glob, of files that it leaves out
NO_IMAGE = "a row without an image"


@dataclass(frozen=True)
class FileCounts:
    """Files of a raw folder, and rows of label tables.

    Attributes:
        by_class: how many files of each class belong to a source; `UNLABELLED` for those without a label.
        others: the files that belong to none, with the reason: `NO_SOURCE` or `NO_ROW`.
        passed: how many files of each kind are no data and passed over: leftovers of file managers, sidecars, and what
            each glob of `data.sources.X.exclude` leaves out, also where that is none.
        rows: for each source with label tables, how many rows there are of each class.
        lost: for each of these, its rows without an image.
        repeated: for each of these, the rows that name an image that a row before them names.
    """

    by_class: dict[str, int]
    others: Sequence[tuple[RawFile, str]] = ()
    passed: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    lost: Mapping[str, Sequence[TableRow]] = field(default_factory=dict)
    repeated: Mapping[str, Sequence[TableRow]] = field(default_factory=dict)

    @property
    def recognised(self) -> int:
        """How many files belong to a source."""
        return sum(self.by_class.values())

    def named(self, reason: str) -> list[str]:
        """The paths of the files that belong to no source for a reason."""
        return [printable(full_path(file)) for file, why in self.others if why == reason]

    @property
    def ignored(self) -> int:
        """How many files belong to no source."""
        return len(self.others)

    def left_out(self) -> pl.DataFrame:
        """Return what belongs to no source and the rows without an image as rows of the quarantine list."""
        files = [(None, None, printable(file.container), printable(file.path), why) for file, why in self.others]
        rows = [
            (source, row.label, printable(row.table), printable(row.image), NO_IMAGE)
            for source, lost in self.lost.items()
            for row in lost
        ]
        return pl.DataFrame([*files, *rows], QUARANTINE, orient="row")


def count_files(raw: Path, layouts: Mapping[str, Layout]) -> FileCounts:
    """Count the files that belong to a source, and those that belong to none.

    Args:
        raw: the raw folder, with loose files, zips, tars and Parquet files.
        layouts: each source's layout, by the source's name.

    Returns:
        The counts; at least one file belongs to a source.

    Raises:
        FacesiftError: when the folder is missing, a container is damaged, no file belongs to a source, an archive of a
            kind that is not read is there, or a source's `group.pattern` finds nothing in a file's path.
    """
    if not raw.is_dir():
        raise FacesiftError(f"{raw}: no such folder; put the images there, unpacked or as the zip files downloaded")
    by_class: Counter[str] = Counter()
    passed = Counter({f"{EXCLUDED}{glob}": 0 for layout in layouts.values() for glob in layout.source.exclude})
    others: list[tuple[RawFile, str]] = []
    tables = {file for layout in layouts.values() for file in layout.tables}
    empty: list[str] = []
    looked: set[str] = set()
    for file in list_files(raw, passed, empty):
        if found := find_source(layouts, file):
            if is_parquet(file.container) and file.container not in looked:
                looked.add(file.container)
                _refuse_several_images(raw / file.container, found[0], layouts[found[0]])
            if kind := _sidecar(raw, file):
                passed[kind] += 1
            else:
                _refuse_closed(raw, found[0], file)
                by_class[found[1].label or UNLABELLED] += 1
        elif kind := _excluded(layouts, file):
            passed[kind] += 1
        elif file not in tables:
            why = _why(raw, layouts, file)
            if why == NO_ROW and (kind := sidecar(file.path)):
                passed[kind] += 1
            else:
                others.append((file, why))
    _refuse_empty(raw, layouts, empty)
    passed.update(kind for path in empty if (kind := _excluded(layouts, RawFile(LOOSE, path))))
    counts = FileCounts(dict(by_class), others, dict(sorted(passed.items())), *_count_rows(layouts))
    if not by_class:
        raise FacesiftError(_nothing_found(raw, layouts, counts))
    return counts


def _refuse_several_images(path: Path, source: str, layout: Layout) -> None:
    """Refuse a Parquet file with several columns of images, such as photos and masks, unless one of them is named."""
    columns = image_columns(path)
    if len(columns) > 1 and layout.source.columns is None:
        named = f"name the photos in data.sources.{source}.columns" if layout.source.layout == "parquet" else ""
        raise FacesiftError(
            f"{path}: several columns may hold images: {', '.join(columns)}. The first is read: "
            f"{named or 'write the file with the photos alone'}"
        )


def _excluded(layouts: Mapping[str, Layout], file: RawFile) -> str | None:
    return next((f"{EXCLUDED}{glob}" for layout in layouts.values() if (glob := excluded_by(layout, file))), None)


def _why(raw: Path, layouts: Mapping[str, Layout], file: RawFile) -> str:
    """Say why a file belongs to no source; an archive that may hold images is an error."""
    owners = [name for name, layout in layouts.items() if is_candidate(layout, file)]
    if owners:
        _refuse_closed(raw, owners[0], file)
    return NO_ROW if any(layouts[name].source.layout in TABLES for name in owners) else NO_SOURCE


def _refuse_closed(raw: Path, source: str, file: RawFile) -> None:
    """Refuse an archive that may hold images and is not read, unless it is an image of a strange name."""
    ending = file.path.casefold()
    if ending.endswith(UNFINISHED):
        what = "a download that is not finished: finish it"
    elif CLOSED.search(ending) and not (file.container == LOOSE and is_parquet(file.path)):
        what = "an archive of a kind that is not read: unpack it, pack it as a zip or an uncompressed tar"
    else:
        return
    if not _begins_as_image(raw, file):
        raise FacesiftError(f"{raw / full_path(file)}: {what}, or leave it out with data.sources.{source}.exclude")


def _refuse_empty(raw: Path, layouts: Mapping[str, Layout], empty: Iterable[str]) -> None:
    """Refuse archives without a file: something was to be in them."""
    for path in empty:
        if owner := next((name for name, each in layouts.items() if is_candidate(each, RawFile(LOOSE, path))), None):
            raise FacesiftError(
                f"{raw / path}: no file is in it, or none but what is passed over: pack or download it again, remove "
                f"it, or leave it out with data.sources.{owner}.exclude"
            )


def _sidecar(raw: Path, file: RawFile) -> str | None:
    """Say which kind of sidecar a file is; None for an image that is called like one, such as photo.jpg.txt."""
    kind = sidecar(file.path)
    if kind is None:
        return None
    head = _head(raw, file)  # a text may begin with the letters of a format, but has no zero bytes
    return None if is_image(head) and b"\0" in head else kind


def _begins_as_image(raw: Path, file: RawFile) -> bool:
    return is_image(_head(raw, file))


def _head(raw: Path, file: RawFile) -> bytes:
    """Read the first bytes of a file; none where it cannot be read."""
    try:
        if file.container == LOOSE and (path := raw / file.path).is_file():
            with path.open("rb") as stream:
                return stream.read(HEAD)
        return read_bytes(raw, file.container, file.path, MOST_STRANGE)[:HEAD]
    except (BadImage, OSError):
        return b""


def _count_rows(
    layouts: Mapping[str, Layout],
) -> tuple[dict[str, dict[str, int]], dict[str, list[TableRow]], dict[str, list[TableRow]]]:
    rows, lost, repeated = {}, {}, {}
    for name, layout in layouts.items():
        if layout.source.layout in TABLES:
            found = layout.matches.rows.values()
            lost[name] = list(layout.matches.lost)
            repeated[name] = [row for rows in found for row in rows[1:]]
            counted = Counter(row.label for rows in (*found, lost[name]) for row in rows)
            rows[name] = {label: counted[label] for label in layout.classes}
    return rows, lost, repeated


def _nothing_found(raw: Path, layouts: Mapping[str, Layout], counts: FileCounts) -> str:
    expected = "; ".join(
        f"{LAYOUTS[layout.source.layout].expected(layout)} in {layout.source.within} (data.sources.{name})"
        for name, layout in layouts.items()
    )
    unmatched = [
        f"none of the {len(rows)} rows of {rows[0].table} names one of the files, such as {rows[0].image!r}"
        for rows in counts.lost.values()
        if rows
    ]
    example = [printable(f"{file.container}:{file.path}") for file, _ in counts.others[:1]]
    seen = f"{counts.ignored} other files, for example {example[0]}" if example else "no files"
    folders = Counter(_folder(file) for file, _ in counts.others)
    names = ", ".join(printable(name) for name, _ in islice(folders.most_common(), SHOWN) if name)
    by_folder = any(layout.source.layout == "class_folders" for layout in layouts.values())
    if counts.others and not any(
        is_candidate(layout, file) for layout in layouts.values() for file, _ in counts.others
    ):
        tops = ", ".join(printable(top) for top in sorted({top_entry(file) for file, _ in counts.others})[:SHOWN])
        return f"{raw}: no image found, but {seen}, and none where data.sources.NAME.within looks: there are {tops}"
    hint = (
        f". The folders are {names}: data.sources.NAME.aliases says which class each stands for"
        if names and by_folder
        else ""
    )
    said = "".join(f"; {each}" for each in unmatched)
    return f"{raw}: no image found, but {seen}{printable(said)}. Looked in folders and zip files for {expected}{hint}"


def _folder(file: RawFile) -> str:
    """Return the name of the innermost folder, or of the zip."""
    folders = folder_parts(full_path(file))[0]
    return folders[-1] if folders else ""


def source_files(raw: Path, layouts: Mapping[str, Layout]) -> Iterator[SourceFile]:
    """Yield every file of a raw folder that belongs to a source.

    Args:
        raw: the raw folder.
        layouts: each source's layout, by the source's name.

    Yields:
        The file, the name of its source, and what its path or table says; no sidecars; in an order that depends on
        names alone.
    """
    for file in list_files(raw):
        found = find_source(layouts, file)
        if found and not _sidecar(raw, file):
            yield file, *found


def printable(name: str) -> str:
    r"""Return a file name with escapes for what is not valid UTF-8, which tables and terminals refuse.

    >>> printable("caf\udce9.jpg")
    'caf\\udce9.jpg'
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
