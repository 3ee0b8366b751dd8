"""Reads files of a raw folder: loose files, and files inside zips, which are not unpacked."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from facesift.core.errors import FacesiftError
from facesift.images.decoding import BadImage

ID_DIGITS = 32  # hexadecimal digits of an image_id
LOOSE = "."  # the container of files that are in no zip
JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
ENCRYPTED = 0x1  # bit of a zip entry's flags

Inodes = frozenset[tuple[int, int]]


class RawFile(NamedTuple):
    """Where a file is.

    Attributes:
        container: path of a zip file relative to the raw folder, or `LOOSE`.
        path: path inside the zip, or relative to the raw folder.
    """

    container: str
    path: str


@lru_cache(maxsize=32)
def _open(zip_path: Path, _version: tuple[int, ...]) -> zipfile.ZipFile:
    return zipfile.ZipFile(zip_path)


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip file once per process: reading the directory of 200,000 entries takes seconds.

    Raises:
        FacesiftError: when the zip is damaged or cannot be read.
    """
    try:
        status = path.stat()
        # A forked process may not share the handle, and a rewritten zip may not be read through an old directory.
        return _open(path, (os.getpid(), status.st_ino, status.st_size, status.st_mtime_ns))
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise FacesiftError(f"{path}: not a readable zip file ({error}); download it again or remove it") from error


def _is_junk(path: str) -> bool:
    return any(part.startswith(".") or part.casefold() in JUNK for part in path.split("/"))


def walk(
    folder: Path,
    unreadable: Callable[[str, OSError], None] | None = None,
    prefix: str = "",
    above: Inodes = frozenset(),
) -> Iterator[str]:
    """Yield the paths of all files below a folder, in sorted order.

    Hidden files and what file managers leave behind (`JUNK`) are skipped. Linked folders are entered, unless they
    contain themselves.

    Args:
        folder: where to start.
        unreadable: called with the path and the error of a folder that cannot be read; None: the error is raised.
        prefix: put before every path.
        above: the folders that contain `folder`, by device and inode.

    Yields:
        Paths relative to `folder`, after `prefix`.
    """
    try:
        status = folder.stat()
        here = (status.st_dev, status.st_ino)
        if here in above:
            return
        with os.scandir(folder) as entries:  # knows folders without asking the file system once per file
            found = sorted((entry.name, entry.is_dir()) for entry in entries if not _is_junk(entry.name))
    except OSError as error:
        if unreadable is None:
            raise
        unreadable(prefix, error)
        return
    for name, is_folder in found:
        if is_folder:
            yield from walk(folder / name, unreadable, f"{prefix}{name}/", above | {here})
        else:
            yield prefix + name


def list_entries(zip_path: Path) -> list[str]:
    """Return the sorted paths of the files inside a zip, without `JUNK`; raise `FacesiftError` for a damaged zip."""
    names = sorted(set(open_zip(zip_path).namelist()))
    return [name for name in names if not name.endswith("/") and not _is_junk(name)]


def is_zip(path: str) -> bool:
    """Whether the name is that of a zip file."""
    return path.casefold().endswith(".zip")


def list_files(root: Path) -> Iterator[RawFile]:
    """Yield every file below a raw folder, those inside zip files included, in an order that depends on names alone.

    Hidden files and what file managers leave behind (`JUNK`) are skipped.

    Raises:
        FacesiftError: when a zip is damaged.
    """
    for path in walk(root):
        if is_zip(path):
            yield from (RawFile(path, name) for name in list_entries(root / path))
        else:
            yield RawFile(LOOSE, path)


def _check_size(size: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size > max_bytes:
        raise BadImage(f"{size} bytes, more than {max_bytes}")


def _read_entry(archive: zipfile.ZipFile, path: str, max_bytes: int | None) -> bytes:
    try:
        entry = archive.getinfo(path)
    except KeyError:
        raise BadImage("no longer in its zip file") from None
    if entry.flag_bits & ENCRYPTED:
        raise BadImage("encrypted in its zip file")
    _check_size(entry.file_size, max_bytes)
    try:
        return archive.read(entry)
    except MemoryError:
        raise
    except Exception as error:  # damage deep in a zip raises zlib.error, EOFError, struct.error and more
        raise BadImage(f"damaged in its zip file: {error or type(error).__name__}") from error


def _read_loose(path: Path, max_bytes: int | None) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadImage("not a regular file")
        _check_size(status.st_size, max_bytes)
        return path.read_bytes()
    except OSError as error:
        raise BadImage(f"cannot be read: {error.strerror}") from error


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
        container: a zip file relative to it, or `LOOSE`.
        path: the file's path inside the zip, or relative to the raw folder.
        max_bytes: largest size, checked before reading; None: any.

    Raises:
        BadImage: when the file is missing, unreadable, encrypted, damaged inside its zip, or too large.
        FacesiftError: when the whole zip is damaged.
    """
    if container == LOOSE:
        return _read_loose(root / path, max_bytes)
    return _read_entry(open_zip(root / container), path, max_bytes)
