"""The figures at another share of fakes: test sets hold one fake in tens, applications one in thousands.

Only class-conditional rates carry over: what happens to a fake, and what happens to a real image. Precision does not,
nor does anything that mixes the two. Assumed: fakes are as hard to see there as here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facesift.core.counts import DecisionCounts
from facesift.core.intervals import clopper_pearson

APPLICATIONS = 100_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rate:
    """`successes` of `trials` images of one class."""

    successes: int
    trials: int

    @property
    def value(self) -> float | None:
        return self.successes / self.trials if self.trials else None

    def interval(self, shared_by: int = 1) -> tuple[float, float] | None:
        """Clopper-Pearson interval; Bonferroni: `shared_by` such hold all together with 95 % confidence."""
        return clopper_pearson(self.successes, self.trials, 1 - (1 - CONFIDENCE) / shared_by)


def project(screening: DecisionCounts, one_in: int) -> dict[str, dict[str, float | None]]:
    """Figures at one fake in `one_in` images: precision, and reviews, missed fakes and false alarms in 100,000.

    Each is `{value, low, high}`; None where a class is missing. A figure of two rates has the ends of the two
    rates' 97.5 % intervals combined (Bonferroni): it covers with at least 95 %, exactly repeatable. Sampling the two
    from Beta distributions would give narrower ends, and no promise at the handful of fakes that a test set holds.
    """
    counts, share = screening.decided, 1 / one_in
    fakes, reals = counts.fakes + screening.review_fake, counts.reals + screening.review_real
    called, missed = Rate(counts.tp, fakes), Rate(counts.fn, fakes)
    alarmed, reviewed = Rate(counts.fp, reals), (Rate(screening.review_fake, fakes), Rate(screening.review_real, reals))
    return {
        "precision": _precision(called, alarmed, share),
        "reviews_per_100k": _sum(*reviewed, share),
        "missed_per_100k": _scaled(missed, APPLICATIONS * share),
        "false_alarms_per_100k": _scaled(alarmed, APPLICATIONS * (1 - share)),
    }


def project_all(screenings: dict[str, DecisionCounts], prevalence: list[int]) -> dict[str, Any]:
    """`{name: {one_in: figures}}` of several screenings, see `project`."""
    return {
        name: {str(one_in): project(screening, one_in) for one_in in prevalence}
        for name, screening in screenings.items()
    }


def _figure(value: float | None, low: float | None, high: float | None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def _precision(called: Rate, alarmed: Rate, share: float) -> dict[str, float | None]:
    """It rises with the fakes called fake and falls with the reals called fake: opposite ends go together."""

    def precision(fakes: float, reals: float) -> float | None:
        found, all_called = share * fakes, share * fakes + (1 - share) * reals
        return found / all_called if all_called else None

    fakes, reals = called.interval(shared_by=2), alarmed.interval(shared_by=2)
    if fakes is None or reals is None or called.value is None or alarmed.value is None:
        return _figure(None, None, None)
    return _figure(precision(called.value, alarmed.value), precision(fakes[0], reals[1]), precision(fakes[1], reals[0]))


def _sum(of_fakes: Rate, of_reals: Rate, share: float) -> dict[str, float | None]:
    def per_100k(fakes: float, reals: float) -> float:
        return APPLICATIONS * (share * fakes + (1 - share) * reals)

    fakes, reals = of_fakes.interval(shared_by=2), of_reals.interval(shared_by=2)
    if fakes is None or reals is None or of_fakes.value is None or of_reals.value is None:
        return _figure(None, None, None)
    return _figure(per_100k(of_fakes.value, of_reals.value), per_100k(fakes[0], reals[0]), per_100k(fakes[1], reals[1]))


def _scaled(rate: Rate, factor: float) -> dict[str, float | None]:
    ends = rate.interval()
    if ends is None or rate.value is None:
        return _figure(None, None, None)
    return _figure(factor * rate.value, factor * ends[0], factor * ends[1])
