"""Counts of decisions against truth, and the figures made from them. One class, fake, is the positive one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.classes import FAKE
from facesift.core.intervals import clopper_pearson


def _ratio(part: int, whole: int) -> float | None:
    """`part / whole`, or None where there is nothing to divide by: unknown is not zero."""
    return part / whole if whole else None


@dataclass(frozen=True)
class Confusion:
    """Counts of decided images: `tp` fakes called fake, `fp` reals called fake, `fn` fakes called real, `tn`.

    >>> first = Confusion(tp=64, fp=121, fn=16, tn=20279)
    >>> f"{first.precision:.2%} {first.recall:.2%} {first.f1:.2%}"
    '34.59% 80.00% 48.30%'
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, labels: NDArray[np.integer], votes: NDArray[np.integer]) -> Confusion:
        """Count `votes` against `labels`, both of shape (n,) with values `REAL` or `FAKE`."""
        if labels.shape != votes.shape:
            raise ValueError(f"{labels.shape[0]} labels but {votes.shape[0]} votes")
        fake, called = labels == FAKE, votes == FAKE
        return cls(
            tp=int((fake & called).sum()),
            fp=int((~fake & called).sum()),
            fn=int((fake & ~called).sum()),
            tn=int((~fake & ~called).sum()),
        )

    @property
    def fakes(self) -> int:
        """Number of fakes that recall rests on."""
        return self.tp + self.fn

    @property
    def reals(self) -> int:
        return self.fp + self.tn

    @property
    def recall(self) -> float | None:
        """Share of the fakes that were called fake, in [0, 1]; None without fakes."""
        return _ratio(self.tp, self.fakes)

    @property
    def precision(self) -> float | None:
        """Share of fakes among the images called fake, in [0, 1]; None when nothing was called fake."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of recall and precision, in [0, 1]; None without fakes and without calls."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def report(self) -> dict[str, Any]:
        """Counts and figures for a metrics file; intervals of the shares, F1 is none."""
        return {
            "tp": self.tp, "fp": self.fp, "fn": self.fn, "tn": self.tn,
            "fakes": self.fakes, "reals": self.reals,
            "recall": self.recall, "precision": self.precision, "f1": self.f1,
            "recall_interval": clopper_pearson(self.tp, self.fakes),
            "precision_interval": clopper_pearson(self.tp, self.tp + self.fp),
        }  # fmt: skip


@dataclass(frozen=True)
class DecisionCounts:
    """A confusion over the *decided* images, and how many fakes and reals went to a person instead.

    >>> test = DecisionCounts(Confusion(tp=55, fp=85, fn=5, tn=19859), review_fake=20, review_real=456)
    >>> test.reviewed, test.reviewed_with_alarms, f"{test.review_rate:.1%} {test.caught:.2%}"
    (476, 616, '2.3% 93.75%')
    """

    decided: Confusion
    review_fake: int
    review_real: int

    @property
    def images(self) -> int:
        return self.decided.fakes + self.decided.reals + self.reviewed

    @property
    def reviewed(self) -> int:
        """Images sent to a person."""
        return self.review_fake + self.review_real

    @property
    def reviewed_with_alarms(self) -> int:
        """Images a person sees who also checks every image decided fake."""
        return self.reviewed + self.decided.tp + self.decided.fp

    @property
    def review_rate(self) -> float | None:
        """Share of all images sent to a person, in [0, 1]."""
        return _ratio(self.reviewed, self.images)

    @property
    def caught(self) -> float | None:
        """Share of all fakes that were decided fake or sent to a person, in [0, 1]."""
        return _ratio(self.decided.tp + self.review_fake, self.decided.fakes + self.review_fake)

    def report(self) -> dict[str, Any]:
        """Counts and figures for a metrics file."""
        return self.decided.report() | {
            "review_fake": self.review_fake, "review_real": self.review_real,
            "review_rate": self.review_rate, "caught": self.caught,
            "reviewed": self.reviewed, "reviewed_with_alarms": self.reviewed_with_alarms,
            "review_rate_interval": clopper_pearson(self.reviewed, self.images),
            "caught_interval": clopper_pearson(
                self.decided.tp + self.review_fake, self.decided.fakes + self.review_fake
            ),
        }  # fmt: skip


def class_report(labels: NDArray[np.integer], decisions: NDArray[np.integer], names: tuple[str, ...]) -> dict[str, Any]:
    """Accuracy, macro averages over the classes, and recall, precision, F1 and images of each class.

    `labels` and `decisions` (n,) are class numbers; an average is over the classes for which the figure is known.
    """
    counts = {
        name: Confusion.of((labels == number).astype(np.int64), (decisions == number).astype(np.int64))
        for number, name in enumerate(names)
    }
    figures = ("recall", "precision", "f1")
    intervals = ("recall_interval", "precision_interval")
    by_class = {
        name: {key: count.report()[key] for key in (*figures, *intervals)} | {"images": count.fakes}
        for name, count in counts.items()
    }
    known = {figure: [row[figure] for row in by_class.values() if row[figure] is not None] for figure in figures}
    right = int((labels == decisions).sum())
    return {
        "accuracy": _ratio(right, len(labels)),
        "accuracy_interval": clopper_pearson(right, len(labels)),
        "macro": {figure: float(np.mean(values)) if values else None for figure, values in known.items()},
        "classes": by_class,
    }
