"""The last images that the service decided, compared with the bundle's drift reference."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

import polars as pl

from facesift.bundle.drift_reference import DECISION, NEEDED, PREVALENCE, Reference
from facesift.core.errors import FacesiftError
from facesift.screening.drift import Report, compare

COLUMNS = (*NEEDED, PREVALENCE)
SCHEMA = pl.Schema({name: pl.String if name == DECISION else pl.Float64 for name in COLUMNS})
FEWEST = 50  # images: below that, nothing could be said


class DriftWindow:
    """The rows of the last `images` images.

    Args:
        reference: of the bundle.
        images: how many rows are kept.
        seconds: how long a report is good for: comparing takes some milliseconds.
    """

    def __init__(self, reference: Reference, images: int, seconds: float = 2.0) -> None:
        self._reference, self._seconds = reference, seconds
        self._rows: deque[tuple[Any, ...]] = deque(maxlen=max(images, 1))
        self._lock = threading.Lock()
        self._made_at = float("-inf")
        self._report: Report | None = None

    def add(self, table: pl.DataFrame) -> None:
        """Add decided rows."""
        rows = table.select(COLUMNS).rows()
        with self._lock:
            self._rows.extend(rows)

    def report(self) -> Report | None:
        """Return the report of `screening.drift.compare`; None while too few images are known."""
        with self._lock:
            if time.monotonic() - self._made_at < self._seconds:
                return self._report
            rows = list(self._rows)
        made = self._compare(rows)
        with self._lock:
            self._made_at, self._report = time.monotonic(), made
        return made

    def _compare(self, rows: list[tuple[Any, ...]]) -> Report | None:
        if len(rows) < FEWEST:
            return None
        try:
            return compare(self._reference, pl.DataFrame(rows, SCHEMA, orient="row"))
        except FacesiftError:
            return None  # none of them could be scored
