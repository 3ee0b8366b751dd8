"""Error rates of decisions as ISO/IEC 30107-3 names them: APCER by kind of attack and its maximum, BPCER, ACER."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.committee.decision import REVIEW, DecisionCodes
from facesift.core.classes import Classes
from facesift.core.intervals import CONFIDENCE, Interval, clopper_pearson, design_effect_of
from facesift.evaluation.attack_kinds import FEWEST, Kinds

ALL = "all fakes"
EACH = 1 - (1 - CONFIDENCE) / 2  # confidence of two intervals that hold together with `CONFIDENCE` (Bonferroni)


@dataclass(frozen=True)
class ErrorShare:
    """Share of some images that are decided wrongly, or not at all.

    Attributes:
        value: the share in [0, 1]; None without images.
        interval: ends of its 95 % Clopper-Pearson interval, on the effective number of images.
        errors: how many they are.
        images: of how many images.
        design_effect: images that are worth one independent image, see `facesift.core.intervals.design_effect_of`.
    """

    value: float | None
    interval: Interval | None
    errors: int
    images: int
    design_effect: float

    @classmethod
    def of(cls, wrong: NDArray[np.bool_], groups: NDArray[Any]) -> ErrorShare:
        """Count errors (n,) of images in near-duplicate groups (n,)."""
        errors, images, effect = int(wrong.sum()), len(wrong), design_effect_of(groups)
        interval = clopper_pearson(errors, images, design_effect=effect)
        return cls(errors / images if images else None, interval, errors, images, effect)

    def ends(self, confidence: float) -> Interval:
        """Compute the ends of the interval with another confidence; 0 and 1 without images."""
        return clopper_pearson(self.errors, self.images, confidence, self.design_effect) or (0.0, 1.0)


def report_errors(
    labels: NDArray[np.int64], decisions: DecisionCodes, classes: Classes, kinds: Kinds, groups: NDArray[Any]
) -> dict[str, Any]:
    """Report the error rates of one rule, operating point or voter.

    An image that is sent to a person is no error: it is counted apart, as the standard counts those that give no
    response. The thresholds were chosen before, on other images.

    Args:
        labels: class numbers (n,).
        decisions: class numbers, or `REVIEW`; (n,).
        classes: the classes; the positive one is the attack, all others are bona fide.
        kinds: the fakes of each kind, (n,) each.
        groups: near-duplicate groups (n,), which the intervals count in place of images.

    Returns:
        For a metrics file: `apcer`, share of the fakes that are decided otherwise, of all fakes, and `kinds`, the same
        of each kind; `highest_apcer`, the highest of them, with its `kind`, among all fakes together and the kinds
        with at least `FEWEST` groups; `bpcer`, share of the others that are decided fake; `acer`, the mean of
        `highest_apcer` and `bpcer`; `apnrr` and `bpnrr`, shares of the fakes and of the others sent to a person.
    """
    fake, called, review = classes.is_positive(labels) == 1, decisions == classes.number, decisions == REVIEW
    missed = ~called & ~review

    def share(wrong: NDArray[np.bool_], rows: NDArray[np.bool_]) -> ErrorShare:
        return ErrorShare.of(wrong[rows], groups[rows])

    by_kind = {
        dimension: {name: share(missed, rows) for name, rows in each.items()} for dimension, each in kinds.items()
    }
    large = {
        f"{dimension}: {name}": by_kind[dimension][name]
        for dimension, each in kinds.items()
        for name, rows in each.items()
        if len(np.unique(groups[rows])) >= FEWEST
    }
    apcer, bpcer = share(missed, fake), share(called, ~fake)
    enough = {ALL: apcer} | large
    worst = max(enough, key=lambda name: enough[name].value or 0.0)
    return {
        "apcer": asdict(apcer),
        "highest_apcer": {"kind": worst} | asdict(enough[worst]),
        "bpcer": asdict(bpcer),
        "acer": mean_error(enough[worst], bpcer),
        "apnrr": asdict(share(review, fake)),
        "bpnrr": asdict(share(review, ~fake)),
        "kinds": {
            dimension: {name: asdict(each) for name, each in found.items()} for dimension, found in by_kind.items()
        },
    }


def mean_error(apcer: ErrorShare, bpcer: ErrorShare) -> dict[str, Any]:
    """Average the two error rates (ACER).

    Its interval averages the ends of their 97.5 % Clopper-Pearson intervals, which both hold in 95 % of all cases.

    Args:
        apcer: share of the fakes that are missed.
        bpcer: share of the others that are called fake.

    Returns:
        `value` and `interval`; None where one of the shares is.

    >>> missed, accused = (ErrorShare.of(np.arange(n) < wrong, np.arange(n)) for n, wrong in ((10, 2), (100, 4)))
    >>> round(mean_error(missed, accused)["value"], 3)
    0.12
    """
    if apcer.value is None or bpcer.value is None:
        return {"value": None, "interval": None}
    ends = [each.ends(EACH) for each in (apcer, bpcer)]
    low, high = ((ends[0][end] + ends[1][end]) / 2 for end in (0, 1))
    return {"value": (apcer.value + bpcer.value) / 2, "interval": (low, high)}
