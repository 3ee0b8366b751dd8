"""The result as a table on the screen: what a person asks first, with the number of images each figure rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from facesift.intervals import span
from facesift.storage import read_json


def share(value: float | None) -> str:
    """Format a share as per cent; a dash where there was nothing to divide by.

    >>> share(0.91667), share(None)
    ('91.67 %', '-')
    """
    return "-" if value is None else f"{value:.2%}".replace("%", " %")


def _with_interval(figures: dict[str, Any], key: str) -> str:
    """One decimal and the interval: `83.3 % [36-100]`."""
    if key not in figures:
        return ""
    value, ends = figures[key], span(figures[f"{key}_interval"])
    return f"{value:.1%}".replace("%", " %") + f" \\[{ends}]" if value is not None else "-"


def _area(figures: dict[str, Any], key: str) -> str:
    value, ends = figures.get(key), figures.get(f"{key}_interval")
    if value is None:
        return ""
    return f"{value:.3f}" + (f" \\[{ends[0]:.2f}-{ends[1]:.2f}]" if ends else "")


def _row(name: str, figures: dict[str, Any]) -> list[str]:
    return [
        name,
        f"{_with_interval(figures, 'recall')} ({figures['tp']}/{figures['fakes']})",
        f"{_with_interval(figures, 'precision')} ({figures['tp']}/{figures['tp'] + figures['fp']})",
        _with_interval(figures, "review_rate"),
        _with_interval(figures, "caught"),
        _area(figures, "auc"),
        _area(figures, "ap"),
    ]


def _table(title: str, rules: dict[str, Any], voters: dict[str, Any]) -> Table:
    headings = ("recall (fakes)", "precision (calls)", "to review", "caught", "AUC", "AP")
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
    console.print("In brackets \\[95 % interval]: per cent by Clopper-Pearson, areas by bootstrap.")
    console.print("unanimous: recall and precision of the decided images; caught counts the reviewed fakes too.")
