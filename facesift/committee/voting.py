"""From votes to decisions: *fake*, *real*, or *review* by a person."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facesift.metrics import FAKE, Confusion, Screening

DECISIONS = ("real", "fake", "review")
REVIEW = 2  # beside REAL = 0 and FAKE = 1

Votes = NDArray[np.int64]  # (images, voters), 0 = real, 1 = fake
Probabilities = NDArray[np.float64]  # (images, voters), each voter's probability of fake
Decisions = NDArray[np.int64]  # (images,), an index into DECISIONS


def any_fake(votes: Votes, _: Probabilities) -> Decisions:
    """Fake if any voter says fake.

    >>> any_fake(np.array([[0, 0], [0, 1], [1, 1]]), np.empty(0)).tolist()
    [0, 1, 1]
    """
    return votes.max(axis=1)


def majority(votes: Votes, _: Probabilities) -> Decisions:
    """Fake if at least half of the voters say fake: a tie counts as fake (recall first).

    >>> majority(np.array([[0, 0, 1], [0, 1, 1]]), np.empty(0)).tolist()
    [0, 1]
    """
    return (2 * votes.sum(axis=1) >= votes.shape[1]).astype(np.int64)


def soft(_: Votes, probabilities: Probabilities) -> Decisions:
    """Fake if the voters' mean probability of fake is at least one half."""
    return (probabilities.mean(axis=1) >= 0.5).astype(np.int64)


def unanimous(votes: Votes, _: Probabilities) -> Decisions:
    """Fake if all say fake, real if all say real; otherwise a person decides.

    >>> unanimous(np.array([[0, 0], [0, 1], [1, 1]]), np.empty(0)).tolist()
    [0, 2, 1]
    """
    return np.where(votes.min(axis=1) == votes.max(axis=1), votes.max(axis=1), REVIEW)


RULES: dict[str, Callable[[Votes, Probabilities], Decisions]] = {
    "any_fake": any_fake,
    "majority": majority,
    "soft": soft,
    "unanimous": unanimous,
}


def screen(labels: NDArray[np.int64], decisions: Decisions) -> Screening:
    """Count decisions against labels (n,): the decided images, and those sent to a person apart."""
    review = decisions == REVIEW
    return Screening(
        decided=Confusion.of(labels[~review], decisions[~review]),
        review_fake=int((review & (labels == FAKE)).sum()),
        review_real=int((review & (labels != FAKE)).sum()),
    )
