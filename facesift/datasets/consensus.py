"""What people say of an image together: the answer they all give, or none."""

from __future__ import annotations

import polars as pl

from facesift.core.errors import FacesiftError
from facesift.datasets.reviews import UNSURE

CONSENSUS = pl.Schema(
    {
        "image_id": pl.String,
        "answer": pl.String,  # a class; null where nobody decided or they disagree
        "reviewers": pl.String,  # who decided, joined by `+`; empty where nobody did
        "reviewed_at": pl.String,  # the latest of their answers; empty where nobody decided
        "disagree": pl.Boolean,
    }
)


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
