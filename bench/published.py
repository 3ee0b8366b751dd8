"""The table of docs/studies.md: every published system with the command that runs it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "studies.md"
HEADINGS = ["study", "voter", "published system", "published figures", "command"]


@dataclass(frozen=True)
class System:
    """One row: `voter` is a member, `stacker`, a rule, or `NAME/voter` on the cross test NAME."""

    study: str
    voter: str
    what: str
    figures: str
    command: str

    @property
    def overrides(self) -> tuple[str, ...]:
        """What the command sets.

        >>> System("a", "b", "", "", "facesift study a 'x={y: 1}'").overrides
        ('study=a', 'x={y: 1}')
        """
        _, _, study, *settings = shlex.split(self.command)
        return (f"study={study}", *settings)


def published_systems(page: Path = PAGE) -> list[System]:
    """Read the rows of the table, in its order."""
    rows = [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in page.read_text().splitlines()]
    start = rows.index(HEADINGS) + 2  # below it the rule
    table = []
    for row in rows[start:]:
        if len(row) != len(HEADINGS):
            break
        table.append(System(row[0].strip("`"), row[1].strip("`"), row[2], row[3], row[4].strip("`")))
    return table


def distinct_runs(systems: list[System]) -> dict[tuple[str, ...], list[System]]:
    """Put the systems of one command together: overrides -> systems."""
    runs: dict[tuple[str, ...], list[System]] = {}
    for system in systems:
        runs.setdefault(system.overrides, []).append(system)
    return runs
