"""Read the table of docs/studies.md: every published system with the command that runs it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "studies.md"
HEADINGS = ["study", "voter", "published system", "published figures", "command"]


@dataclass(frozen=True)
class System:
    """One row of the table.

    Attributes:
        study: name of the study.
        voter: a member, `stacker`, a rule, or `NAME/VOTER` for a voter on the cross-data-set test NAME.
        what: the published system.
        figures: as they were published.
        command: what runs it.
    """

    study: str
    voter: str
    what: str
    figures: str
    command: str

    @property
    def overrides(self) -> tuple[str, ...]:
        """The values that the command sets.

        >>> System("a", "b", "", "", "facesift study a 'x={y: 1}'").overrides
        ('study=a', 'x={y: 1}')
        """
        _, _, study, *settings = shlex.split(self.command)
        return (f"study={study}", *settings)


def published_systems(page: Path = PAGE) -> list[System]:
    """Read the rows of the table, in order."""
    rows = [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in page.read_text().splitlines()]
    start = rows.index(HEADINGS) + 2  # below it the rule
    table = []
    for row in rows[start:]:
        if len(row) != len(HEADINGS):
            break
        table.append(System(row[0].strip("`"), row[1].strip("`"), row[2], row[3], row[4].strip("`")))
    return table


def distinct_runs(systems: list[System]) -> dict[tuple[str, ...], list[System]]:
    """Group the systems by the overrides of their command."""
    runs: dict[tuple[str, ...], list[System]] = {}
    for system in systems:
        runs.setdefault(system.overrides, []).append(system)
    return runs
