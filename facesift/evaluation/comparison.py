"""Which of two scores ranks the same images better: paired bootstrap, permutation test, and Holm over a whole table.

"Better" is said only where the whole bootstrap interval of the difference is above zero and a permutation test says so
too, after Holm's correction for all comparisons that are shown together (Holm 1979). A bootstrap alone says it too
easily: six fakes that are drawn with replacement are still those six fakes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facesift.core.bootstrap import bootstrap_rankings, percentile_interval
from facesift.core.intervals import CONFIDENCE, Interval
from facesift.evaluation.curves import Labels, Scores, areas

FEWEST = 20  # groups of each class: with fewer, intervals of areas are too narrow and a test finds next to nothing
PERMUTATIONS, SEED = 1999, 13  # the smallest p-value, 1/2000, is enough for Holm over a hundred comparisons
CELLS = 2_000_000  # permutations x values held in memory at once

Verdict = Literal["better", "worse", "not shown to be better", "too few", "unknown"]
Pair = tuple[Scores, Scores]  # the score that is judged, and the one it has to beat


@dataclass(frozen=True)
class AreaComparison:
    """One area of two scores on the same images.

    Attributes:
        first: area of the first score; None where it is unknown.
        second: area of the second score.
        difference: first minus second.
        interval: 95 % interval of this difference alone.
        p_value: of the permutation test, two-sided; None where it was not made.
        holm_p_value: the same after Holm's correction for all comparisons of the table.
        verdict: `better` or `worse` when the interval lies on one side of zero and `holm_p_value` is at most 5 %;
            `too few` with fewer than `FEWEST` groups of a class; `unknown` when all labels are alike.
    """

    first: float | None = None
    second: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    holm_p_value: float | None = None
    verdict: Verdict = "unknown"


@dataclass(frozen=True)
class ScoreComparison:
    """Which of two scores ranks the same images better.

    Attributes:
        auc: comparison of the areas under the ROC curve.
        ap: comparison of the average precisions.
        fewest_groups: near-duplicate groups of the class that has fewer.
        lacking: what is missing for a verdict, in words; None: nothing.
    """

    auc: AreaComparison
    ap: AreaComparison
    fewest_groups: int
    lacking: str | None = None

    def report(self) -> dict[str, Any]:
        """Figures for a metrics file."""
        return asdict(self)


def compare_scores(
    labels: Labels, groups: NDArray[Any], pairs: Sequence[Pair], permutations: int = PERMUTATIONS
) -> list[ScoreComparison]:
    """Compare the AUC and the average precision of pairs of scores on the same images.

    The chance that anything at all is called better or worse, though all scores are equally good, is at most 5 %.

    Args:
        labels: 0 or 1, (n,).
        groups: near-duplicate groups (n,).
        pairs: all comparisons that are shown together; of each the two scores of the positive class, (n,).
        permutations: draws of the permutation test.

    Returns:
        A comparison for each pair, first minus second.
    """
    fakes, others = (len(np.unique(groups[labels == label])) for label in (1, 0))
    if not min(fakes, others):
        return [ScoreComparison(AreaComparison(), AreaComparison(), 0)] * len(pairs)
    found = [area for pair in pairs for area in _measure(labels, groups, pair)]
    lacking = _lacking(fakes, others)
    if lacking is None:
        tested = [permutation_p_values(labels, groups, pair, permutations) for pair in pairs]
        found = _judge(found, [value for values in tested for value in values])
    else:
        found = [replace(area, verdict="too few") for area in found]
    fewest = min(fakes, others)
    return [ScoreComparison(auc, ap, fewest, lacking) for auc, ap in zip(found[::2], found[1::2], strict=True)]


def permutation_p_values(
    labels: Labels, groups: NDArray[Any], pair: Pair, permutations: int = PERMUTATIONS
) -> tuple[float, float]:
    """Test whether two scores rank equally well: their ranks are swapped in random groups of images.

    Venkatraman and Begg (1996), "A distribution-free procedure for comparing receiver operating characteristic curves
    from a paired experiment", with the area's difference as the statistic (Bandos, Rockette and Gur 2005).

    Args:
        labels: 0 or 1, (n,).
        groups: near-duplicate groups (n,); all images of a group are swapped together.
        pair: the two scores (n,).
        permutations: random draws; the same arguments give the same draws.

    Returns:
        Two-sided p-values of the AUC and of the average precision, at least 1 / (permutations + 1).
    """
    from scipy.stats import rankdata  # noqa: PLC0415  most of a second to import

    ranks = np.stack([rankdata(score) for score in pair])
    _, codes = np.unique(ranks, return_inverse=True)
    codes = codes.reshape(ranks.shape)
    seen = np.abs(_differences(labels, codes, np.zeros((1, len(labels)), np.bool_)))
    drawn = [np.abs(_differences(labels, codes, swaps)) for swaps in _draw_swaps(groups, codes, permutations)]
    extreme = (np.concatenate(drawn, axis=1) >= seen - 1e-12).sum(axis=1)
    auc, ap = ((1 + extreme) / (1 + permutations)).tolist()
    return auc, ap


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979, "A simple sequentially rejective multiple test procedure").

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    values = np.array(p_values)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in corrected]


def judge_together(found: Sequence[AreaComparison]) -> list[AreaComparison]:
    """Give the verdicts anew to comparisons on different images that are shown together, after Holm's correction."""
    tested = [area for area in found if area.p_value is not None]
    judged = iter(_judge(tested, [area.p_value for area in tested if area.p_value is not None]))
    return [area if area.p_value is None else next(judged) for area in found]


