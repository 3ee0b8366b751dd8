"""Reviewers' files of answers, one CSV file a person: names, rows, header, reading.

`facesift review` writes them. A row is one person's answer on one image. The answer `undo` takes back that person's
latest answer on the image that still stands. Rows are only ever added, so their order is the order of the answers. A
row counts once its line break is written: a line that a power cut left unfinished is no answer. A row ends with its
CRC-32, so that a changed digit is noticed; files that older versions began have none.
"""

from __future__ import annotations

import csv
import io
import math
import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from facesift.core.errors import FacesiftError

REVIEWS = pl.Schema(
    {
        "image_id": pl.String,
        "answer": pl.String,  # a class name, or `UNSURE`
        "reviewer": pl.String,  # also the name of the file
        "at": pl.String,  # UTC, 2026-11-23T09:30:00Z: compares as text
        "seconds": pl.Float64,  # that the image was looked at
        "decision": pl.String,  # of the committee: a class name or `review`; empty where it gave none; or `GOLD`
        "probability": pl.Float64,  # of older answers; null in new ones, for the file does not say its share of fakes
    }
)
COLUMNS = list(REVIEWS)
CHECKED = [*COLUMNS, "crc32"]  # header of newer files: each row ends with a checksum of what is before it
UNSURE, UNDO = "unsure", "undo"
GOLD = "gold"  # in place of the decision: the image was mixed in because its label is known
RESERVED = (UNSURE, UNDO, GOLD)  # no class may be called so
REVIEWER = re.compile(r"\w[\w.-]{0,63}")  # a file name everywhere
IMAGE_ID = re.compile(r"[0-9a-f]{32}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Answer(NamedTuple):
    """One row of a reviewer's file. The fields are the columns of `REVIEWS`.

    Attributes:
        image_id: the image.
        answer: a class name, `UNSURE` or `UNDO`.
        reviewer: name of the person, and of the file.
        at: time of the answer in UTC, such as 2026-11-23T09:30:00Z.
        seconds: how long the image was looked at.
        decision: the committee's decision: a class name or `review`; empty without one. `GOLD` for an image with a
            known label, which was mixed in to measure the reviewer.
        probability: in older files the committee's calibrated probability of the positive class, in [0, 1]. New answers
            have None: a probability means nothing without the share of fakes that it holds for, and the decisions table
            has both.
    """

    image_id: str
    answer: str
    reviewer: str
    at: str
    seconds: float
    decision: str
    probability: float | None = None

    @property
    def is_gold(self) -> bool:
        """Whether the image was mixed in to measure the reviewer: the answer never becomes a label."""
        return self.decision == GOLD


def review_file(folder: Path, reviewer: str) -> Path:
    """Return the path of a reviewer's file; raise `FacesiftError` for a name that cannot be a file name."""
    if not REVIEWER.fullmatch(reviewer):
        raise FacesiftError(
            f"reviewer {reviewer!r}: use 1 to 64 letters, digits, `.`, `_` or `-`, first a letter or digit"
        )
    return folder / f"{reviewer}.csv"


def review_files(folder: Path) -> list[Path]:
    """Return the reviewers' files in a folder, in the order of their names; none where there is no folder."""
    return sorted(path for path in folder.glob("*.csv") if REVIEWER.fullmatch(path.stem))


def format_row(answer: Answer, *, checked: bool = True) -> str:
    r"""Write an answer as one line of CSV with its line break.

    Args:
        answer: to write.
        checked: end the line with its checksum; False for files whose header has no column for it.

    Raises:
        ValueError: when `parse_row` would not read the same answer back.

    >>> format_row(Answer("0" * 32, "fake", "anna", "2026-11-23T09:30:00Z", 2.5, "review", 0.25)).split(",", 1)[1]
    'fake,anna,2026-11-23T09:30:00Z,2.5,review,0.25,54e3d7d4\n'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(["" if value is None else value for value in answer])
    line = text.getvalue()
    if parse_row(line) != answer:
        raise ValueError(f"{answer} does not survive being written")
    return f"{line},{_checksum(line)}\n" if checked else f"{line}\n"


def _checksum(line: str) -> str:
    return f"{zlib.crc32(line.encode('utf-8', 'surrogatepass')):08x}"


def parse_row(line: str, *, checked: bool = False) -> Answer:
    """Read one line of CSV, without its line break.

    Args:
        line: the line.
        checked: it must end with its checksum; otherwise it may.

    Raises:
        ValueError: what is wrong with the line.

    >>> parse_row("0000,fake")
    Traceback (most recent call last):
    ValueError: 2 fields instead of 7
    """
    try:
        fields = next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise ValueError(f"not a line of CSV: {error}") from error
    if checked or len(fields) == len(CHECKED):
        _check_sum(line, fields)
        fields.pop()
    if len(fields) != len(COLUMNS):
        raise ValueError(f"{len(fields)} fields instead of {len(COLUMNS)}")
    image_id, answer, reviewer, at, seconds, decision, probability = fields
    row = Answer(image_id, answer, reviewer, at, float(seconds), decision, float(probability) if probability else None)
    _check(row)
    return row


def _check_sum(line: str, fields: list[str]) -> None:
    if len(fields) != len(CHECKED):
        raise ValueError(f"{len(fields)} fields instead of {len(CHECKED)}")
    if fields[-1] != (right := _checksum(line.rstrip("\r").rpartition(",")[0])):
        raise ValueError(f"damaged: its crc32 is {fields[-1]!r}, and that of the rest of the line {right}")


def _check(row: Answer) -> None:
    if not IMAGE_ID.fullmatch(row.image_id):
        raise ValueError(f"image_id {row.image_id!r} is not 32 hexadecimal digits")
    if not row.answer or any(CONTROL.search(text) for text in (row.answer, row.decision)):
        raise ValueError(f"answer {row.answer!r} or decision {row.decision!r} is empty or has control characters")
    if not INSTANT.fullmatch(row.at):
        raise ValueError(f"at {row.at!r} is not like 2026-11-23T09:30:00Z")
    if not (math.isfinite(row.seconds) and row.seconds >= 0):
        raise ValueError(f"seconds {row.seconds} is not 0 or more")
    if row.probability is not None and not 0 <= row.probability <= 1:
        raise ValueError(f"probability {row.probability} is not in [0, 1]")


def check_header(path: Path, header: str) -> bool:
    """Return whether the rows of a file have checksums.

    Args:
        path: the file, for messages.
        header: its first line without its line break.

    Raises:
        FacesiftError: when the header does not name the right columns.
    """
    named = header.removeprefix("\ufeff").rstrip("\r").split(",")
    if named not in (COLUMNS, CHECKED):
        raise FacesiftError(
            f"{path}: not a file of answers: its first line is {header[:80]!r}, not {','.join(CHECKED)!r}"
        )
    return named == CHECKED


def parse_lines(
    path: Path, lines: Iterable[str], first: int = 2, *, checked: bool = False
) -> tuple[list[Answer], list[str]]:
    """Read whole lines that follow the header of a reviewer's file.

    Args:
        path: the file, for messages; its name is the reviewer's.
        lines: the lines, without line breaks.
        first: number of the first of them.
        checked: whether each must end with its checksum, as `check_header` says.

    Returns:
        The answers, and a message for each line that is damaged or names another reviewer; it is left out.
    """
    answers, problems = [], []
    for number, line in enumerate(lines, first):
        try:
            row = parse_row(line, checked=checked)
            if row.reviewer != path.stem:
                raise ValueError(f"it is of reviewer {row.reviewer!r}, in the file of {path.stem!r}")  # noqa: TRY301
            answers.append(row)
        except ValueError as error:
            problems.append(f"{path}: line {number} is left out: {error}")
    return answers, problems


def read_answers(path: Path) -> tuple[list[Answer], list[str]]:
    """Read all rows of one reviewer's file in their order, those taken back and `UNDO` included.

    Returns:
        The answers, and a message for each line that is left out.

    Raises:
        FacesiftError: when the file cannot be read or has another header.
    """
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be read ({error.strerror})") from error
    *lines, torn = text.split("\n")
    if not lines:
        return [], [f"{path}: no whole line yet"] if torn else []
    answers, problems = parse_lines(path, lines[1:], checked=check_header(path, lines[0]))
    if torn:
        problems.append(f"{path}: line {len(lines) + 1} is left out: it was not written to its end")
    return answers, problems
