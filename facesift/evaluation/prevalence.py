"""Projection of the test figures to another share of fakes: one in thousands of applications instead of one in tens.

Only class-conditional rates carry over: what happens to a fake, and what happens to a real image. Precision and the
workload do not, so they are computed from these rates. Assumed: fakes are as hard to recognise there as in the test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from facesift.core.counts import DecisionCounts
from facesift.core.intervals import CONFIDENCE, Interval, clopper_pearson

APPLICATIONS = 100_000


@dataclass(frozen=True)
class Rate:
    """A share of the images of one class.

    Attributes:
        successes: images that something happened to.
        trials: images of the class.
        effect: design effect of the groups that these images come in.
    """

    successes: int
    trials: int
    effect: float = 1.0

    @property
    def value(self) -> float | None:
        """The share in [0, 1]; None without images."""
        return self.successes / self.trials if self.trials else None

    def interval(self, shared_by: int = 1) -> Interval | None:
        """Compute the Clopper-Pearson interval.

        Args:
            shared_by: number of intervals that shall hold all together with 95 % confidence (Bonferroni).

        Returns:
            Ends in [0, 1]; None without images.
        """
        return clopper_pearson(self.successes, self.trials, 1 - (1 - CONFIDENCE) / shared_by, self.effect)


@dataclass(frozen=True)
class ProjectedFigure:
    """A projected figure with its interval, of at least 95 % confidence.

    Attributes:
        value: the figure; None where a class is missing.
        low: low end of the interval.
        high: high end of the interval.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Projection:
    """Figures at another share of fakes.

    Attributes:
        precision: share of fakes among the images decided fake, in [0, 1].
        reviews_per_100k: images sent to review, of 100,000.
        missed_per_100k: fakes decided real, of 100,000 images.
        false_alarms_per_100k: reals decided fake, of 100,000 images.
    """

    precision: ProjectedFigure
    reviews_per_100k: ProjectedFigure
    missed_per_100k: ProjectedFigure
    false_alarms_per_100k: ProjectedFigure

    def report(self) -> dict[str, dict[str, float | None]]:
        """Figures for a metrics file: `{figure: {value, low, high}}`."""
        return asdict(self)


def project(screening: DecisionCounts, one_in: int) -> Projection:
    """Project decision counts to another share of fakes.

    A figure of two rates combines the ends of the two rates' 97.5 % intervals (Bonferroni): it covers with at least
    95 %, and it is exactly repeatable. Sampling the two rates from Beta distributions would give narrower ends, without
    a guarantee at the few fakes that a test set holds.

    Args:
        screening: counts of the decisions on the test split.
        one_in: images of which one is fake.

    Returns:
        The projected figures.
    """
    counts, share = screening.decided, 1 / one_in
    fakes, reals = counts.fakes + screening.review_fake, counts.reals + screening.review_real
    of_fakes, of_reals = screening.effects.fakes, screening.effects.reals
    called, missed = Rate(counts.tp, fakes, of_fakes), Rate(counts.fn, fakes, of_fakes)
    alarmed = Rate(counts.fp, reals, of_reals)
    reviewed = Rate(screening.review_fake, fakes, of_fakes), Rate(screening.review_real, reals, of_reals)
    return Projection(
        precision=_precision(called, alarmed, share),
        reviews_per_100k=_sum(*reviewed, share),
        missed_per_100k=_scaled(missed, APPLICATIONS * share),
        false_alarms_per_100k=_scaled(alarmed, APPLICATIONS * (1 - share)),
    )


def project_all(screenings: Mapping[str, DecisionCounts], prevalence: Sequence[int]) -> dict[str, Any]:
    """Project the counts of several rules or operating points, for a metrics file.

    Args:
        screenings: counts of the decisions on the test split, by name.
        prevalence: shares of fakes, as the number of images of which one is fake.

    Returns:
        `{name: {one_in: {figure: {value, low, high}}}}`, see `project`.
    """
    return {
        name: {str(one_in): project(screening, one_in).report() for one_in in prevalence}
        for name, screening in screenings.items()
    }


def _precision(called: Rate, alarmed: Rate, share: float) -> ProjectedFigure:
    """It rises with the fakes called fake and falls with the reals called fake: opposite ends go together."""

    def precision(fakes: float, reals: float) -> float | None:
        found, all_called = share * fakes, share * fakes + (1 - share) * reals
        return found / all_called if all_called else None

    fakes, reals = called.interval(shared_by=2), alarmed.interval(shared_by=2)
    if fakes is None or reals is None or called.value is None or alarmed.value is None:
        return ProjectedFigure()
    return ProjectedFigure(
        precision(called.value, alarmed.value), precision(fakes[0], reals[1]), precision(fakes[1], reals[0])
    )


def _sum(of_fakes: Rate, of_reals: Rate, share: float) -> ProjectedFigure:
    def per_100k(fakes: float, reals: float) -> float:
        return APPLICATIONS * (share * fakes + (1 - share) * reals)

    fakes, reals = of_fakes.interval(shared_by=2), of_reals.interval(shared_by=2)
    if fakes is None or reals is None or of_fakes.value is None or of_reals.value is None:
        return ProjectedFigure()
    return ProjectedFigure(
        per_100k(of_fakes.value, of_reals.value), per_100k(fakes[0], reals[0]), per_100k(fakes[1], reals[1])
    )


def _scaled(rate: Rate, factor: float) -> ProjectedFigure:
    ends = rate.interval()
    if ends is None or rate.value is None:
        return ProjectedFigure()
    return ProjectedFigure(factor * rate.value, factor * ends[0], factor * ends[1])
