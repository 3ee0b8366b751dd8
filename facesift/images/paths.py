"""Finds the image files that a user names: single files, all files below a folder, and files inside zips."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from facesift.core.errors import FacesiftError
from facesift.images.archives import LOOSE, is_zip, list_entries, walk

INSIDE = "!"  # between a zip's path and the path inside it
LIST = "-"  # a list of paths on the standard input


class InputFile(NamedTuple):
    """A file that a user named.

    Attributes:
        name: for messages and tables.
        container: zip file, or `LOOSE`; with `path` as `archives.read_bytes` takes them, relative to the working
            directory.
        path: path inside the zip, or of the loose file.
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


def find_files(paths: Iterable[str | Path], listed: BinaryIO | None = None) -> Iterator[InputFile]:
    """Yield the files that paths stand for, lazily and in an order that depends on names alone.

    A folder stands for all files below it, a zip for all files inside it; hidden files there are skipped.

    Args:
        paths: files, folders and zips; `-` stands for the paths in `listed`.
        listed: paths, one a line.

    Yields:
        Files. An unreadable folder or zip is yielded once, with its `reason`.
    """
    for path in map(str, paths):
        if path == LIST and listed is not None:
            lines = (os.fsdecode(line.rstrip(b"\r\n")) for line in listed)
            yield from find_files(line for line in lines if line and line != LIST)
        elif Path(path).is_dir():
            yield from _in_folder(path)
        elif is_zip(path):
            yield from _in_zip(path)
        else:
            yield InputFile(one_line(path), LOOSE, path)


def _in_folder(folder: str) -> Iterator[InputFile]:
    closed: list[InputFile] = []
    above = f"{folder.rstrip('/')}/"  # as the user wrote it: pathlib would drop a leading ./

    def note(inside: str, error: OSError) -> None:
        name = one_line(above + inside)
        closed.append(InputFile(name, LOOSE, name, f"folder cannot be read: {error.strerror}"))

    for inside in walk(Path(folder), note):
        yield from _drain(closed)
        path = above + inside
        if is_zip(path):
            yield from _in_zip(path)
        else:
            yield InputFile(one_line(path), LOOSE, path)
    yield from _drain(closed)


def _in_zip(path: str) -> Iterator[InputFile]:
    try:
        entries = list_entries(Path(path))
    except FacesiftError as error:
        yield InputFile(one_line(path), LOOSE, path, str(error).removeprefix(f"{path}: "))
        return
    for entry in entries:
        yield InputFile(one_line(f"{path}{INSIDE}{entry}"), path, entry)


def _drain(closed: list[InputFile]) -> Iterator[InputFile]:
    while closed:
        yield closed.pop(0)
