"""The columns of the decisions table: what is known of an image, what was decided, and the decision log."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import polars as pl

from facesift.images.quality import QUALITIES

VOTE, SAID = "vote_", "probability_"  # and a voter's name behind
# The decision log: when, by what and how the row was decided. The same for all rows of a run, but for the time.
LOG = pl.Schema(
    {
        "time": pl.String,  # UTC, ISO 8601, when the batch was decided; null with --no-time
        "bundle": pl.String,  # see `bundle.card.bundle_hash`
        "rule": pl.String,  # a voting rule, or `point:` and an operating point
        "lo": pl.Float64,  # of an operating point: decided otherwise below this probability; null for a voting rule
        "hi": pl.Float64,  # of an operating point: decided positive from this probability on
        "prevalence": pl.Float64,  # share of the positive class at which `probability` holds; null: no known share
        "facesift": pl.String,  # version of the program
    }
)
POINT = "point:"  # before the name of an operating point in the column `rule`

Tables = Generator[pl.DataFrame, None, None]


def image_schema(voters: Iterable[str]) -> pl.Schema:
    """Columns that are about the image and its decision; what is unknown is null."""
    names = tuple(voters)
    return pl.Schema(
        {
            "image": pl.String,  # as the user named it; a file in a zip is path/to.zip!inner/path.jpg
            "image_id": pl.String,
            "decision": pl.String,  # a class, `review`, or null when not scored
            "probability": pl.Float64,  # calibrated, of the positive class
            **{f"{VOTE}{voter}": pl.String for voter in names},
            **{f"{SAID}{voter}": pl.Float64 for voter in names},  # not calibrated, of the positive class
            "reason": pl.String,  # why it is not scored, or why a person decides it whatever the votes; else null
            "quality": pl.String,  # why it is a bad photo; null for a good one, and where the bundle does not look
            "width": pl.Int64,  # upright, as in the file
            "height": pl.Int64,
            "bytes": pl.Int64,
            **dict.fromkeys(QUALITIES, pl.Float64),  # of the square that the members saw
        }
    )


def decisions_schema(voters: Iterable[str]) -> pl.Schema:
    """Columns of the decisions table: a row an image; what is unknown is null.

    >>> decisions_schema(["stacker"]).names()[:5]
    ['image', 'image_id', 'decision', 'probability', 'vote_stacker']
    """
    return pl.Schema({**image_schema(voters), **LOG})
