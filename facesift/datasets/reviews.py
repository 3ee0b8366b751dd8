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
    """The answers of one file that no later `UNDO` took back, by the number of their row.

    An `UNDO` takes back the last standing answer on its image, so that the answer before it stands again.
    """

    answers: dict[int, Answer] = field(default_factory=dict)
    by_image: dict[str, list[int]] = field(default_factory=dict)
    rows: int = 0

    def add(self, row: Answer) -> None:
        """Take in the next row of the file."""
        given = self.by_image.setdefault(row.image_id, [])
        if row.answer != UNDO:
            given.append(self.rows)
            self.answers[self.rows] = row
        elif given:
            del self.answers[given.pop()]
        self.rows += 1

    def of(self, image_id: str) -> Answer | None:
        """Return the answer that counts for an image: the last one that stands."""
        given = self.by_image.get(image_id)
        return self.answers[given[-1]] if given else None

    def latest(self) -> Iterator[Answer]:
        """Yield the answer that counts for each image."""
        return (self.answers[given[-1]] for given in self.by_image.values() if given)


def latest_answers(rows: Iterable[Answer]) -> list[Answer]:
    """Return the answer that counts for each image of one file, out of all its rows in their order."""
    active = ActiveAnswers()
    for row in rows:
        active.add(row)
    return list(active.latest())


def _to_stderr(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def read_reviews(folder: Path, tell: Callable[[str], None] = _to_stderr) -> pl.DataFrame:
    """Read all reviewers' counting answers: a table `REVIEWS`, one row an image and reviewer, in this order.

    Lines that are damaged or torn are left out, and `tell` hears of each. A missing folder is an empty table. Raises
    `FacesiftError` for a CSV file that is not one of answers.
    """
    rows: list[Answer] = []
    for path in review_files(folder):
        answers, problems = read_answers(path)
        rows += latest_answers(answers)
        for problem in problems:
            tell(problem)
    return pl.DataFrame(rows, REVIEWS, orient="row").sort("image_id", "reviewer")


def find_consensus(reviews: pl.DataFrame) -> pl.DataFrame:
    """Turn answers (`reviews.REVIEWS`, one row an image and reviewer) into one row an image, sorted by `image_id`.

    Who is unsure says nothing: one `fake` and one `unsure` are a `fake`. Reviewers who disagree decide nothing, however
    many there are on each side: a third look, not a majority, settles what two people see differently.
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
    """Raise `FacesiftError` for an answer on one of `images` (image_id) that is neither a class nor `unsure`."""
    here = reviews.join(images.select("image_id"), on="image_id", how="semi")
    strange = here.filter(~pl.col("answer").is_in([*classes, UNSURE]))
    if not strange.is_empty():
        row = strange.row(0, named=True)
        raise FacesiftError(
            f"data/reviews/{row['reviewer']}.csv: image {row['image_id']} is called {row['answer']!r}, which is not "
            f"one of {list(classes)} or {UNSURE}"
        )
