"""Hashes of the program's code and versions of its libraries: did two runs use the same program?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parents[1]  # the folder `facesift`
UNKNOWN = "unknown"  # version of a library that is not installed


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_fingerprint(wings: Sequence[str] | None = None) -> str:
    """Hash the Python files of some wings (folders) of this package.

    Args:
        wings: names of folders below `facesift/`, for example `("networks", "training")`; None: the whole package.

    Returns:
        64 hexadecimal digits. They change with the name or the content of any of the files.
    """
    folders = [PACKAGE] if wings is None else [PACKAGE / wing for wing in wings]
    return files_fingerprint((path for folder in folders for path in folder.rglob("*.py")), PACKAGE)


def files_fingerprint(files: Iterable[Path], root: Path) -> str:
    """Hash files: their names below `root` and their contents, in the order of the names.

    It is the SHA-256 of the lines that `sha256sum` prints for the files, sorted by name, without the last line break.

    Args:
        files: paths below `root`, in any order.
        root: the folder that names are relative to.

    Returns:
        64 hexadecimal digits.
    """
    hashes = {path.relative_to(root).as_posix(): sha256(path) for path in files}
    return hashlib.sha256("\n".join(f"{hashes[name]}  {name}" for name in sorted(hashes)).encode()).hexdigest()


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the installed version of each library, by its name on PyPI; `UNKNOWN` where it is not installed.

    >>> library_versions(["a-library-nobody-has"])
    {'a-library-nobody-has': 'unknown'}
    """
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return UNKNOWN
