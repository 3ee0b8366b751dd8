"""Counts of decisions against labels, and the recall, precision and review rate they give. Fake is positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.classes import FAKE
from facesift.core.intervals import clopper_pearson, design_effect_of


def _ratio(part: int, whole: int) -> float | None:
    """`part / whole`, or None where there is nothing to divide by: unknown is not zero."""
    return part / whole if whole else None


@dataclass(frozen=True)
class DesignEffects:
    """How many images are worth one independent image, for each number that a share is taken of.

    Attributes:
        fakes: of the fakes, at least 1.
        reals: of the reals.
        called: of the images called fake.
        images: of all images.
    """

    fakes: float = 1.0
    reals: float = 1.0
    called: float = 1.0
    images: float = 1.0

    @classmethod
    def of(cls, fake: NDArray[np.bool_], called: NDArray[np.bool_], groups: NDArray[Any] | None) -> DesignEffects:
        """Compute them from the groups (n,) of n images; without groups every image stands for itself."""
        if groups is None:
            return UNGROUPED
        parts = (groups[fake], groups[~fake], groups[called], groups)
        return cls(*(design_effect_of(part) for part in parts))


UNGROUPED = DesignEffects()


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of decided images.

    Attributes:
        tp: fakes called fake.
        fp: reals called fake.
        fn: fakes called real.
        tn: reals called real.
        effects: design effects of the groups that the decided images come in.

    >>> first = Confusion(tp=64, fp=121, fn=16, tn=20279)
    >>> f"{first.precision:.2%} {first.recall:.2%} {first.f1:.2%}"
    '34.59% 80.00% 48.30%'
    """

    tp: int
    fp: int
    fn: int
    tn: int
    effects: DesignEffects = UNGROUPED

    @classmethod
    def of(
        cls, labels: NDArray[np.integer], votes: NDArray[np.integer], groups: NDArray[Any] | None = None
    ) -> Confusion:
        """Count votes against labels.

        Args:
            labels: shape (n,), `REAL` or `FAKE`.
            votes: shape (n,), `REAL` or `FAKE`.
            groups: groups of images that are no independent evidence, shape (n,); None: there are none.

        Raises:
            ValueError: when the shapes differ.
        """
        if labels.shape != votes.shape:
            raise ValueError(f"{labels.shape[0]} labels but {votes.shape[0]} votes")
        fake, called = labels == FAKE, votes == FAKE
        return cls(
            tp=int((fake & called).sum()),
            fp=int((~fake & called).sum()),
            fn=int((fake & ~called).sum()),
            tn=int((~fake & ~called).sum()),
            effects=DesignEffects.of(fake, called, groups),
        )

    @property
    def fakes(self) -> int:
        """Number of fakes: the denominator of recall."""
        return self.tp + self.fn

    @property
    def reals(self) -> int:
        """Number of reals."""
        return self.fp + self.tn

    @property
    def recall(self) -> float | None:
        """Share of the fakes that are called fake, in [0, 1]; None without fakes."""
        return _ratio(self.tp, self.fakes)

    @property
    def precision(self) -> float | None:
        """Share of fakes among the images called fake, in [0, 1]; None when no image is called fake."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of recall and precision, in [0, 1]; None without fakes and images called fake."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def report(self) -> dict[str, Any]:
        """Return counts and figures for a metrics file, with confidence intervals of recall and precision."""
        return {
            "tp": self.tp, "fp": self.fp, "fn": self.fn, "tn": self.tn,
            "fakes": self.fakes, "reals": self.reals,
            "recall": self.recall, "precision": self.precision, "f1": self.f1,
            "recall_interval": clopper_pearson(self.tp, self.fakes, design_effect=self.effects.fakes),
            "precision_interval": clopper_pearson(self.tp, self.tp + self.fp, design_effect=self.effects.called),
        }  # fmt: skip


@dataclass(frozen=True)
class DecisionCounts:
    """Counts of decisions fake, real and review.

    Attributes:
        decided: the confusion matrix of the images decided fake or real.
        review_fake: fakes sent to a person.
        review_real: reals sent to a person.
        effects: design effects of all images, those sent to a person among them.

    >>> test = DecisionCounts(Confusion(tp=55, fp=85, fn=5, tn=19859), review_fake=20, review_real=456)
    >>> test.reviewed, test.reviewed_with_alarms, f"{test.review_rate:.1%} {test.caught:.2%}"
    (476, 616, '2.3% 93.75%')
    """

    decided: Confusion
    review_fake: int
    review_real: int
    effects: DesignEffects = UNGROUPED

    @property
    def images(self) -> int:
        """Number of images."""
        return self.decided.fakes + self.decided.reals + self.reviewed

    @property
    def reviewed(self) -> int:
        """Number of images sent to a person."""
        return self.review_fake + self.review_real

    @property
    def reviewed_with_alarms(self) -> int:
        """Number of images sent to a person who also checks every image decided fake."""
        return self.reviewed + self.decided.tp + self.decided.fp

    @property
    def review_rate(self) -> float | None:
        """Share of all images sent to a person, in [0, 1]; None without images."""
        return _ratio(self.reviewed, self.images)

    @property
    def caught(self) -> float | None:
        """Share of all fakes decided fake or sent to a person, in [0, 1]; None without fakes."""
        return _ratio(self.decided.tp + self.review_fake, self.decided.fakes + self.review_fake)

    def report(self) -> dict[str, Any]:
        """Return counts and figures for a metrics file, with confidence intervals of the shares."""
        return self.decided.report() | {
            "review_fake": self.review_fake, "review_real": self.review_real,
            "review_rate": self.review_rate, "caught": self.caught,
            "reviewed": self.reviewed, "reviewed_with_alarms": self.reviewed_with_alarms,
            "review_rate_interval": clopper_pearson(self.reviewed, self.images, design_effect=self.effects.images),
            "caught_interval": clopper_pearson(
                self.decided.tp + self.review_fake,
                self.decided.fakes + self.review_fake,
                design_effect=self.effects.fakes,
            ),
        }  # fmt: skip


def class_report(
    labels: NDArray[np.integer],
    decisions: NDArray[np.integer],
    names: tuple[str, ...],
    groups: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Compute accuracy, macro averages, and recall, precision and F1 of each class.

    Args:
        labels: class numbers, shape (n,).
        decisions: class numbers, shape (n,).
        names: names of the classes, by number.
        groups: groups of images that are no independent evidence, shape (n,); None: there are none.

    Returns:
        For a metrics file: `accuracy` with its interval, `macro` averages over the classes whose figure is known,
        `macro_zero`, the averages in which an unknown figure counts as 0, over the classes that are a label or a
        decision (scikit-learn's convention), and `classes` with the figures, their intervals and the number of images
        of each class.
    """
    counts = {
        name: Confusion.of((labels == number).astype(np.int64), (decisions == number).astype(np.int64), groups)
        for number, name in enumerate(names)
    }
    figures = ("recall", "precision", "f1")
    intervals = ("recall_interval", "precision_interval")
    by_class = {
        name: {key: count.report()[key] for key in (*figures, *intervals)} | {"images": count.fakes}
        for name, count in counts.items()
    }
    known = {figure: [row[figure] for row in by_class.values() if row[figure] is not None] for figure in figures}
    seen = [row for name, row in by_class.items() if counts[name].fakes + counts[name].fp]
    right = int((labels == decisions).sum())
    return {
        "accuracy": _ratio(right, len(labels)),
        "accuracy_interval": clopper_pearson(
            right, len(labels), design_effect=1.0 if groups is None else design_effect_of(groups)
        ),
        "macro": {figure: float(np.mean(values)) if values else None for figure, values in known.items()},
        "macro_zero": {
            figure: float(np.mean([row[figure] or 0.0 for row in seen])) if seen else None for figure in figures
        },
        "classes": by_class,
    }
