"""`facesift drift`: compares a stream of images with the test images, and prints the report."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facesift.cli.commands import BUNDLE, BUNDLE_FOLDER, print_json
from facesift.core.formatting import counted, percent, span

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BLOCKS = " ▁▂▃▄▅▆▇█"


def drift(
    decisions: Annotated[Path, typer.Argument(help="Table that `facesift screen` wrote: .csv, .jsonl or .parquet.")],
    *,
    bundle: Annotated[Path, typer.Option(help=BUNDLE)] = BUNDLE_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check whether the screened images are still like those that the committee was measured on.

    Exit status: 0 stable, watch or too few images to say, 3 recalibrate, 1 an error that you can correct.
    """
    from facesift.screening.drift import compare_file
    from facesift.screening.drift_verdict import RECALIBRATE

    report = compare_file(bundle, decisions)
    (print_json if as_json else print_drift)(report)
    sys.exit(3 if report["verdict"]["state"] == RECALIBRATE else 0)


def print_drift(report: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the result in one sentence, a table of the columns, a table of the decisions, and what to do.

    Args:
        report: What `screening.drift.compare_file` returns.
        console: Where to print. Without it: the standard output, 120 columns wide.
    """
    from rich.console import Console

    console = console or Console(width=120)
    console.print(report["verdict"]["sentence"], markup=False, highlight=False, soft_wrap=True)
    console.print(_columns(report["columns"]))
    console.print(_decisions(report["decisions"]))
    console.print("\n".join(_sentences(report)), markup=False, highlight=False, soft_wrap=True)


def _columns(columns: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table("column", "PSI", "by chance", "beyond chance from", "KS", "now", "reference", "")
    for name, each in columns.items():
        shares = (_sparkline(each["counts"]), _sparkline(each["reference_counts"]))
        figures = (f"{each[key]:.3f}" for key in ("psi", "expected", "limit", "largest_difference"))
        table.add_row(name, *figures, *shares, each["state"])
    return table


def _decisions(decisions: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table("decision", "images", "share", "95 %", "expected %", "")
    for name, each in decisions.items():
        ranges = (span(each["interval"], 1), span(each["expected"], 1))
        table.add_row(name, f"{each['images']:,}", percent(each["share"], 2), *ranges, each["state"])
    return table


def _sentences(report: Mapping[str, Any]) -> list[str]:
    probability, unscorable = report["probability"], report["unscorable"]
    means = probability["reference_mean"]
    images = counted(report["images"], "image")
    lacking = f"{unscorable['images']:,} without a score ({percent(unscorable['share'], 2)})"
    share = probability["holds_at"]
    at = "no known share of" if share is None else percent(share, 3)
    holds = f" (at {at} {report['positive']})"
    mean = f"mean probability{holds} {probability['mean']:.4f}; in the reference {means['others']:.4f}"
    split = (
        f"in the whole test split {means['all']:.4f} with {percent(probability['prevalence'], 2)} {report['positive']}"
    )
    return [
        f"{images}, {lacking}; compared with {report['reference_images']:,}: {report['reference_of']}",
        f"{mean}, {split}",
        *(f"To do: {advice}" for advice in report["verdict"]["advice"]),
    ]


def _sparkline(counts: list[int]) -> str:
    """Draw the counts of the bins as blocks; the largest count is a full block.

    >>> _sparkline([0, 5, 10])
    ' ▄█'
    """
    largest = max(counts) or 1
    return "".join(BLOCKS[-(-8 * count // largest)] for count in counts)
