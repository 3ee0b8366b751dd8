"""Reviewers' answers as a table, and the consensus of several reviewers on an image."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import REVIEWS, UNDO, UNSURE, Answer, read_answers, review_files

CONSENSUS = pl.Schema(
    {
        "image_id": pl.String,
        "answer": pl.String,  # the class that counts; null where none does
        "reviewers": pl.String,  # who gave it, or else who named a class, joined by `+`; empty where nobody did
        "reviewed_at": pl.String,  # the latest of their answers; empty where nobody named a class
        "disagree": pl.Boolean,  # none counts because reviewers named different classes
        "waiting": pl.Boolean,  # none counts because a second person has to name the same class
    }
)


DIGITS = "0123456789abcdef"


@dataclass
class ActiveAnswers:
    """The answers of one reviewer that have not been taken back by `undo`.

    An `undo` takes back the latest active answer on its image, so that the answer before it is active again. An answer
    on a gold image and one on the same image in a queue are two.

    Attributes:
        answers: active answers by the number of their row.
        by_image: numbers of the active rows of each image, in order, by the image and whether it was a gold image.
        rows: rows added so far.
    """

    answers: dict[int, Answer] = field(default_factory=dict)
    by_image: dict[tuple[str, bool], list[int]] = field(default_factory=dict)
    rows: int = 0

    def add(self, row: Answer) -> None:
        """Add the next row of the reviewer's file."""
        given = self.by_image.setdefault((row.image_id, row.is_gold), [])
        if row.answer != UNDO:
            given.append(self.rows)
            self.answers[self.rows] = row
        elif given:
            del self.answers[given.pop()]
        self.rows += 1

    def of(self, image_id: str, *, gold: bool = False) -> Answer | None:
        """Return the latest active answer on an image; None without one."""
        given = self.by_image.get((image_id, gold))
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


def read_reviews(folder: Path, tell: Callable[[str], None] = _to_stderr, *, gold: bool = False) -> pl.DataFrame:
    """Read the answers of all reviewers.

    Args:
        folder: holds a CSV file per reviewer; a missing folder has no answers.
        tell: called with a message for each damaged or unfinished line, which is left out.
        gold: whether to read the answers on gold images, which measure the reviewers, in place of all others.

    Returns:
        A table `REVIEWS`: the latest answer of each reviewer on each image, sorted by image and reviewer.

    Raises:
        FacesiftError: when a CSV file is not one of answers.
    """
    rows: list[Answer] = []
    for path in review_files(folder):
        answers, problems = read_answers(path)
        rows += [row for row in latest_answers(answers) if row.is_gold == gold]
        for problem in problems:
            tell(problem)
    return pl.DataFrame(rows, REVIEWS, orient="row").sort("image_id", "reviewer")


def agreed_answer(answers: Iterable[str], *, two_persons: bool) -> str | None:
    """Return the class that counts for an image: the one rule for labels and for the queue.

    An answer `unsure` names no class. For one person: the class that all who named one named. A majority does not
    count: a third look should settle a disagreement. For two persons: the class that at least two reviewers named,
    and more of them than any other class. So a third person settles a disagreement.

    Args:
        answers: a class or `unsure` of each reviewer who answered.
        two_persons: whether two people have to agree (`review.two_persons`).

    Returns:
        The class; None while none counts.

    >>> agreed_answer(["fake"], two_persons=False), agreed_answer(["fake"], two_persons=True)
    ('fake', None)
    >>> agreed_answer(["fake", "real", "fake"], two_persons=True)
    'fake'
    """
    named = Counter(answer for answer in answers if answer != UNSURE).most_common()
    if not named:
        return None
    answer, persons = named[0]
    others = named[1][1] if len(named) > 1 else 0
    return answer if (persons >= 2 and persons > others if two_persons else not others) else None


def find_consensus(reviews: pl.DataFrame, *, two_persons: bool = False) -> pl.DataFrame:
    """Combine the answers of several reviewers on an image by the rule of `agreed_answer`.

    Args:
        reviews: answers with the columns `REVIEWS`, one row per image and reviewer.
        two_persons: whether two people have to agree (`review.two_persons`).

    Returns:
        A table `CONSENSUS`, one row per image, sorted by `image_id`.
    """
    given = reviews.sort("image_id", "reviewer").group_by("image_id", maintain_order=True)
    rows = given.agg("answer", "reviewer", "at").iter_rows()
    return pl.DataFrame([_combine(*row, two_persons=two_persons) for row in rows], CONSENSUS, orient="row")


def _combine(
    image_id: str, answers: list[str], reviewers: list[str], times: list[str], *, two_persons: bool
) -> tuple[str, str | None, str, str, bool, bool]:
    agreed = agreed_answer(answers, two_persons=two_persons)
    named = set(answers) - {UNSURE}
    counted = {agreed} if agreed else named
    who = [(reviewer, at) for answer, reviewer, at in zip(answers, reviewers, times, strict=True) if answer in counted]
    latest = max((at for _, at in who), default="")
    open_ = agreed is None
    return (
        image_id, agreed, "+".join(reviewer for reviewer, _ in who), latest, open_ and len(named) > 1,
        open_ and len(named) == 1,
    )  # fmt: skip


def likely_damaged(image_ids: Iterable[str], reviews: pl.DataFrame) -> list[str]:
    """Say which answers are on no image here, but on an id that differs from an image's in one digit.

    Ids are hashes: two that differ in one digit are no accident. Newer answers have a checksum; this is for the others.

    Args:
        image_ids: of the images.
        reviews: answers with the columns `REVIEWS`.

    Returns:
        A sentence for each.
    """
    known = set(image_ids)
    told = []
    for image_id, reviewer in reviews.select("image_id", "reviewer").iter_rows():
        if image_id in known:
            continue
        near = {image_id[:at] + digit + image_id[at + 1 :] for at in range(len(image_id)) for digit in DIGITS} & known
        told += [
            f"data/reviews/{reviewer}.csv: the answer on {image_id} is probably on {each}, and damaged; "
            "`git diff data/reviews` shows what changed"
            for each in sorted(near)
        ]
    return told


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