def _lacking(fakes: int, others: int) -> str | None:
    short = [f"{name} for a verdict: {n:,}" for name, n in (("fakes", fakes), ("reals", others)) if n < FEWEST]
    return f"not enough {short[0]}, needs {FEWEST}" if short else None


def _measure(labels: Labels, groups: NDArray[Any], pair: Pair) -> Iterator[AreaComparison]:
    """Yield AUC and average precision of both scores, with the paired bootstrap interval of their difference."""
    found = [areas(labels, score) for score in pair]
    drawn = [bootstrap_rankings(labels, score, groups) for score in pair]
    for number, name in enumerate(("auc", "ap")):
        first, second = (getattr(each, name) for each in found)
        interval = percentile_interval(drawn[0][number] - drawn[1][number])
        yield AreaComparison(first, second, first - second, interval, verdict="not shown to be better")


def _judge(found: Sequence[AreaComparison], p_values: Sequence[float]) -> list[AreaComparison]:
    """Give the verdicts of a family of comparisons."""
    judged = []
    for area, p_value, corrected in zip(found, p_values, holm(p_values), strict=True):
        verdict: Verdict = "not shown to be better"
        if area.interval and corrected <= 1 - CONFIDENCE + 1e-12:
            verdict = "better" if area.interval[0] > 0 else "worse" if area.interval[1] < 0 else verdict
        judged.append(replace(area, p_value=p_value, holm_p_value=corrected, verdict=verdict))
    return judged


def _draw_swaps(groups: NDArray[Any], codes: NDArray[np.int64], permutations: int) -> Iterator[NDArray[np.bool_]]:
    """Yield which images are swapped (some draws, n), some draws at a time."""
    _, members = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(SEED)
    at_once = max(1, CELLS // int(codes.max() + 1))
    for start in range(0, permutations, at_once):
        yield rng.random((min(at_once, permutations - start), members.max() + 1))[:, members] < 0.5


def _differences(labels: Labels, codes: NDArray[np.int64], swaps: NDArray[np.bool_]) -> Scores:
    """Differences of AUC and average precision (2, draws) where both scores' codes (2, n) are swapped in some rows."""
    first, second = np.where(swaps, codes[1], codes[0]), np.where(swaps, codes[0], codes[1])
    values = int(codes.max()) + 1
    return _coded_areas(labels, first, values) - _coded_areas(labels, second, values)


def _coded_areas(labels: Labels, codes: NDArray[np.int64], values: int) -> Scores:
    """AUC and average precision (2, draws) of scores (draws, n) that are numbers below `values`."""
    draws = len(codes)
    places = codes + values * np.arange(draws)[:, None]
    fakes, others = (
        np.bincount(places[:, labels == label].ravel(), minlength=draws * values).reshape(draws, values)
        for label in (1, 0)
    )
    hits, alarms = (each[:, ::-1].cumsum(axis=1)[:, ::-1] for each in (fakes, others))  # at or above each value
    auc = (others * (hits - fakes / 2)).sum(axis=1) / (hits[:, 0] * alarms[:, 0])
    ap = (fakes * hits / np.maximum(hits + alarms, 1)).sum(axis=1) / hits[:, 0]
    return np.stack([auc, ap])
