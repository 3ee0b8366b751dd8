"""From votes to decisions: a class, or *review* by a person."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facesift.core.classes import Classes
from facesift.core.counts import Confusion, DecisionCounts

REVIEW = -1  # beside the class numbers

Votes = NDArray[np.int64]  # (images, voters), class numbers
Probabilities = NDArray[np.float64]  # (images, voters, classes)
Decisions = NDArray[np.int64]  # (images,), class numbers or REVIEW


def any_fake(votes: Votes, probabilities: Probabilities, classes: Classes) -> Decisions:
    """The positive class if any voter says so, otherwise the majority's class.

    >>> fake = Classes(("real", "fake"), "fake")
    >>> any_fake(np.array([[0, 0], [0, 1], [1, 1]]), np.empty(0), fake).tolist()
    [0, 1, 1]
    """
    said = (votes == classes.number).any(axis=1)
    return np.where(said, classes.number, majority(votes, probabilities, classes))


def majority(votes: Votes, _: Probabilities, classes: Classes) -> Decisions:
    """The class with most votes; a tie goes to the positive class (recall first), else to the first class.

    >>> fake = Classes(("real", "fake"), "fake")
    >>> majority(np.array([[0, 0, 1, 0], [0, 1, 1, 0]]), np.empty(0), fake).tolist()
    [0, 1]
    """
    counts = np.stack([(votes == number).sum(axis=1) for number in range(len(classes.names))], axis=1)
    return _largest(counts, classes)


def soft(_: Votes, probabilities: Probabilities, classes: Classes) -> Decisions:
    """The class of the largest mean probability; a tie goes to the positive class."""
    return _largest(probabilities.mean(axis=1), classes)


def unanimous(votes: Votes, _: Probabilities, __: Classes) -> Decisions:
    """The class on which all voters agree; otherwise a person decides.

    >>> unanimous(np.array([[0, 0], [0, 1], [1, 1]]), np.empty(0), Classes(("real", "fake"), "fake")).tolist()
    [0, -1, 1]
    """
    return np.where(votes.min(axis=1) == votes.max(axis=1), votes.max(axis=1), REVIEW)


def _largest(values: NDArray[np.generic], classes: Classes) -> Decisions:
    tied = values[:, classes.number] == values.max(axis=1)
    return np.where(tied, classes.number, values.argmax(axis=1))


RULES: dict[str, Callable[[Votes, Probabilities, Classes], Decisions]] = {
    "any_fake": any_fake,
    "majority": majority,
    "soft": soft,
    "unanimous": unanimous,
}


def screen(labels: NDArray[np.int64], decisions: Decisions, classes: Classes) -> DecisionCounts:
    """Count decisions against labels (n,), the positive class against the rest; images sent to a person apart."""
    review, fake = decisions == REVIEW, classes.is_positive(labels)
    return DecisionCounts(
        decided=Confusion.of(fake[~review], classes.is_positive(decisions[~review])),
        review_fake=int((review & (fake == 1)).sum()),
        review_real=int((review & (fake == 0)).sum()),
    )
