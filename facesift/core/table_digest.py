"""The SHA-256 that a Parquet table carries of itself, so that a reader notices every changed byte."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

from facesift.core.errors import FacesiftError

KEY = "facesift.sha256"
OPEN = "0" * 64  # stands in the digest's place while the digest is computed
MAGIC = b"PAR1"
CHUNK = 1 << 20  # bytes

REMEDY = "delete it and make it again, by `dvc repro` or `facesift screen`; `make check` looks for further damage"


def seal(path: Path) -> None:
    """Compute the SHA-256 of a table and write it into the table's footer.

    Args:
        path: a Parquet file, written with the metadata `{KEY: OPEN}`.
    """
    place = _find_digest(path)
    digest = _hash_around(path, place)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(digest.encode())


def check_table(path: Path) -> None:
    """Compare a table with the SHA-256 that it carries.

    Args:
        path: a Parquet file that `seal` has closed.

    Raises:
        FacesiftError: when the file cannot be read, carries no digest, or differs from it.
    """
    try:
        place = _find_digest(path)
        written = _read(path, place, len(OPEN))
        if written != _hash_around(path, place).encode():
            raise FacesiftError(f"{path}: damaged, its bytes do not have the SHA-256 that it carries; {REMEDY}")
    except FileNotFoundError as error:
        raise FacesiftError(f"{path}: not found; run `dvc repro` to make it") from error
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be read ({error.strerror})") from error


def _find_digest(path: Path) -> int:
    """Return where in the file the digest begins: in the footer, right after its key."""
    size = path.stat().st_size
    tail = _read(path, max(size - 8, 0), 8)
    length = struct.unpack("<I", tail[:4])[0] if len(tail) == 8 and tail[4:] == MAGIC else size
    if length > size - 12:
        raise FacesiftError(f"{path}: not a whole Parquet file; {REMEDY}")
    start = size - 8 - length
    footer = _read(path, start, length)
    key = footer.find(KEY.encode())
    # Thrift's compact protocol: after the key, one byte for the field and one for the length of the value.
    place = key + len(KEY) + 2
    if key < 0 or place + len(OPEN) > length:
        raise FacesiftError(f"{path}: carries no SHA-256, so this version did not write it, or it is damaged; {REMEDY}")
    return start + place


def _hash_around(path: Path, place: int) -> str:
    """Hash a file as if `OPEN` stood at `place`."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while place > file.tell():
            found.update(file.read(min(CHUNK, place - file.tell())))
        found.update(OPEN.encode())
        file.seek(place + len(OPEN))
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _read(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)
