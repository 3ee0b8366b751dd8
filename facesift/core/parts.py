"""Files and folders while they are written (`.NAME.RANDOM.part`): held, put in place, and removed when abandoned."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PART = ".part"
GRACE = 60.0  # seconds: a part this young may belong to a process that has not locked it yet

AT_FDCWD = -100
RENAME_EXCHANGE = 2
CANNOT_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}


def open_folder(folder: Path) -> int | None:
    """Open a folder, to sync or lock it; None on Windows, where folders cannot be opened."""
    return None if fcntl is None else os.open(folder, os.O_RDONLY)


def close(handle: int | None) -> None:
    """Close what `open_folder` opened."""
    if handle is not None:
        os.close(handle)


def lock_for_writing(handle: int) -> None:
    """Wait until no other process holds a file, and hold it until it is closed; on Windows nothing is locked."""
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX)


def hold_file(handle: int) -> int | None:
    """Hold a part that is a file; where there are no locks, close it, since Windows renames no open file.

    Returns:
        The handle to close at the end; None where it is closed.
    """
    if fcntl is None:
        os.close(handle)
        return None
    hold(handle)
    return handle


def hold(handle: int) -> None:
    """Lock a part as long as its writer lives. Where locks do not work, parts are never removed by others.

    Args:
        handle: file descriptor of the part, a file or a folder. Closing it ends the lock, and so does a kill.
    """
    _lock(handle)


def _lock(handle: int) -> bool:
    """Return whether the lock was free and is held now."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by another process, or a file system without locks
        return False
    return True


@contextmanager
def held_alone(handle: int) -> Iterator[bool]:
    """Hold an open file, and close it at the end; on Windows at once, since it removes no open file.

    Args:
        handle: file descriptor of the file.

    Yields:
        Whether it is held: no other process holds it or has removed it. Where there are no locks, none is known to.
    """
    if fcntl is None:
        os.close(handle)
        yield True
        return
    try:
        yield is_free(handle)
    finally:
        os.close(handle)


def is_free(handle: int) -> bool:
    """Hold an open file until it is closed; return False if another process holds it or has removed it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return os.fstat(handle).st_nlink > 0


@cache
def remove_abandoned_parts(folder: Path) -> None:
    """Remove what killed processes left in a folder, once in the life of this process.

    Args:
        folder: absolute path of the folder.
    """
    for part in folder.glob(f".*{PART}"):
        if _abandoned(part):
            remove(part)


def _abandoned(part: Path) -> bool:
    try:
        if time.time() - part.stat().st_mtime < GRACE:
            return False
        handle = os.open(part, os.O_RDONLY)
    except OSError:
        return False
    try:
        return _lock(handle)
    finally:
        os.close(handle)


def remove(part: Path) -> None:
    """Remove a file, a link or a folder; what cannot be removed stays."""
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def replace_folder(new: Path, path: Path) -> None:
    """Put a folder in the place of another, in one step where the system can.

    Linux exchanges the two; elsewhere the old folder is renamed aside first, so that for a moment there is none.

    Args:
        new: the folder to put in place. Afterwards it is gone, or it is what was at `path`.
        path: the place. It may be free.
    """
    if not path.exists():
        new.replace(path)
    elif not _exchange(new, path):
        aside = new.with_name(f"{new.name.removesuffix(PART)}.old{PART}")
        path.replace(aside)
        new.replace(path)
        remove(aside)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two paths atomically (renameat2 of Linux); return False where that is not possible."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:  # a C library without it
        return False
    if rename(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE) == 0:
        return True
    error = ctypes.get_errno()
    if error in CANNOT_EXCHANGE:
        return False
    raise OSError(error, os.strerror(error), str(second))
