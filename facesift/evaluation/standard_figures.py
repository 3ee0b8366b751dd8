"""The field's standard error rates of a score: EER, TPR at FPR, APCER at BPCER and BPCER at APCER, with intervals.

An image is called fake from a threshold on. APCER is the share of the fakes that are missed, BPCER the share of the
reals that are called fake, as ISO/IEC 30107-3 names them. ISO/IEC 20059 and NIST FATE MORPH say MACER and BSCER of
manipulated images, and of photos. The names are borrowed by their definitions: nothing here is a test of presentation
attacks as of 30107.

The thresholds are read off the same images as the figures. So the figures describe a ranking; they choose nothing, and
no threshold that was chosen elsewhere keeps what they say. Each interval is a percentile bootstrap over groups of
near-duplicates (see `facesift.core.bootstrap`), in which every draw has its own threshold.

The intervals are a rough guide where few images decide: in 200 simulations each of two normal distributions two
deviations apart, they held the true EER of 6, 20 and 80 fakes among 300 reals 71, 91 and 98 % of the time. With 20
fakes or more, a figure at a rate that is three images or more (1 % of 300) was held 88 to 98 % of the time, one at a
rate that is one image (0.1 % of 1,000) 68 to 88 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.bootstrap import bootstrap_weights, percentile_interval
from facesift.core.intervals import Interval

Labels = NDArray[np.integer]  # (n,), 1 for the positive class, 0 for the rest
Scores = NDArray[np.floating]  # (n,), higher for the positive class
Rates = NDArray[np.float64]

SLACK = 1e-9  # 0.1 of 30 is 3, though 0.1 * 30 is a little more in binary


@dataclass(frozen=True)
class Figure:
    """A figure with its interval, or why it is not known.

    Attributes:
        value: in [0, 1]; None where it is not known.
        interval: ends of the 95 % interval; None where the value is, and where a class has a single group of images.
        reason: why the value is None.
    """

    value: float | None
    interval: Interval | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ErrorCurves:
    """Both error rates at every threshold, in each of some draws of the images.

    The first threshold is above all scores, the last one is the lowest score.

    Attributes:
        false_positive: share of the reals called fake, rising from 0 to 1, (draws, thresholds).
        miss: share of the fakes not called fake, falling from 1 to 0, (draws, thresholds).
    """

    false_positive: Rates
    miss: Rates

    @classmethod
    def of(cls, labels: Labels, scores: Scores, weights: NDArray[np.floating]) -> ErrorCurves:
        """Compute the error rates of weighted images. Equal scores are one threshold.

        Args:
            labels: 1 for fakes, 0 for reals, (n,).
            scores: higher for fakes, (n,).
            weights: how often each image was drawn, (draws, n).

        Returns:
            The rates; NaN in a draw that lacks fakes or reals.
        """
        order = np.argsort(-scores, kind="stable")
        starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
        drawn, fake = weights[:, order], labels[order] == 1
        called = [np.add.reduceat(drawn * chosen, starts, axis=1).cumsum(axis=1) for chosen in (~fake, fake)]
        with np.errstate(invalid="ignore"):
            false_positive, recall = (np.pad(each / each[:, -1:], ((0, 0), (1, 0))) for each in called)
        return cls(false_positive, 1 - recall)


def equal_error_rates(curves: ErrorCurves) -> Rates:
    """Find where both error rates are equal, on the ROC curve joined by straight lines (not on its convex hull).

    Args:
        curves: error rates of some draws.

    Returns:
        The equal error rate of each draw (draws,), as of ISO/IEC 19795-1.
    """
    gap = curves.false_positive - curves.miss  # rises from -1 to 1
    after = np.maximum((gap >= 0).argmax(axis=1), 1)
    rows = np.arange(len(gap))
    before, low, high = after - 1, gap[rows, after - 1], gap[rows, after]
    first, last = curves.false_positive[rows, before], curves.false_positive[rows, after]
    return np.asarray(first + (last - first) * -low / (high - low))


def misses_at(curves: ErrorCurves, rate: float) -> Rates:
    """Find the miss rate (APCER) at the lowest threshold with at most a share `rate` of false positives (BPCER).

    Args:
        curves: error rates of some draws.
        rate: in [0, 1].

    Returns:
        The miss rate of each draw (draws,); nothing is interpolated.
    """
    place = np.maximum((curves.false_positive <= rate + SLACK).sum(axis=1) - 1, 0)
    return np.asarray(curves.miss[np.arange(len(place)), place])


def recalls_at(curves: ErrorCurves, rate: float) -> Rates:
    """Find the recall (TPR) at the lowest threshold with at most a share `rate` of false positives: 1 - miss rate."""
    return np.asarray(1 - misses_at(curves, rate))


def false_positives_at(curves: ErrorCurves, rate: float) -> Rates:
    """Find the false positive rate (BPCER) at the highest threshold that misses at most a share `rate` (APCER).

    Args:
        curves: error rates of some draws.
        rate: in [0, 1].

    Returns:
        The false positive rate of each draw (draws,); nothing is interpolated.
    """
    place = (curves.miss <= rate + SLACK).argmax(axis=1)
    found = curves.false_positive[np.arange(len(place)), place]
    return np.where(np.isnan(curves.miss[:, -1]), np.nan, found)


@dataclass(frozen=True)
class StandardFigure:
    """A standard figure: what it is called, and how it is computed.

    Attributes:
        name: the name in tables, with the other names of the same figure.
        compute: from the error rates of some draws to the figure of each, (draws,).
        reals: fewest groups of reals that can resolve it: one of them is the asked share.
        fakes: fewest groups of fakes that can resolve it.
    """

    name: str
    compute: Callable[[ErrorCurves], Rates]
    reals: int = 1
    fakes: int = 1


def _percent(rate: float) -> str:
    return f"{100 * rate:g} %"


def _at_false_positives(rate: float, name: str, compute: Callable[..., Rates]) -> StandardFigure:
    return StandardFigure(name, partial(compute, rate=rate), reals=round(1 / rate))


def _at_misses(rate: float) -> StandardFigure:
    name = f"BPCER at APCER {_percent(rate)} (BPCER{round(1 / rate)})"
    return StandardFigure(name, partial(false_positives_at, rate=rate), fakes=round(1 / rate))


STANDARD = {
    "eer": StandardFigure("EER (equal error rate)", equal_error_rates),
    **{
        f"tpr_at_fpr_{rate:g}": _at_false_positives(rate, f"TPR (recall) at FPR {_percent(rate)}", recalls_at)
        for rate in (0.001, 0.01, 0.05, 0.1)
    },
    **{
        f"apcer_at_bpcer_{rate:g}": _at_false_positives(
            rate, f"APCER at BPCER {_percent(rate)} (miss rate at {_percent(rate)} false detection)", misses_at
        )
        for rate in (0.01, 0.1)
    },
    **{f"bpcer_at_apcer_{rate:g}": _at_misses(rate) for rate in (0.01, 0.05, 0.1)},
}


def standard_figures(labels: Labels, scores: Scores, groups: NDArray[Any]) -> dict[str, Figure]:
    """Compute all standard figures of a score with their 95 % intervals.

    A figure that so few images cannot resolve is None, with the reason: FPR 0.1 % is less than one of 30 reals. A group
    of near-duplicates counts once: 100 frames of 5 clips do not resolve 1 %.

    Args:
        labels: 1 for fakes, 0 for reals, (n,).
        scores: higher for fakes, (n,); only their order counts.
        groups: near-duplicate groups (n,), which the bootstrap draws.

    Returns:
        The figures by the keys of `STANDARD`.

    >>> labels, scores = np.repeat([0, 1], [10, 2]), np.append(np.arange(10), [8.5, 11])
    >>> found = standard_figures(labels, scores, np.arange(12))
    >>> found["tpr_at_fpr_0.1"].value, found["tpr_at_fpr_0.01"].reason
    (1.0, 'needs at least 100 reals, not 10')
    """
    reasons = {key: _reason(figure, labels, groups) for key, figure in STANDARD.items()}
    known = {key: figure for key, figure in STANDARD.items() if not reasons[key]}
    found = {key: Figure(None, reason=reason) for key, reason in reasons.items()}
    if known:
        whole = ErrorCurves.of(labels, scores, np.ones((1, len(labels))))
        values = {key: float(figure.compute(whole)[0]) for key, figure in known.items()}
        intervals = _bootstrap(known, labels, scores, groups)
        found |= {key: Figure(values[key], intervals.get(key)) for key in known}
    return found


def _reason(figure: StandardFigure, labels: Labels, groups: NDArray[Any]) -> str | None:
    fakes = labels == 1
    return too_few("real", groups[~fakes], figure.reals) or too_few("fake", groups[fakes], figure.fakes)


def too_few(name: str, groups: NDArray[Any], needed: int) -> str | None:
    """Say that there are fewer groups of images than a figure needs; None where there are enough.

    Args:
        name: what one image is, such as `fake`.
        groups: near-duplicate groups of the images (n,).
        needed: fewest groups.

    >>> too_few("real", np.arange(30), 100), too_few("real", np.arange(100) // 20, 100)
    ('needs at least 100 reals, not 30', 'needs at least 100 groups of reals, not 5')
    """
    if (there := len(np.unique(groups))) >= needed:
        return None
    one, many = (name, f"{name}s") if there == len(groups) else (f"group of {name}s", f"groups of {name}s")
    return f"needs at least {needed:,} {many if needed > 1 else one}, not {there:,}"


def _bootstrap(
    figures: dict[str, StandardFigure], labels: Labels, scores: Scores, groups: NDArray[Any]
) -> dict[str, Interval | None]:
    """Intervals of the figures; none where a class has a single group: drawing it again and again varies nothing."""
    if min(len(np.unique(groups[labels == label])) for label in (0, 1)) < 2:
        return {}
    drawn: dict[str, list[Rates]] = {key: [] for key in figures}
    for weights in bootstrap_weights(labels, groups):
        curves = ErrorCurves.of(labels, scores, weights)
        for key, figure in figures.items():
            drawn[key].append(figure.compute(curves))
    return {key: percentile_interval(np.concatenate(values)) for key, values in drawn.items()}


def report_standard(labels: Labels, scores: Scores, groups: NDArray[Any]) -> dict[str, Any]:
    """All standard figures for a metrics file: `value`, `interval` and `reason` of each; see `standard_figures`."""
    return {key: asdict(figure) for key, figure in standard_figures(labels, scores, groups).items()}
