"""One reviewer's answers while people work: read again when the file has grown, and each new one made durable."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import COLUMNS, Answer, check_header, format_row, parse_lines, review_file
from facesift.datasets.reviews import ActiveAnswers

HEADER = ",".join(COLUMNS).encode() + b"\n"
TAIL = 64  # bytes before the place read last that must still be there: else the file was rewritten


@dataclass
class Log:
    """What one reviewer's file says, kept up to date with `refresh`. Nothing is kept that the file does not hold."""

    path: Path
    tell: Callable[[str], None]
    standing: ActiveAnswers = field(default_factory=ActiveAnswers)
    _lines: int = 0
    _read: int = 0  # bytes
    _tail: bytes = b""
    _version: tuple[int, ...] = ()

    def refresh(self) -> None:
        """Read what was added since the last call; all again when the file is another one or was rewritten."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                version = (status.st_ino, status.st_size, status.st_mtime_ns)
                if version == self._version:
                    return
                file.seek(max(0, self._read - TAIL))
                if not self._read or file.read(len(self._tail)) != self._tail:
                    self._forget()
                    file.seek(0)
                self._take(file.read())
                self._version = version
        except FileNotFoundError:
            self._forget()
        except OSError as error:
            raise FacesiftError(f"{self.path}: cannot be read ({error.strerror})") from error

    def _forget(self) -> None:
        self.standing = ActiveAnswers()
        self._lines = self._read = 0
        self._tail, self._version = b"", ()

    def _take(self, data: bytes) -> None:
        """Take in the whole lines of `data`, which begins where reading ended; a torn last line waits."""
        whole = data[: data.rfind(b"\n") + 1]
        lines = whole.decode("utf-8", "replace").split("\n")[:-1]
        if lines and not self._lines:
            check_header(self.path, lines[0])
        fresh = lines if self._lines else lines[1:]
        answers, problems = parse_lines(self.path, fresh, first=max(self._lines, 1) + 1)
        for problem in problems:
            self.tell(problem)
        for answer in answers:
            self.standing.add(answer)
        self._lines += len(lines)
        self._read += len(whole)
        self._tail = (self._tail + whole)[-TAIL:]


@contextmanager
def writing(log: Log) -> Iterator[Callable[[Answer], None]]:
    """Hold the file's lock, with `log` up to date; give the function that appends one answer durably.

    Other servers that write the same file wait meanwhile. A torn last line is set aside first. `OSError` (a full disk,
    say) leaves the file without the answer.
    """
    with _locked(log.path) as file:
        _set_torn_aside(log, file)
        log.refresh()
        yield lambda answer: _append(file, answer)
        log.refresh()


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    while True:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(path, file):
                yield file
                return
        finally:
            os.close(file)  # gives the lock back, too


def _is_still(path: Path, file: int) -> bool:
    """Whether the open `file` is the one that `path` names: it may have been replaced before the lock was had."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _append(file: int, answer: Answer) -> None:
    """Add one line (and the header before the first) in one write, and wait until the disk has it."""
    size = os.fstat(file).st_size
    line = format_row(answer).encode()
    try:
        _write(file, line if size else HEADER + line)
    except OSError:
        os.ftruncate(file, size)
        raise


def _write(file: int, data: bytes) -> None:
    written = os.write(file, data)
    while written < len(data):  # the disk became full in the middle; asking for the rest says so
        written += os.write(file, data[written:])
    os.fsync(file)


def _set_torn_aside(log: Log, file: int) -> None:
    """Move what follows the last line break, left by a power cut, to `<name>.csv.torn`."""
    size = os.fstat(file).st_size
    end = _end_of_lines(file, size)
    if end == size:
        return
    aside = log.path.with_name(f"{log.path.name}.torn")
    with aside.open("ab") as kept:
        kept.write(os.pread(file, size - end, end) + b"\n")
        kept.flush()
        os.fsync(kept.fileno())
    os.ftruncate(file, end)
    os.fsync(file)
    log.tell(f"{log.path}: its last line was not written to its end; it is in {aside} now, and does not count")


def _end_of_lines(file: int, size: int) -> int:
    """Offset after the last line break."""
    block, end = 4096, size
    while end:
        start = max(0, end - block)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def open_log(folder: Path, reviewer: str, tell: Callable[[str], None]) -> Log:
    """Prepare a reviewer's file in `folder` and read it; `FacesiftError` when answers could not be written there."""
    log = Log(review_file(folder, reviewer), tell)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if log.path.exists():
            os.close(os.open(log.path, os.O_WRONLY | os.O_APPEND))
    except OSError as error:
        raise FacesiftError(
            f"{error.filename or folder}: answers cannot be written there ({error.strerror}); see --answers"
        ) from error
    log.refresh()
    return log
