"""The drift report on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from facesift.core.files import rounded

BLOCKS = " ▁▂▃▄▅▆▇█"


def print_drift(report: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the verdict first, then a table of the columns, one of the decisions, and what to do."""
    console = console or Console(width=120)
    console.print(report["verdict"]["sentence"], markup=False, highlight=False, soft_wrap=True)
    console.print(_columns(report["columns"]))
    console.print(_decisions(report["decisions"]))
    console.print("\n".join(_facts(report)), markup=False, highlight=False, soft_wrap=True)


def print_json(report: Mapping[str, Any]) -> None:
    """Print the report as JSON with sorted keys, floats as in all the program's files."""
    sys.stdout.write(json.dumps(rounded(report), indent=2, sort_keys=True, allow_nan=False) + "\n")


def _columns(columns: Mapping[str, Any]) -> Table:
    table = Table("column", "PSI", "by chance", "beyond chance from", "KS", "now", "reference", "")
    for name, each in columns.items():
        shares = (_spark(each["counts"]), _spark(each["reference_counts"]))
        figures = (f"{each[key]:.3f}" for key in ("psi", "expected", "limit", "largest_difference"))
        table.add_row(name, *figures, *shares, each["state"])
    return table


def _decisions(decisions: Mapping[str, Any]) -> Table:
    table = Table("decision", "images", "share", "95 %", "expected %", "")
    for name, each in decisions.items():
        spans = (_span(each["interval"]), _span(each["expected"]))
        table.add_row(name, str(each["images"]), f"{each['share']:.2%}", *spans, each["state"])
    return table


def _facts(report: Mapping[str, Any]) -> list[str]:
    probability, unscorable = report["probability"], report["unscorable"]
    means = probability["reference_mean"]
    counted = f"{report['images']} images, {unscorable['images']} without a score ({unscorable['share']:.2%})"
    mean = f"mean probability {probability['mean']:.4f}; in the reference {means['others']:.4f}"
    split = f"in the whole test split {means['all']:.4f} with {probability['prevalence']:.2%} {report['positive']}"
    return [
        f"{counted}; compared with {report['reference_images']}: {report['reference_of']}",
        f"{mean}, {split}",
        *(f"To do: {advice}" for advice in report["verdict"]["advice"]),
    ]


def _span(interval: Sequence[float]) -> str:
    return f"{100 * interval[0]:.1f}-{100 * interval[1]:.1f}"


def _spark(counts: list[int]) -> str:
    """Shares of the bins as blocks, the largest one full.

    >>> _spark([0, 5, 10])
    ' ▄█'
    """
    most = max(counts) or 1
    return "".join(BLOCKS[-(-8 * count // most)] for count in counts)
