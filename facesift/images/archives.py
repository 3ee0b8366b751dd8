"""Reads files of a raw folder: loose ones, and those inside zips, tars and Parquet files, which are not unpacked."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from facesift.core.errors import FacesiftError
from facesift.images.decoding import BadImage
from facesift.images.leftovers import leftover
from facesift.images.parquets import count_rows, image_column, is_parquet, read_row
from facesift.images.tars import is_tar, list_members, read_member
from facesift.images.zips import check_size, is_zip, list_entries, read_entry

ID_DIGITS = 32  # hexadecimal digits of an image_id
LOOSE = "."  # the container of files that are in no zip

Inodes = frozenset[tuple[int, int]]


class RawFile(NamedTuple):
    """Where a file is.

    Attributes:
        container: path of a zip, tar or Parquet file relative to the raw folder, or `LOOSE`.
        path: path inside the zip or tar, or relative to the raw folder; `inner.zip/path` of a file in a zip inside the
            zip; of an image in a Parquet file the number of its row.
    """

    container: str
    path: str


def walk(
    folder: Path,
    unreadable: Callable[[str, OSError], None] | None = None,
    prefix: str = "",
    above: Inodes = frozenset(),
    passed: Counter[str] | None = None,
) -> Iterator[str]:
    """Yield the paths of all files below a folder, in sorted order.

    What file managers leave behind (`leftovers`) is passed over. Linked folders are entered, unless they contain
    themselves.

    Args:
        folder: where to start.
        unreadable: called with the path and the error of a folder that cannot be read; None: the error is raised.
        prefix: put before every path.
        above: the folders that contain `folder`, by device and inode.
        passed: counts the files that are passed over, by kind.

    Yields:
        Paths relative to `folder`, after `prefix`.
    """
    passed = Counter() if passed is None else passed
    try:
        status = folder.stat()
        here = (status.st_dev, status.st_ino)
        if here in above:
            return
        with os.scandir(folder) as entries:  # knows folders without asking the file system once per file
            found = sorted((entry.name, _is_folder(entry)) for entry in entries)
    except OSError as error:
        if unreadable is None:
            raise
        unreadable(prefix, error)
        return
    for name, is_folder in found:
        if kind := leftover(f"{name}/" if is_folder else name):
            passed[kind] += _count(folder / name) if is_folder else 1
        elif is_folder:
            yield from walk(folder / name, unreadable, f"{prefix}{name}/", above | {here}, passed)
        else:
            yield prefix + name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _count(folder: Path) -> int:
    """Count the files below a folder that is passed over, as far as it can be read."""
    return sum(len(files) for _, _, files in os.walk(folder))


def list_files(root: Path, passed: Counter[str] | None = None, empty: list[str] | None = None) -> Iterator[RawFile]:
    """Yield every file below a raw folder, in an order that depends on names alone.

    Files inside zips and tars, and images in the rows of Parquet files, are yielded instead of their containers.

    Args:
        root: the raw folder.
        passed: counts what is passed over, by kind: what file managers leave behind (`leftovers`).
        empty: gets the paths of zips, tars and Parquet files of images without any file in them.

    Raises:
        FacesiftError: when a folder cannot be read, or a zip, a zip inside a zip, a tar or a Parquet file is damaged.
    """

    def closed(path: str, error: OSError) -> None:
        raise FacesiftError(f"{root / path}: the folder cannot be read: {error.strerror}") from error

    for path in walk(root, closed, passed=passed):
        names = list_container(root / path, passed)
        if names is None:
            yield RawFile(LOOSE, path)
            continue
        for name in names:
            if is_zip(path) and is_zip(name):
                _refuse_inner(root, path, name)
            yield RawFile(path, name)
        if empty is not None and not names:
            empty.append(path)


def list_container(path: Path, passed: Counter[str] | None = None) -> Sequence[str] | None:
    """List the files inside a zip or tar, or the rows of a Parquet file with images.

    Args:
        path: any file.
        passed: counts what is passed over, by kind.

    Returns:
        Their paths, as in `RawFile`; None for a file of another kind.

    Raises:
        FacesiftError: when it is damaged or cannot be read.
    """
    if is_zip(path.name) or is_tar(path.name) or is_parquet(path.name):
        _check_readable(path)
    if is_zip(path.name):
        return list_entries(path, passed)
    if is_tar(path.name):
        return list_members(path, passed)
    if is_parquet(path.name) and image_column(path):
        return [str(row) for row in range(count_rows(path))]
    return None


def _check_readable(path: Path) -> None:
    """Refuse what is named like an archive and is no file, as a pipe would be waited for, or may not be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FacesiftError(f"{path}: not a regular file; remove it")
        path.open("rb").close()
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be read: {error.strerror}") from error


def _refuse_inner(root: Path, container: str, name: str) -> None:
    try:
        read_entry(root / container, name, None)
    except BadImage as error:
        raise FacesiftError(f"{root / container}: {name}: {error.reason}") from error


def _read_loose(path: Path, max_bytes: int | None) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadImage("not a regular file")
        check_size(status.st_size, max_bytes)
        with path.open("rb") as file:
            data = file.read(status.st_size + 1)  # room for `max_bytes` would cost more than most images
    except OSError as error:
        raise BadImage(f"cannot be read: {error.strerror}") from error
    if len(data) > status.st_size:
        raise BadImage("it grows while it is read")
    return data


def image_id(data: bytes) -> str:
    """Return the id of an image: the first `ID_DIGITS` hexadecimal digits of the SHA-256 of its file's bytes.

    >>> image_id(b"")
    'e3b0c44298fc1c149afbf4c8996fb924'
    """
    return hashlib.sha256(data).hexdigest()[:ID_DIGITS]


def read_bytes(root: Path, container: str, path: str, max_bytes: int | None = None) -> bytes:
    """Read the bytes of one file of a raw folder.

    Args:
        root: the raw folder.
        container: a zip, tar or Parquet file relative to it, or `LOOSE`.
        path: as in `RawFile`.
        max_bytes: largest size; None: any. At most one byte more is read.

    Raises:
        BadImage: when the file is missing, unreadable, encrypted, damaged inside its zip, compressed in a way that is
            not read, or too large.
        FacesiftError: when the whole container is damaged.
    """
    if container == LOOSE:
        return _read_loose(root / path, max_bytes)
    if is_tar(container):
        return read_member(root / container, path, max_bytes)
    if is_parquet(container):
        return read_row(root / container, path, max_bytes)
    return read_entry(root / container, path, max_bytes)
