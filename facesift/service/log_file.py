"""The decision log of the service: JSON lines that are only ever appended to, in files that are rotated."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.service.settings import LogSettings

SHOWN = 12  # digits of the bundle's hash in a file's name: rows of one file are of one bundle
TAIL = 1 << 20  # bytes before the end that are searched for the end of the last whole line


class LogFile:
    """An open log of decisions by one bundle, `decisions-<bundle>.jsonl`.

    A full file is renamed to `decisions-<bundle>-<time>.jsonl`, and another one is begun. Each is a table of decisions
    that `facesift review`, `drift` and `explain` read. Only the service's user can read them.

    Args:
        folder: where the files are.
        bundle: hash of the bundle.
        settings: when to wait for the disk, and when to begin another file.

    Raises:
        FacesiftError: The folder cannot be written to.
    """

    def __init__(self, folder: Path, bundle: str, settings: LogSettings) -> None:
        self.path = folder / f"decisions-{bundle[:SHOWN]}.jsonl"
        self._settings, self._lock = settings, threading.Lock()
        self._unsynced, self._synced_at = False, 0.0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._handle = self._open()
            _drop_torn_line(self._handle)
        except OSError as error:
            raise FacesiftError(f"{self.path}: cannot be written ({error.strerror}); see --log") from error

    def _open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def append(self, lines: str) -> None:
        """Write whole lines, and wait for the disk if the policy says so.

        Raises:
            OSError: They could not be written, for example on a full disk; the file does not hold them.
        """
        with self._lock:
            size = os.fstat(self._handle).st_size
            if size >= self._settings.rotate_bytes:
                self._rotate()
                size = 0
            try:
                _write(self._handle, lines.encode())
                self._unsynced = True
                if self._settings.fsync == "always":
                    self._sync()
            except OSError:
                os.ftruncate(self._handle, size)
                raise

    def sync_if_due(self) -> None:
        """Wait for the disk if the policy is `second` and a second has passed."""
        with self._lock:
            due = time.monotonic() - self._synced_at >= 1
            if self._settings.fsync == "second" and self._unsynced and due:
                self._sync()

    def close(self) -> None:
        """Wait for the disk, whatever the policy, and close the file."""
        with self._lock:
            self._sync()
            os.close(self._handle)

    def _sync(self) -> None:
        os.fsync(self._handle)
        self._unsynced, self._synced_at = False, time.monotonic()

    def _rotate(self) -> None:
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        os.fsync(self._handle)
        self.path.rename(self.path.with_name(f"{self.path.stem}-{now}.jsonl"))
        os.close(self._handle)
        self._handle = self._open()


def _write(handle: int, data: bytes) -> None:
    written = os.write(handle, data)
    while written < len(data):  # the disk became full in the middle; the next write raises the error
        written += os.write(handle, data[written:])


def _drop_torn_line(handle: int) -> None:
    """Cut off a last line without its end, which a power cut left: its decision was never answered."""
    size = os.fstat(handle).st_size
    start = max(0, size - TAIL)
    tail = os.pread(handle, size - start, start)
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(handle, start + tail.rfind(b"\n") + 1)
