"""One reviewer's file of answers while the page is in use: reads what was added, appends durably."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.core.parts import lock_for_writing
from facesift.datasets.review_files import CHECKED, Answer, check_header, format_row, parse_lines, review_file
from facesift.datasets.reviews import ActiveAnswers

HEADER = ",".join(CHECKED).encode() + b"\n"
FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)  # of Unix; of Windows
TAIL = 64  # bytes before the end of the last read that must still be the same; else the file was rewritten


@dataclass
class AnswerLog:
    """The answers in one reviewer's file; `refresh` brings them up to date.

    Attributes:
        path: The CSV file.
        report_problem: Called with a message for each damaged line.
        active: The answers that were not taken back.
    """

    path: Path
    report_problem: Callable[[str], None]
    active: ActiveAnswers = field(default_factory=ActiveAnswers)
    _lines: int = 0
    _read: int = 0  # bytes
    _tail: bytes = b""
    _version: tuple[int, ...] = ()
    _checked: bool = True  # rows have checksums

    def refresh(self) -> None:
        """Read the lines that were added since the last call; read all again if the file was replaced or rewritten.

        Raises:
            FacesiftError: The file cannot be read, or is not a file of answers.
        """
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                version = (status.st_ino, status.st_size, status.st_mtime_ns)
                if version == self._version:
                    return
                file.seek(max(0, self._read - TAIL))
                if not self._read or file.read(len(self._tail)) != self._tail:
                    self._reset()
                    file.seek(0)
                self._parse(file.read())
                self._version = version
        except FileNotFoundError:
            self._reset()
        except OSError as error:
            raise FacesiftError(f"{self.path}: cannot be read ({error.strerror})") from error

    def _reset(self) -> None:
        self.active = ActiveAnswers()
        self._lines = self._read = 0
        self._tail, self._version = b"", ()

    def _parse(self, data: bytes) -> None:
        """Add the whole lines of `data`, the bytes after the last read; an incomplete last line is left for later."""
        whole = data[: data.rfind(b"\n") + 1]
        lines = whole.decode("utf-8", "replace").split("\n")[:-1]
        if lines and not self._lines:
            self._checked = check_header(self.path, lines[0])
        fresh = lines if self._lines else lines[1:]
        answers, problems = parse_lines(self.path, fresh, first=max(self._lines, 1) + 1, checked=self._checked)
        for problem in problems:
            self.report_problem(problem)
        for answer in answers:
            self.active.add(answer)
        self._lines += len(lines)
        self._read += len(whole)
        self._tail = (self._tail + whole)[-TAIL:]


@contextmanager
def locked_append(log: AnswerLog) -> Iterator[Callable[[Answer], None]]:
    """Lock the file, bring `log` up to date, and give the function that appends one answer durably.

    Other servers that write the same file wait meanwhile. An incomplete last line is moved to another file first.

    Raises:
        OSError: The answer could not be written, for example on a full disk; the file does not hold it.
    """
    with _locked(log.path) as file:
        _move_torn_line(log, file)
        log.refresh()
        yield lambda answer: _append(file, answer)
        log.refresh()


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    while True:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | FLAGS, 0o600)
        try:
            lock_for_writing(file)
            if _is_still(path, file):
                yield file
                return
        finally:
            os.close(file)  # also releases the lock


def _is_still(path: Path, file: int) -> bool:
    """Return whether `path` still names the open file: it may have been replaced before the lock was granted."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _append(file: int, answer: Answer) -> None:
    """Append one line, after the header in a new file, and wait until it is on the disk."""
    size = os.fstat(file).st_size
    checked = not size or os.pread(file, len(HEADER), 0) == HEADER  # an older version began the file without
    line = format_row(answer, checked=checked).encode()
    try:
        _write(file, line if size else HEADER + line)
    except OSError:
        os.ftruncate(file, size)
        raise


def _write(file: int, data: bytes) -> None:
    written = os.write(file, data)
    while written < len(data):  # the disk became full in the middle; the next write raises the error
        written += os.write(file, data[written:])
    os.fsync(file)


def _move_torn_line(log: AnswerLog, file: int) -> None:
    """Move what follows the last line break to `<name>.csv.torn`; a power cut leaves such an incomplete line."""
    size = os.fstat(file).st_size
    end = _end_of_lines(file, size)
    if end == size:
        return
    aside = log.path.with_name(f"{log.path.name}.torn")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_APPEND | os.O_CREAT | FLAGS, 0o600), "ab") as kept:
        kept.write(_read_at(file, size - end, end) + b"\n")
        kept.flush()
        os.fsync(kept.fileno())
    os.ftruncate(file, end)
    os.fsync(file)
    log.report_problem(f"{log.path}: its last line was not written to its end; it does not count and is now in {aside}")


def _read_at(file: int, length: int, start: int) -> bytes:
    os.lseek(file, start, os.SEEK_SET)  # Windows has no pread; what is written is appended, wherever this leads
    return os.read(file, length)


def _end_of_lines(file: int, size: int) -> int:
    """Return the offset after the last line break."""
    block, end = 4096, size
    while end:
        start = max(0, end - block)
        found = _read_at(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def open_answer_log(folder: Path, reviewer: str, report_problem: Callable[[str], None]) -> AnswerLog:
    """Read a reviewer's file, and check that answers can be written to it.

    Args:
        folder: Folder of the answers; it is created if it is missing.
        reviewer: Name of the reviewer, which becomes the file's name.
        report_problem: Called with a message for each damaged line.

    Raises:
        FacesiftError: The name cannot be a file name, or the file or folder cannot be written or read.
    """
    log = AnswerLog(review_file(folder, reviewer), report_problem)
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
