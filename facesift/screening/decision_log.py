"""The decision log: puts on every row when, by what and how it was decided, and compares a table that is continued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from facesift import __version__
from facesift.committee.decision import DecisionRule
from facesift.committee.rules import Thresholds
from facesift.core.errors import FacesiftError
from facesift.images.paths import one_line
from facesift.screening.columns import LOG, POINT, Tables

DIGITS = 8  # significant digits of thresholds, as of probabilities
HASH_DIGITS, SHOWN = 64, 12  # of a SHA-256, and how many of them are in messages
WAY = ("bundle", "rule", "prevalence")  # columns that are the same in all rows of a table


@dataclass(frozen=True)
class DecisionLog:
    """What the rows of a run say of how they were decided; the names are those of the columns.

    Attributes:
        bundle: hash of the bundle, see `bundle.card.bundle_hash`.
        rule: a voting rule, or `point:` and an operating point.
        lo: probability below which the operating point decides otherwise; None for a voting rule.
        hi: probability from which on it decides positive.
        prevalence: share of the positive class at which probabilities hold; None where it is unknown.
        facesift: version of the program.
        timed: whether rows have their time.
    """

    bundle: str
    rule: str
    lo: float | None
    hi: float | None
    prevalence: float | None
    facesift: str = __version__
    timed: bool = True

    @classmethod
    def of(
        cls, bundle: str, rule: DecisionRule, point: str | None, prevalence: float | None, *, timed: bool
    ) -> DecisionLog:
        """Describe a way to decide.

        Args:
            bundle: hash of the bundle.
            rule: decides.
            point: name of the operating point, if the rule is one.
            prevalence: share of the positive class at which probabilities hold.
            timed: whether rows have their time.
        """
        ends = rule.as_probabilities() if isinstance(rule, Thresholds) else {"lo": None, "hi": None}
        return cls(
            bundle, rule.name if point is None else f"{POINT}{point}", **ends, prevalence=prevalence, timed=timed
        )

    def added_to(self, tables: Tables) -> Tables:
        """Put the columns of `LOG` on each table; the time is that at which the table was made."""
        with closing(tables):
            for table in tables:
                yield self.add(table)

    def add(self, table: pl.DataFrame) -> pl.DataFrame:
        """Put the columns of `LOG` on a table."""
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if self.timed else None
        times = pl.Series("time", [time] * table.height, LOG["time"])
        return table.hstack([times, *(pl.Series(name, [value] * table.height, LOG[name]) for name, value in self._way)])

    @cached_property
    def _way(self) -> list[tuple[str, Any]]:
        """The columns that are the same in all rows of a run, and their values."""
        rounded = pl.DataFrame(
            {name: pl.Series([getattr(self, name)], dtype=LOG[name]) for name in LOG if name != "time"}
        ).with_columns(pl.col("lo", "hi", "prevalence").round_sig_figs(DIGITS))
        return list(rounded.row(0, named=True).items())

    def check_continued(self, path: Path, logged: Iterable[Mapping[str, Any]]) -> None:
        """Check that a table was begun in the same way.

        Args:
            path: the table, for the message.
            logged: what the table has in the columns `WAY`: one entry for each combination.

        Raises:
            FacesiftError: naming what differs.
        """
        now = self.add(pl.DataFrame({"row": [0]})).row(0, named=True)
        for before in logged:
            for name in WAY:
                if _text(before[name]) != _text(now[name]):
                    raise FacesiftError(
                        f"{path}: begun with another bundle, rule or point: its {name} is {_text(before[name])}, now "
                        f"it would be {_text(now[name])}; name another file"
                    )


def _text(value: float | str | None) -> str:
    """Show a value of the log alike, whether it comes from CSV or not; hashes by their first digits."""
    if value in (None, ""):
        return "unknown"
    text = one_line(str(value))
    if len(text) == HASH_DIGITS:
        return text[:SHOWN]
    try:
        return f"{float(text):.{DIGITS}g}"
    except ValueError:
        return text
