"""Reviewers' answers as a table, and the consensus of several reviewers on an image."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import REVIEWS, UNDO, UNSURE, Answer, read_answers, review_files

CONSENSUS = pl.Schema(
    {
        "image_id": pl.String,
        "answer": pl.String,  # a class; null where nobody decided or they disagree
        "reviewers": pl.String,  # who decided, joined by `+`; empty where nobody did
        "reviewed_at": pl.String,  # the latest of their answers; empty where nobody decided
        "disagree": pl.Boolean,
    }
)


@dataclass
class ActiveAnswers:
    """The answers of one reviewer that have not been taken back by `undo`.

    An `undo` takes back the latest active answer on its image, so that the answer before it is active again.

    Attributes:
        answers: active answers by the number of their row.
        by_image: numbers of the active rows of each image, in order.
        rows: rows added so far.
    """

    answers: dict[int, Answer] = field(default_factory=dict)
    by_image: dict[str, list[int]] = field(default_factory=dict)
    rows: int = 0

    def add(self, row: Answer) -> None:
        """Add the next row of the reviewer's file."""
        given = self.by_image.setdefault(row.image_id, [])
        if row.answer != UNDO:
            given.append(self.rows)
            self.answers[self.rows] = row
        elif given:
            del self.answers[given.pop()]
        self.rows += 1

    def of(self, image_id: str) -> Answer | None:
        """Return the latest active answer on an image; None without one."""
        given = self.by_image.get(image_id)
        return self.answers[given[-1]] if given else None

    def latest(self) -> Iterator[Answer]:
        """Yield the latest active answer on each image."""
        return (self.answers[given[-1]] for given in self.by_image.values() if given)


def latest_answers(rows: Iterable[Answer]) -> list[Answer]:
    """Reduce a reviewer's rows to one answer per image.

    Args:
        rows: all rows of one reviewer's file, in order.

    Returns:
        The latest answer on each image that has not been taken back.
    """
    active = ActiveAnswers()
    for row in rows:
        active.add(row)
    return list(active.latest())


def _to_stderr(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def read_reviews(folder: Path, tell: Callable[[str], None] = _to_stderr) -> pl.DataFrame:
    """Read the answers of all reviewers.

    Args:
        folder: holds a CSV file per reviewer; a missing folder has no answers.
        tell: called with a message for each damaged or unfinished line, which is left out.

    Returns:
        A table `REVIEWS`: the latest answer of each reviewer on each image, sorted by image and reviewer.

    Raises:
        FacesiftError: when a CSV file is not one of answers.
    """
    rows: list[Answer] = []
    for path in review_files(folder):
        answers, problems = read_answers(path)
        rows += latest_answers(answers)
        for problem in problems:
            tell(problem)
    return pl.DataFrame(rows, REVIEWS, orient="row").sort("image_id", "reviewer")


def find_consensus(reviews: pl.DataFrame) -> pl.DataFrame:
    """Combine the answers of several reviewers on an image.

    Who is unsure does not count: one `fake` and one `unsure` are a `fake`. Where reviewers disagree there is no answer,
    however many there are on each side: a third look should settle it, not a majority.

    Args:
        reviews: answers with the columns `REVIEWS`, one row per image and reviewer.

    Returns:
        A table `CONSENSUS`, one row per image, sorted by `image_id`.
    """
    decided = pl.col("answer") != UNSURE
    said = pl.col("answer").filter(decided)
    table = reviews.sort("image_id", "reviewer").group_by("image_id", maintain_order=True).agg(
        answer=pl.when(said.n_unique() == 1).then(said.first()),
        reviewers=pl.col("reviewer").filter(decided).str.join("+"),
        reviewed_at=pl.col("at").filter(decided).max().fill_null(""),
        disagree=said.n_unique() > 1,
    )  # fmt: skip
    return table.cast(CONSENSUS)


def check_answers(images: pl.DataFrame, reviews: pl.DataFrame, classes: tuple[str, ...]) -> None:
    """Check that all answers on a study's images are among its classes.

    Args:
        images: the study's images (image_id).
        reviews: answers with the columns `REVIEWS`, on these and other images.
        classes: names of the classes.

    Raises:
        FacesiftError: for the first answer that is neither a class nor `unsure`.
    """
    here = reviews.join(images.select("image_id"), on="image_id", how="semi")
    strange = here.filter(~pl.col("answer").is_in([*classes, UNSURE]))
    if not strange.is_empty():
        row = strange.row(0, named=True)
        raise FacesiftError(
            f"data/reviews/{row['reviewer']}.csv: image {row['image_id']} is called {row['answer']!r}, which is not "
            f"one of {list(classes)} or {UNSURE}"
        )
