"""The result as a table on the screen: what a person asks first, with the number of images each figure rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from facesift.storage import read_json


def share(value: float | None) -> str:
    """Format a share as per cent; a dash where there was nothing to divide by.

    >>> share(0.91667), share(None)
    ('91.67 %', '-')
    """
    return "-" if value is None else f"{value:.2%}".replace("%", " %")


def _area(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _row(name: str, figures: dict[str, Any]) -> list[str]:
    return [
        name,
        f"{share(figures['recall'])} ({figures['tp']}/{figures['fakes']})",
        f"{share(figures['precision'])} ({figures['tp']}/{figures['tp'] + figures['fp']})",
        share(figures["f1"]),
        share(figures.get("review_rate")) if "review_rate" in figures else "",
        share(figures.get("caught")) if "caught" in figures else "",
        _area(figures.get("auc")),
        _area(figures.get("ap")),
    ]


def _table(title: str, rules: dict[str, Any], voters: dict[str, Any]) -> Table:
    headings = ("recall (of fakes)", "precision (of calls)", "F1", "to review", "caught", "AUC", "AP")
    table = Table("", *headings, title=title, title_justify="left")
    for name, figures in voters.items():
        table.add_row(*_row(name, figures))
    table.add_section()
    for name, figures in rules.items():
        table.add_row(*_row(name, figures))
    return table


def _title(counts: dict[str, Any]) -> str:
    return f"{counts['fakes']} fakes, {counts['reals']} reals"


def print_results(metrics: Path, console: Console | None = None) -> None:
    """Print the test split's figures out of the vote's metrics files: pooled, then within each source with fakes.

    `metrics` is the folder of `vote.json`, `voters.json` and `within.json`; `FacesiftError` names a missing one.
    """
    console = console or Console(width=120)
    vote, voters, within = (read_json(metrics / f"{name}.json")["test"] for name in ("vote", "voters", "within"))
    pooled = vote["any_fake"]
    console.print(_table(f"test: {_title(pooled)}, all sources together", vote, voters))
    for source, inside in within.items():
        counts = inside["rules"]["any_fake"]
        if counts["reals"] < pooled["reals"]:
            title = f"test, within {source}: {_title(counts)} of this source alone"
            console.print(_table(title, inside["rules"], inside["voters"]))
    console.print("unanimous: recall and precision of the decided images; caught counts the reviewed fakes too.")
