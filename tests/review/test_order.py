"""The order of the queue, by hand."""

import polars as pl

from facesift.core.classes import Classes
from facesift.review.order import in_order

CLASSES = Classes(("real", "fake"), "fake")


def queue(*images):
    """Rows of (name, probability, votes of a, b, c, stacker as letters)."""
    words = {"f": "fake", "r": "real", "-": ""}
    columns = {
        "image_id": [name for name, _, _ in images],
        "probability": [probability for _, probability, _ in images],
    }
    voters = ["vote_a", "vote_b", "vote_c", "vote_stacker"]
    votes = {voter: [words[said[at]] for _, _, said in images] for at, voter in enumerate(voters)}
    return pl.DataFrame(
        columns | votes, {"image_id": pl.String, "probability": pl.Float64} | dict.fromkeys(voters, pl.String)
    )


def names(rows, order, decisions=None):
    return "".join(in_order(rows, rows if decisions is None else decisions, order, CLASSES)["image_id"])


ROWS = queue(
    ("a", 0.9, "ffff"), ("b", 0.01, "ffrr"), ("c", 0.2, "fffr"), ("d", 0.6, "rrrf"), ("e", None, "ffrr"),
    ("f", 0.3, "rrrr"),
)  # fmt: skip


def test_by_suspicion_the_highest_probability_comes_first():
    assert names(ROWS, "suspicion") == "adfcbe"


def test_by_information_the_voters_that_disagree_most_come_first_and_unknown_ones_last():
    assert names(ROWS, "information") == "bdcfae"


def test_among_equal_votes_the_nearest_to_the_threshold_comes_first():
    """The stacker changes its vote between 2 % and 4 %, far from 50 %."""
    rows = queue(("a", 0.9, "ffff"), ("b", 0.04, "ffff"), ("c", 0.001, "rrrr"), ("d", 0.02, "rrrr"))
    assert set(names(rows, "information")[:2]) == {"b", "d"}
    assert names(rows, "information")[2:] == "ca"


def test_the_threshold_is_that_of_the_whole_table():
    """All of it has the threshold between 80 and 85 %, to which 90 % is nearer than 50 %."""
    rows = queue(("b", 0.5, "rrrr"), ("a", 0.9, "ffff"))
    decisions = pl.concat([rows, queue(("x", 0.85, "ffff"), ("y", 0.8, "rrrr"))])
    assert names(rows, "information", decisions) == "ab"


def test_votes_that_are_missing_do_not_count():
    rows = queue(("a", 0.5, "ff--"), ("b", 0.5, "fr--"))
    assert names(rows, "information") == "ba"


def test_a_table_without_votes_is_sorted_by_the_distance_from_a_half():
    rows = queue(("a", 0.9, "----"), ("b", 0.4, "----")).select("image_id", "probability")
    assert names(rows, "information") == "ba"
