"""Counts how runs that met a fault ended, and writes the table of docs/reliability.md."""

from __future__ import annotations

import os
import platform
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.made import ROOT

PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- tried: written by `make test-faults WRITE=1` -->", "<!-- /tried -->"
GOOD = ("same", "refused")
BAD = ("silent", "unnamed", "trace", "hung")
SMALL = os.environ.get("FAULTS") == "small"


@dataclass
class Tally:
    """What was tried, by kind of fault.

    Attributes:
        counts: ends of the runs for each kind.
        bad: the runs that ended as none must.
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, kind: str, verdict: str, case: str, said: str = "") -> None:
        """Count one run: `verdict` is one of `GOOD` or `BAD`; `case` and `said` tell of a bad one."""
        self.counts.setdefault(kind, Counter())[verdict] += 1
        if verdict not in GOOD:
            self.bad.append(f"{kind}: {case}: {verdict}\n{said[-1500:]}")

    def plain(self) -> dict[str, dict[str, int]]:
        """Return the counts as one process tells them to another."""
        return {kind: dict(counts) for kind, counts in self.counts.items()}

    def take(self, counts: dict[str, dict[str, int]]) -> None:
        """Add the counts of another process."""
        for kind, each in counts.items():
            self.counts.setdefault(kind, Counter()).update(each)

    def check(self, kind: str) -> None:
        """Fail with every run of a kind that ended as none must."""
        bad = [each for each in self.bad if each.startswith(f"{kind}: ")]
        assert not bad, "\n\n".join([f"{len(bad)} of {self.counts[kind].total()}", *bad])
        assert self.counts[kind].total()

    def table(self) -> str:
        """Return the table as Markdown."""
        lines = ["| met | tried | same bytes | refused by name | silent, unnamed or a trace |", "|---|---|---|---|---|"]
        for kind, counts in self.counts.items():
            bad = sum(counts[name] for name in BAD)
            lines.append(f"| {kind} | {counts.total()} | {counts['same']} | {counts['refused']} | {bad} |")
        size = "small" if SMALL else "full"
        took = f"{(time.monotonic() - self.began) / 60:.0f} minutes"
        where = f"{os.cpu_count()} cores ({platform.machine()}, Python {platform.python_version()})"
        load = f"The load of the last 15 minutes, of other work too, was {os.getloadavg()[2]:.1f}."
        return "\n".join([f"The last run of the {size} size took {took} on {where}.", load, "", *lines])

    def write(self, page: Path = PAGE) -> None:
        """Put the table into the page."""
        text = page.read_text(encoding="utf-8")
        block = f"{BEGIN}\n{self.table()}\n{END}"
        page.write_text(
            re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: block, text, flags=re.DOTALL), "utf-8"
        )
