"""Reads files inside zips, which are not unpacked, and zips inside zips; a hostile zip costs bounded memory."""

from __future__ import annotations

import bz2
import copy
import lzma
import os
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.images.decoding import BadImage
from facesift.images.formats import what_else
from facesift.images.leftovers import FOLDER_ENTRY, leftover, parts_of

ENCRYPTED = 0x1  # bit of a zip entry's flags
# A larger entry that was compressed further than this is no photo, but an attack.
SMALL, MAX_RATIO = 1 << 20, 200
MAX_INNER = 1 << 31  # bytes of a zip inside a zip, which is copied to a temporary file
LZMA_MEMORY = 1 << 28
REPACK = "unpack it, or pack it again with the usual method, Deflate"
METHODS = {
    9: "Deflate64, as Windows does with more than 2 GB", 93: "Zstandard", 95: "XZ", 96: "JPEG", 98: "PPMd",
    99: "AES encryption",
}  # fmt: skip


@lru_cache(maxsize=32)
def _open(zip_path: Path, _version: tuple[int, ...]) -> zipfile.ZipFile:
    return _without_overlap(zipfile.ZipFile(zip_path), zip_path.stat().st_size)


def _without_overlap(archive: zipfile.ZipFile, size: int) -> zipfile.ZipFile:
    """Refuse a zip of `size` bytes whose entries share bytes: a few megabytes would then unpack to terabytes."""
    ends, last = 0, size
    for start, length in sorted((each.header_offset, each.compress_size) for each in archive.infolist()):
        if start < ends or start + length > last:
            archive.close()
            raise zipfile.BadZipFile("its entries overlap, as in a zip bomb")
        ends = start + length
    return archive


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
        why = what_else(path) or f"not a readable zip file ({error}); download it again or remove it"
        raise FacesiftError(f"{path}: {why}") from error


def is_zip(path: str) -> bool:
    """Whether the name is that of a zip file."""
    return path.casefold().endswith(".zip")


def list_entries(zip_path: Path, passed: Counter[str] | None = None) -> list[str]:
    """List the files inside a zip, and inside the zips in it.

    Args:
        zip_path: the zip.
        passed: counts what is left out, by kind: folder entries and leftovers of file managers.

    Returns:
        Sorted paths; of a file in a zip inside the zip `inner.zip/path`. A name that two entries have comes twice. An
        inner zip that cannot be read is listed itself.

    Raises:
        FacesiftError: when the zip is damaged.
    """
    return sorted(_list(open_zip(zip_path), Counter() if passed is None else passed))


def _list(archive: zipfile.ZipFile, passed: Counter[str], *, inner: bool = False) -> Iterator[str]:
    for entry in archive.infolist():
        name = entry.filename
        folder = name.endswith(("/", "\\")) and not entry.file_size
        if kind := FOLDER_ENTRY if folder else leftover(name):
            passed[kind] += 1
        elif is_zip(name) and not inner and not _why_closed(archive, name):
            yield from (f"{name}/{path}" for path in _list(_open_inner(archive, name), passed, inner=True))
        else:
            yield name


def _why_closed(archive: zipfile.ZipFile, name: str) -> str:
    """Return why a zip inside a zip cannot be read; "" if it can."""
    try:
        _open_inner(archive, name)
    except BadImage as error:
        return error.reason
    return ""


@lru_cache(maxsize=4)
def _open_inner(archive: zipfile.ZipFile, name: str) -> zipfile.ZipFile:
    """Open a zip inside a zip through a temporary file, since a compressed one can only be read from front to back."""
    entry = _check(archive, name, MAX_INNER)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadImage("compressed twice")
    room = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the zip that is read from it
    try:
        with archive.open(entry) as stream:
            while part := stream.read(SMALL):
                room.write(part)
        inner = _without_overlap(zipfile.ZipFile(room), entry.file_size)
    except MemoryError:
        raise
    except Exception as error:
        room.close()
        raise BadImage(f"damaged: {error or type(error).__name__}") from error
    if not inner.namelist():
        raise BadImage("no file is in it")
    return inner


@lru_cache(maxsize=32)
def _repeated(archive: zipfile.ZipFile) -> frozenset[str]:
    return frozenset(name for name, count in Counter(archive.namelist()).items() if count > 1)


