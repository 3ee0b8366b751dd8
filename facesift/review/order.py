"""The order of the review queue: by suspicion, or by how much an answer tells."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.classes import Classes

VOTE = "vote_"  # columns of the votes start with it
STACKER_VOTE = "vote_stacker"
SMALLEST = 1e-9  # probabilities are clipped to this distance from 0 and 1

Order = Literal["suspicion", "information"]


def in_order(rows: pl.DataFrame, decisions: pl.DataFrame, order: Order, classes: Classes) -> pl.DataFrame:
    """Sort the images of a queue; images without a probability come last. The order is the same for all reviewers.

    `information`: first the images on which the voters disagree most, by the entropy of their votes (query by
    committee; Dagan and Engelson 1995); among equal ones those nearest to the threshold (uncertainty sampling; Lewis
    and Gale 1994).

    Args:
        rows: The queue: probability, vote_<voter> ..., already in an order that breaks ties.
        decisions: All rows of the decisions table, which tell the threshold.
        order: `suspicion`: the highest probability first; `information`: see above.
        classes: The class names.
    """
    if order == "suspicion":
        return rows.sort("probability", descending=True, nulls_last=True, maintain_order=True)
    distance = (_log_odds(rows) - _stacker_threshold(decisions, classes)).abs()
    keyed = rows.with_columns(unknown=distance.is_null(), entropy=_vote_entropy(rows, classes), distance=distance)
    keys = ["unknown", "entropy", "distance"]
    return keyed.sort(keys, descending=[False, True, False], maintain_order=True).drop(keys)


def _vote_entropy(rows: pl.DataFrame, classes: Classes) -> pl.Series:
    """Entropy of each image's votes; 0 if all voters agree. Rounded, so that equal votes are equal."""
    votes = [rows[column] for column in rows.columns if column.startswith(VOTE)]
    none = np.zeros(rows.height, np.int64)
    counts = np.stack([sum(((vote == name).to_numpy() for vote in votes), none) for name in classes.names], axis=1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return pl.Series((-shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1).round(9) + 0.0)


def _log_odds(rows: pl.DataFrame) -> pl.Series:
    probability = rows["probability"].clip(SMALLEST, 1 - SMALLEST)
    return (probability / (1 - probability)).log()


def _stacker_threshold(decisions: pl.DataFrame, classes: Classes) -> float:
    """Return the log-odds at which the stacked ensemble changes its vote; 0 (50 %) without its votes.

    The calibration keeps the order of the scores, so the table shows the threshold: it is between the highest
    probability with a vote against the positive class and the lowest one with a vote for it.
    """
    known = decisions.drop_nulls("probability")
    if STACKER_VOTE not in known.columns or known.is_empty():
        return 0.0
    votes: NDArray[np.bool_] = (known[STACKER_VOTE] == classes.positive).to_numpy()
    log_odds = _log_odds(known).to_numpy()
    ends = [log_odds[~votes].max(initial=-np.inf), log_odds[votes].min(initial=np.inf)]
    inner = [float(end) for end in ends if np.isfinite(end)]
    return sum(inner) / len(inner)
