"""The error for mistakes that a user can put right, and the same for what the system refuses: one line, no trace."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# All but the line end and the tab.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class FacesiftError(Exception):
    """A mistake in parameters, files or data that the user can put right.

    The message names the file, the key or the image, the bad value, and what would be right.
    """


ROOM = "free space there, or name another disk; then run the same command again, what was finished stays"
# What the system refuses, and what to do. Other errors, such as a missing file, are named without advice.
REMEDIES = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: "`ulimit -f` or the file system allows no larger file: raise the limit, then run the command again",
    errno.EROFS: "the disk is read-only: make it writable, or name another",
    errno.EACCES: "you may not: change its owner or mode (`ls -l`), or name another",
    errno.EPERM: "you may not: change its owner or mode (`ls -l`), or name another",
    errno.EMFILE: "raise `ulimit -n`, the number of open files",
    errno.ENFILE: "the system has too many open files: end other programs",
    errno.EIO: "the disk reports a defect: save what you can, then `make check`",
    errno.ENOMEM: "not enough memory: end other programs, or use fewer `jobs`, a smaller `batch_size` or `max_pixels`",
}
# How libraries tell of the system's errors in their own: polars and safetensors, HDF5, Python.
NUMBER = re.compile(r"\(os error (\d+)\)|errno = (\d+)|\[Errno (\d+)\]|Os \{ code: (\d+)")
# What torch and polars say when they do not say why: nearly always the disk is full.
UNSAID = (
    "PytorchStreamWriter failed", "inline_container.cc", "[Errno None] None: None", "Invalid thrift: transport error",
)  # fmt: skip
NO_THREAD = "can't start new thread"  # of Python, when the system has no memory for its stack


def for_terminal(text: str) -> str:
    r"""Escape what a terminal would obey or reorder: control characters, and marks of the direction of writing.

    >>> for_terminal("photo_\u202egpj.exe\x1b[2J")
    'photo_\\u202egpj.exe\\x1b[2J'
    """
    return OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def in_words(error: BaseException, place: Path | str | None = None, *, verb: str = "") -> str | None:
    """Say in one line what the system refused, where, and what to do.

    Args:
        error: any error; those that it was raised from count, too.
        place: where, if the error does not say.
        verb: what was tried, such as `cannot be written`.

    Returns:
        The line; None for an error that is not the system's.

    >>> in_words(OSError(errno.ENOSPC, "No space left on device"), "data/a.parquet", verb="cannot be written")[:59]
    'data/a.parquet: cannot be written (No space left on device)'
    """
    while error is not None:
        number = _number(error)
        if number is not None:
            named = getattr(error, "filename", None)
            where = place if named is None or isinstance(named, int) else os.fsdecode(named)
            what = f"{verb} ({os.strerror(number)})" if verb else os.strerror(number)
            remedy = REMEDIES.get(number)
            return ": ".join(str(part) for part in (where, what) if part) + (f"; {remedy}" if remedy else "")
        error = error.__cause__  # type: ignore[assignment]
    return None


def _number(error: BaseException) -> int | None:
    """Return the system's number of an error; None for one that is not the system's."""
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, OSError) and error.errno:
        return error.errno
    text = str(error)
    if NO_THREAD in text:
        return errno.ENOMEM
    if any(words in text for words in UNSAID):
        return errno.ENOSPC
    found = NUMBER.search(text)
    return int(next(filter(None, found.groups()))) if found else None


@contextmanager
def written_in_words(path: Path, part: Path | None = None) -> Iterator[None]:
    """Turn what the system refuses while a file or folder is written into a `FacesiftError` that names it.

    Args:
        path: what is written.
        part: where it is written before it is whole; named as `path`.

    Raises:
        FacesiftError: what, where, and what to do.
    """
    try:
        yield
    except (FacesiftError, BrokenPipeError):
        raise
    except Exception as error:
        own = _is_own(getattr(error, "filename", None), part or path)
        if own and isinstance(error, OSError):
            error.filename = None
        if line := in_words(error, path, verb="cannot be written" if own else ""):
            raise FacesiftError(line) from error
        raise


def _is_own(name: object, part: Path) -> bool:
    return not isinstance(name, str | bytes | os.PathLike) or Path(os.fsdecode(name)).is_relative_to(part)
