"""Files of a raw folder, and the source that each belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.datasets.layouts import Layout, PathLabel, find_source
from facesift.images.archives import RawFile, list_files

SourceFile = tuple[RawFile, str, PathLabel]


@dataclass(frozen=True)
class FileCounts:
    """How many files some source claims, how many none does, and one of the latter."""

    claimed: int
    ignored: int
    example: str | None


def count_files(raw: Path, layouts: Mapping[str, Layout]) -> FileCounts:
    """Count the files of the raw folder by whether a source claims them.

    Raises `FacesiftError` when the folder is missing, a zip is damaged, or no file is claimed.
    """
    if not raw.is_dir():
        raise FacesiftError(f"{raw}: no such folder; put the images there, unpacked or as the zip files downloaded")
    claimed, ignored, example = 0, 0, None
    for file in list_files(raw):
        if find_source(layouts, file):
            claimed += 1
        else:
            ignored += 1
            example = example or printable(f"{file.container}:{file.path}")
    if not claimed:
        wanted = "; ".join(_wanted(name, layout) for name, layout in layouts.items())
        seen = f"{ignored} other files, for example {example}" if ignored else "no files"
        raise FacesiftError(f"{raw}: no image found, but {seen}. Looked in folders and zip files for {wanted}")
    return FileCounts(claimed, ignored, example)


def _wanted(name: str, layout: Layout) -> str:
    source = layout.source
    kinds = {
        "rff": "folders training_real and training_fake",
        "one_class": f"a folder {source.folder}",
        "class_folders": f"folders {' and '.join(layout.classes)}",
        "reviewed": f"a folder {source.folder}",
        "csv": f"a folder {source.folder} of images listed in {source.csv}",
    }
    return f"{kinds[source.layout]} in {source.within} (data.sources.{name})"


def printable(name: str) -> str:
    r"""Show a file name that is not valid UTF-8 with escapes: tables and terminals take UTF-8 only.

    >>> printable("caf\udce9.jpg")
    'caf\\udce9.jpg'
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def source_files(raw: Path, layouts: Mapping[str, Layout]) -> Iterator[SourceFile]:
    """Yield every file that some source claims, with the source's name and what the path says."""
    for file in list_files(raw):
        claimed = find_source(layouts, file)
        if claimed:
            yield file, *claimed
