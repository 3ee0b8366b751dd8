"""Whether two samples of one number differ by more than chance: bins, the stability index, and its noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import chdtri

from facesift.core.files import DIGITS

BINS = 10  # deciles, as scorecards are monitored

Counts = NDArray[np.int64]
Values = TypeVar("Values", pl.Series, pl.Expr)


def _as_written(values: Values) -> Values:
    """Edges are kept in JSON and values come out of CSV: both have so many digits after the point."""
    return values.cast(pl.Float64).fill_nan(None).round(DIGITS)


@dataclass(frozen=True)
class Bins:
    """Ascending edges; a bin reaches up to its edge and includes it. An edge that stands twice is a bin of its own.

    Values that pile up (probabilities at 0, cameras of one size) fill whole deciles: that one value is then a bin, with
    one bin below and one above it.
    """

    edges: tuple[float, ...]

    @classmethod
    def of(cls, values: pl.Series) -> Bins:
        """Deciles of the values; at least one of them is known.

        >>> Bins.of(pl.Series([0.0] * 30 + [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).edges
        (0.0, 0.0, 2.0)
        """
        known = _as_written(values).drop_nulls().sort().to_numpy()
        tops = [float(known[step * (len(known) - 1) // BINS]) for step in range(1, BINS)]
        heavy = {top for top in tops if tops.count(top) > 1 or top in (known[0], known[-1])}
        return cls(tuple(top for top in sorted(set(tops)) for _ in range(2 if top in heavy else 1)))

    def expressions(self, column: str) -> list[pl.Expr]:
        """How many of the column's known values lie up to each edge, and how many there are: one number each."""
        values = _as_written(pl.col(column))
        doubled = (*self.edges[1:], np.inf)
        up_to = [
            values < edge if edge == following else values <= edge
            for edge, following in zip(self.edges, doubled, strict=True)
        ]
        counted = [*up_to, values.is_not_null()]
        return [each.sum().cast(pl.Int64).alias(f"{column}:{number}") for number, each in enumerate(counted)]

    def counts(self, column: str, row: Mapping[str, int]) -> Counts:
        """Values in each bin (edges + 1,), out of the row that `expressions` selected.

        >>> bins, stream = Bins((0.0, 0.0, 2.0)), pl.DataFrame({"p": [-1.0, 0.0, 0.0, 1.0, 2.0, 9.0, None]})
        >>> bins.counts("p", stream.select(bins.expressions("p")).row(0, named=True)).tolist()
        [1, 2, 2, 1]
        """
        return np.diff([0, *(row[f"{column}:{number}"] for number in range(len(self.edges) + 1))])


@dataclass(frozen=True)
class Shift:
    """Counts (bins,) of a reference and of a stream in the same bins, neither of them empty."""

    reference: Counts
    stream: Counts

    def index(self) -> float:
        """Population stability index: 0 for equal shares; 0.1 and 0.25 are the convention's limits (Siddiqi 2006).

        Bins that one side lacks: half an image is added to each bin of the reference, and to the stream as many images,
        spread like the reference, so that nothing is added to the difference. Bins that both lack are left out.

        >>> half = np.array([500, 500])
        >>> [round(Shift(half, stream).index(), 2) for stream in (np.array([50, 50]), np.array([70, 30]))]
        [0.0, 0.17]
        """
        before, now = self.reference[self._used()], self.stream[self._used()]
        added = len(before) / 2
        expected = (before + 0.5) / (before.sum() + added)
        found = (now + added * expected) / (now.sum() + added)
        return float(((found - expected) * np.log(found / expected)).sum())

    def expected(self) -> float:
        """Mean of the index without drift."""
        return self._freedom() * self._noise()

    def limit(self, false_alarm: float) -> float:
        """Index that a stream without drift exceeds with probability `false_alarm`.

        The index over (1/n + 1/m) is about chi-square distributed with bins - 1 degrees (Yurdakul & Naranjo 2020).
        """
        return float(chdtri(max(self._freedom(), 1), false_alarm)) * self._noise()

    def largest_difference(self) -> float:
        """Largest difference of the cumulative shares at the edges, in [0, 1]: Kolmogorov-Smirnov on bins."""
        before, now = (counts.cumsum() / counts.sum() for counts in (self.reference, self.stream))
        return float(np.abs(before - now).max())

    def direction(self) -> str | None:
        """Where the stream went, `up` or `down`; None where it did not clearly go one way."""
        before, now = (counts.cumsum() / counts.sum() for counts in (self.reference, self.stream))
        rise, fall = (before - now).clip(min=0).sum(), (now - before).clip(min=0).sum()
        return "up" if rise > 3 * fall else "down" if fall > 3 * rise else None

    def _used(self) -> NDArray[np.bool_]:
        return self.reference + self.stream > 0

    def _freedom(self) -> int:
        return int(self._used().sum()) - 1

    def _noise(self) -> float:
        return 1 / int(self.reference.sum()) + 1 / int(self.stream.sum())


def report(shift: Shift, false_alarm: float) -> dict[str, Any]:
    """The figures of one column, for JSON."""
    return {
        "images": int(shift.stream.sum()),
        "psi": shift.index(),
        "expected": shift.expected(),
        "limit": shift.limit(false_alarm),
        "largest_difference": shift.largest_difference(),
        "direction": shift.direction(),
        "counts": shift.stream.tolist(),
        "reference_counts": shift.reference.tolist(),
    }
