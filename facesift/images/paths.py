"""Finds the image files that a user names: single files, all below a folder, those in zips, tars and Parquet files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from facesift.core.errors import FacesiftError
from facesift.images.archives import LOOSE, list_container, read_bytes, walk
from facesift.images.decoding import BadImage
from facesift.images.formats import is_image
from facesift.images.leftovers import sidecar
from facesift.images.parquets import is_parquet
from facesift.images.path_lists import read_list
from facesift.images.tars import is_tar
from facesift.images.zips import is_zip

INSIDE = "!"  # between the path of a zip, tar or Parquet file and the path, or the row, inside it
LIST = "-"  # a list of paths on the standard input
MAX_SIDECAR = 50_000_000  # bytes; a larger file is no sidecar


class InputFile(NamedTuple):
    """A file that a user named.

    Attributes:
        name: for messages and tables.
        container: zip, tar or Parquet file, or `LOOSE`; with `path` as `archives.read_bytes` takes them, relative to
            the working directory.
        path: path inside the zip or tar, row of the Parquet file, or of the loose file.
        reason: why nothing can be read there (a folder or zip that is unreadable); "" for a file.
    """

    name: str
    container: str
    path: str
    reason: str = ""


def one_line(text: str) -> str:
    r"""Escape control characters and what is not valid UTF-8, so that a name stays on one line of a table.

    >>> one_line("caf\udce9\n.jpg")
    'caf\\udce9\\x0a.jpg'
    """
    valid = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", lambda match: f"\\x{ord(match[0]):02x}", valid)


def check_paths(paths: Iterable[str]) -> None:
    """Raise `FacesiftError` naming the first path that is not there."""
    for path in paths:
        if path != LIST and not Path(path).exists():
            raise FacesiftError(f"{one_line(path)}: no such file or folder")


def find_files(
    paths: Iterable[str | Path],
    listed: BinaryIO | None = None,
    passed: Counter[str] | None = None,
    *,
    null: bool = False,
) -> Iterator[InputFile]:
    """Yield the files that paths stand for, lazily and in an order that depends on names alone.

    A folder stands for all files below it, a zip or tar for all files inside it, a Parquet file with images for its
    rows. What file managers leave behind there
    (`leftovers`) is passed over, and so are sidecars, unless they begin as an image does: a name hides no image.

    Args:
        paths: files, folders and archives; `-` stands for the paths in `listed`.
        listed: a list of paths, see `path_lists.read_list`.
        passed: counts the files that are passed over, by kind.
        null: a NUL byte is behind each path in `listed`; otherwise each has a line.

    Yields:
        Files. An unreadable folder or zip is yielded once, with its `reason`.
    """
    passed = Counter() if passed is None else passed
    for path in map(str, paths):
        if path == LIST and listed is not None:
            yield from find_files(read_list(listed, null=null), passed=passed)
        elif Path(path).is_dir():
            yield from _without_sidecars(_in_folder(path, passed), passed)
        elif is_zip(path) or is_tar(path) or is_parquet(path):
            yield from _without_sidecars(_in_container(path, passed), passed)
        else:
            yield InputFile(one_line(path), LOOSE, path)


def _without_sidecars(files: Iterable[InputFile], passed: Counter[str]) -> Iterator[InputFile]:
    for file in files:
        kind = None if file.reason else sidecar(file.path)
        if kind and not _begins_as_image(file):
            passed[kind] += 1
        else:
            yield file


def _begins_as_image(file: InputFile) -> bool:
    try:
        return is_image(read_bytes(Path(), file.container, file.path, MAX_SIDECAR))
    except (BadImage, FacesiftError):
        return True  # to be read, and named with what is wrong


def _in_folder(folder: str, passed: Counter[str]) -> Iterator[InputFile]:
    closed: list[InputFile] = []
    above = f"{folder.rstrip('/')}/"  # as the user wrote it: pathlib would drop a leading ./

    def note(inside: str, error: OSError) -> None:
        name = one_line(above + inside)
        closed.append(InputFile(name, LOOSE, name, f"folder cannot be read: {error.strerror}"))

    for inside in walk(Path(folder), note, passed=passed):
        yield from _drain(closed)
        path = above + inside
        yield from _in_container(path, passed)
    yield from _drain(closed)


def _in_container(path: str, passed: Counter[str]) -> Iterator[InputFile]:
    """Yield the files inside a zip, a tar or a Parquet file; another file is yielded itself."""
    try:
        entries = list_container(Path(path), passed)
    except FacesiftError as error:
        yield InputFile(one_line(path), LOOSE, path, str(error).removeprefix(f"{Path(path)}: "))
        return
    if not entries:
        reason = "" if entries is None else "no file is in it, or none but what is passed over"
        yield InputFile(one_line(path), LOOSE, path, reason)
    for entry in entries or ():
        yield InputFile(one_line(f"{path}{INSIDE}{entry}"), path, entry)


def _drain(closed: list[InputFile]) -> Iterator[InputFile]:
    while closed:
        yield closed.pop(0)