def _check(archive: zipfile.ZipFile, name: str, max_bytes: int | None) -> zipfile.ZipInfo:
    """Find an entry that may be read, or say why it may not."""
    try:
        entry = archive.getinfo(name)
    except KeyError:
        raise BadImage("no longer in its zip file") from None
    if name in _repeated(archive):
        raise BadImage("several files of its zip file have this name: pack it again, each with a name of its own")
    if ".." in parts_of(name):
        raise BadImage("its name in the zip file leads to another folder (..): pack it again without")
    if entry.flag_bits & ENCRYPTED:
        raise BadImage("encrypted in its zip file")
    if entry.compress_type not in DECOMPRESSORS:
        method = METHODS.get(entry.compress_type, f"method {entry.compress_type}")
        raise BadImage(f"compressed in its zip file with {method}, which is not read: {REPACK}")
    check_size(entry.file_size, max_bytes)
    if entry.file_size > max(SMALL, MAX_RATIO * entry.compress_size):
        raise BadImage(f"{entry.file_size} bytes from {entry.compress_size} in its zip file: no photo shrinks so much")
    return entry


def check_size(size: int, max_bytes: int | None) -> None:
    """Raise `BadImage` when a file has more bytes than allowed; None: any number is."""
    if max_bytes is not None and size > max_bytes:
        raise BadImage(f"{size} bytes, more than {max_bytes}")


def _lzma(data: bytes, most: int) -> bytes:
    # In a zip the properties follow a version and a length of two bytes each; in a .lzma file the size follows them.
    alone = data[4:9] + b"\xff" * 8 + data[9:]
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, LZMA_MEMORY).decompress(alone, most)


# What makes at most so many bytes of compressed ones. The module zipfile has no such limit: it cuts off the rest.
DECOMPRESSORS: dict[int, Callable[[bytes, int], bytes]] = {
    zipfile.ZIP_STORED: lambda data, most: data[:most],
    zipfile.ZIP_DEFLATED: lambda data, most: zlib.decompressobj(-15).decompress(data, most),
    zipfile.ZIP_BZIP2: lambda data, most: bz2.BZ2Decompressor().decompress(data, most),
    zipfile.ZIP_LZMA: _lzma,
}


def read_entry(zip_path: Path, path: str, max_bytes: int | None) -> bytes:
    """Read one file inside a zip, or inside a zip in it (`inner.zip/path`).

    Args:
        zip_path: the zip.
        path: as `list_entries` gives it.
        max_bytes: largest size; None: any. At most one byte more is made of the compressed data, whatever size the zip
            says.

    Raises:
        BadImage: when the file is missing, encrypted, damaged, not read by rule, or too large.
        FacesiftError: when the whole zip is damaged.
    """
    archive, name = _find(open_zip(zip_path), path)
    if is_zip(name):
        why = _why_closed(archive, name) or "too deep"
        raise BadImage(f"a zip file in a zip file that cannot be read ({why}): unpack it")
    entry = _check(archive, name, max_bytes)
    try:
        return _decompress(entry, _compressed(archive, entry))
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # damage deep in a zip raises zlib.error, EOFError, struct.error and more
        raise BadImage(f"damaged in its zip file: {error or type(error).__name__}") from error


def _find(archive: zipfile.ZipFile, path: str) -> tuple[zipfile.ZipFile, str]:
    """Return the zip that has an entry, the outer or an inner one, and the entry's name there."""
    cut = path.casefold().find(".zip/") + len(".zip")
    while path not in archive.NameToInfo and cut >= len(".zip"):
        if path[:cut] in archive.NameToInfo:
            return _open_inner(archive, path[:cut]), path[cut + 1 :]
        cut = path.casefold().find(".zip/", cut) + len(".zip")
    return archive, path


def _compressed(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return an entry's bytes as they are in the zip."""
    if entry.compress_size > entry.file_size + entry.file_size // 50 + SMALL:
        raise BadImage(f"damaged in its zip file: {entry.compress_size} bytes for {entry.file_size}")
    stored = copy.copy(entry)
    stored.compress_type, stored.file_size = zipfile.ZIP_STORED, entry.compress_size
    stored.CRC = None  # type: ignore[assignment] # unknown: `_decompress` compares it
    with archive.open(stored) as stream:
        return stream.read()


def _decompress(entry: zipfile.ZipInfo, compressed: bytes) -> bytes:
    data = DECOMPRESSORS[entry.compress_type](compressed, entry.file_size + 1)
    if len(data) != entry.file_size:
        more = "more" if len(data) > entry.file_size else f"{len(data)}"
        raise BadImage(f"damaged in its zip file: {entry.file_size} bytes expected, {more} found")
    if zlib.crc32(data) != entry.CRC:
        raise BadImage("damaged in its zip file: Bad CRC-32")
    return data
