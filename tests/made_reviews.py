"""Answers of reviewers, as `facesift review` writes them."""

from pathlib import Path

import polars as pl

from facesift.datasets.review_files import REVIEWS, Answer, format_row, review_file

AT = "2026-11-23T09:30:00Z"


def answer(image: str, said: str, who: str = "anna", at: str = AT, seconds: float = 4.0) -> Answer:
    return Answer(image, said, who, at, seconds, "review", 0.25)


def table(*answers: Answer) -> pl.DataFrame:
    """What `read_reviews` makes of the answers."""
    return pl.DataFrame(answers, REVIEWS, orient="row").sort("image_id", "reviewer")


def write(folder: Path, *answers: Answer) -> None:
    """Each reviewer's file with the answers in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in {each.reviewer for each in answers}:
        lines = [format_row(each) for each in answers if each.reviewer == name]
        review_file(folder, name).write_text(",".join(REVIEWS) + "\n" + "".join(lines))
