"""The files of a raw folder, each with the source that it belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.datasets.layouts import LAYOUTS, Layout, PathLabel, find_source
from facesift.datasets.manifest import UNLABELLED
from facesift.images.archives import RawFile, list_files
from facesift.images.leftovers import sidecar

SourceFile = tuple[RawFile, str, PathLabel]  # a file, the name of its source, what its path says


@dataclass(frozen=True)
class FileCounts:
    """Files of a raw folder.

    Attributes:
        by_class: how many files of each class belong to a source; `UNLABELLED` for those without a label.
        ignored: how many belong to none.
        example: path of an ignored file; None without one.
        passed: how many files of each kind are no data and passed over: leftovers of file managers, sidecars.
    """

    by_class: dict[str, int]
    ignored: int
    example: str | None
    passed: Mapping[str, int] = field(default_factory=dict)

    @property
    def recognised(self) -> int:
        """How many files belong to a source."""
        return sum(self.by_class.values())


def count_files(raw: Path, layouts: Mapping[str, Layout]) -> FileCounts:
    """Count the files that belong to a source, and those that belong to none.

    Args:
        raw: the raw folder, with loose files and zip files.
        layouts: each source's layout, by the source's name.

    Returns:
        The counts; at least one file belongs to a source.

    Raises:
        FacesiftError: when the folder is missing, a zip is damaged, no file belongs to a source, or a source's
            `group.pattern` finds nothing in a file's path.
    """
    if not raw.is_dir():
        raise FacesiftError(f"{raw}: no such folder; put the images there, unpacked or as the zip files downloaded")
    by_class: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    ignored, example = 0, None
    for file in list_files(raw, passed):
        if found := find_source(layouts, file):
            if kind := sidecar(file.path):
                passed[kind] += 1
            else:
                by_class[found[1].label or UNLABELLED] += 1
        else:
            ignored += 1
            example = example or printable(f"{file.container}:{file.path}")
    if not by_class:
        expected = "; ".join(_expected(name, layout) for name, layout in layouts.items())
        seen = f"{ignored} other files, for example {example}" if ignored else "no files"
        raise FacesiftError(f"{raw}: no image found, but {seen}. Looked in folders and zip files for {expected}")
    return FileCounts(dict(by_class), ignored, example, dict(sorted(passed.items())))


def _expected(name: str, layout: Layout) -> str:
    return f"{LAYOUTS[layout.source.layout].expected(layout)} in {layout.source.within} (data.sources.{name})"


def source_files(raw: Path, layouts: Mapping[str, Layout]) -> Iterator[SourceFile]:
    """Yield every file of a raw folder that belongs to a source.

    Args:
        raw: the raw folder.
        layouts: each source's layout, by the source's name.

    Yields:
        The file, the name of its source, and what its path says; no sidecars; in an order that depends on names alone.
    """
    for file in list_files(raw):
        found = find_source(layouts, file)
        if found and not sidecar(file.path):
            yield file, *found


def printable(name: str) -> str:
    r"""Return a file name with escapes for what is not valid UTF-8, which tables and terminals refuse.

    >>> printable("caf\udce9.jpg")
    'caf\\udce9.jpg'
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
