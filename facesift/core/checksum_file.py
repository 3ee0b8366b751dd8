"""The SHA-256 of a text file, in a file beside it (`NAME.sha256`) that `sha256sum -c` reads, too.

A table that is written row by row cannot carry its own hash. Its writer puts the hash beside it at the end, and takes
it away before it adds rows. A reader compares where there is one.
"""

from __future__ import annotations

from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.core.files import sync_folder, whole_file
from facesift.core.fingerprint import sha256

ENDING = ".sha256"


def checksum_file(path: Path) -> Path:
    """Return where the checksum of a file is.

    >>> checksum_file(Path("out/faces.csv")).name
    'faces.csv.sha256'
    """
    return path.with_name(f"{path.name}{ENDING}")


def write_checksum(path: Path) -> None:
    """Hash a file, and write the hash beside it.

    Raises:
        FacesiftError: when the disk is full or refuses.
    """
    with whole_file(checksum_file(path), private=True) as part:
        part.write_text(f"{sha256(path)}  {path.name}\n", encoding="utf-8", newline="\n")


def remove_checksum(path: Path) -> None:
    """Remove the checksum of a file that is about to change; a power cut does not bring it back."""
    beside = checksum_file(path)
    if beside.exists():
        beside.unlink()
        sync_folder(path.parent)


def check_checksum(path: Path) -> bool:
    """Compare a file with the hash beside it.

    Returns:
        Whether both are there.

    Raises:
        FacesiftError: when the file does not have it, or one of the two cannot be read.
    """
    beside = checksum_file(path)
    try:
        wanted = beside.read_bytes() if beside.is_file() and path.is_file() else None
        if wanted is None:
            return False
        if wanted.split()[:1] == [sha256(path).encode()]:
            return True
        if beside.is_file() and beside.read_bytes() == wanted:
            raise FacesiftError(
                f"{path}: damaged or changed, its bytes do not have the SHA-256 in {beside.name}; delete that file if "
                "you changed the table yourself, else delete both and screen the images again"
            )
    except FileNotFoundError:
        pass
    except OSError as error:
        raise FacesiftError(f"{error.filename or path}: cannot be read ({error.strerror})") from error
    return check_checksum(path)  # a run has gone on with the table meanwhile
