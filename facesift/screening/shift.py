"""Whether two samples of one number differ by more than chance: the population stability index and its noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from facesift.bundle.drift_reference import Counts


@dataclass(frozen=True)
class Shift:
    """Two samples of one number, counted in the same bins.

    Attributes:
        reference: images of the reference in each bin (bins,), not all 0.
        stream: images of the stream in each bin (bins,), not all 0.
        design_effect: images of the reference that are worth one independent image, at least 1.
    """

    reference: Counts
    stream: Counts
    design_effect: float = 1.0

    def index(self) -> float:
        """Population stability index: 0 for equal shares; 0.1 and 0.25 are the convention's limits (Siddiqi 2006).

        Bins that one side lacks: half an image is added to each bin of the reference, and to the stream as many images,
        divided like the reference, so that nothing is added to the difference. Bins that both lack are left out.

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

        The index over (1/n + 1/m) is about chi-square distributed with bins - 1 degrees (Yurdakul & Naranjo 2020); the
        reference's n is divided by its design effect.
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
        return self.design_effect / int(self.reference.sum()) + 1 / int(self.stream.sum())


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
