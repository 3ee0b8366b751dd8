"""The benchmark on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table

Report = Mapping[str, Any]

FOOTNOTE = """Scoring alone, on random pixels, each row in a process of its own: no files are read or decoded.
ms: of one batch; p95 from 20 batches on, p99 from 100. x: images a second against the first row.
Random weights take as long as trained ones."""


def print_speed(report: Report, console: Console | None = None) -> None:
    """Print the machine, a row for each graph and load, and what was found on the user's images."""
    console = console or Console(width=120)
    machine = report["machine"]
    console.print(", ".join([f"{machine['cores']} cores", *(machine[name] for name in ("architecture", "system"))]))
    console.print(_speeds(report["speed"]))
    console.print(FOOTNOTE, markup=False, highlight=False)
    for found in report["decisions"]:
        console.print(_decisions(found), markup=False, highlight=False)


def _speeds(rows: list[Report]) -> Table:
    table = Table(
        Column("graph", overflow="fold"),
        "pixels",
        "weights",
        "precision",
        "threads",
        "batch",
        title="speed",
        title_justify="left",
    )
    for heading in ("images/s", "x", "p50 ms", "p95", "p99", "peak MiB"):
        table.add_column(heading, justify="right")
    for row in rows:
        named = (row["name"], row["image_size"], row["weights"], row["precision"], row["threads"], row["batch"])
        figures = (f"{row['images_per_second']:.1f}", f"{row['relative']:.2f}")
        late = (_known(row[key]) for key in ("p50_ms", "p95_ms", "p99_ms", "memory_mib"))
        table.add_row(*map(str, named), *figures, *late)
    return table


def _known(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _decisions(found: Report) -> str:
    lines = [f"{found['name']}: {found['images']:,} images of yours in {found['seconds']:.2f} s, each member asked"]
    for rule, each in found["cascade"].items():
        lines.append(
            f"  cascade by {rule}: members asked {each['asked']:,} of {each['of']:,} times ({each['share']:.1%}), "
            f"in {each['time_share']:.1%} of the time"
        )
    if (changes := found["int8"]) is not None:
        low, high = changes["share_interval"]
        lines.append(
            f"  int8 changes {changes['changed']:,} decisions ({changes['share']:.2%}; 95 %: {low:.2%} to {high:.2%}), "
            f"log-odds by at most {changes['largest_log_odds_difference']:.3g}"
        )
    return "\n".join(lines)
