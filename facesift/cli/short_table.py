"""The short table of a finished run, for the terminal: what each rule did with fakes and reals of the test split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from facesift.core.intervals import clopper_pearson
from facesift.evaluation.results_table import share

Figures = Mapping[str, Any]
MARK = "->"
HEADINGS = (
    "rule",
    "of the fakes: stopped",
    "or sent to a person",
    "of 1,000 reals: wrongly stopped",
    "seen by a person",
)
NEXT = """facesift review                     # look at the images that a person has to decide
make study NAME=folders_best        # your own faces, from data/raw/folders/; README.md says what comes next
dvc exp run -S vote.rule=majority   # change one thing: only what depends on it runs again"""


def print_short(rule: str, vote: Mapping[str, Figures], seconds: int | None, console: Console | None = None) -> None:
    """Print a table of all rules with the one in force marked, a sentence on it, and where to go from there.

    Args:
        rule: the rule in force.
        vote: test figures of each rule.
        seconds: how long the run took; None: not known.
        console: where to print; None for the terminal.
    """
    console = console or Console(width=120)
    table = Table("", *HEADINGS)
    for name, figures in vote.items():
        table.add_row(MARK if name == rule else "", name, *_cells(figures), style="bold" if name == rule else "")
    console.print(table)
    took = "" if seconds is None else f" This run took {seconds // 60} min {seconds % 60:02} s."
    for line in (f"{MARK} the rule in force. {sentence(vote[rule])}", f"Read report/index.html in a browser.{took}"):
        console.print(line, markup=False, highlight=False)
    console.print(f"Next:\n{NEXT}", markup=False, highlight=False)


def sentence(figures: Figures) -> str:
    """Say what a rule did on the test split: fakes caught, reals bothered.

    Args:
        figures: the rule's counts, as in `metrics/vote.json`.

    Returns:
        One sentence with the 95 % interval of the fakes caught.
    """
    fakes, caught = _fakes(figures), figures["tp"] + figures.get("review_fake", 0)
    interval = clopper_pearson(caught, fakes)
    span = f" (95 % interval {100 * interval[0]:.0f} to {100 * interval[1]:.0f} %)" if interval else ""
    stopped, seen = (_per_thousand(figures, each) for each in (figures["fp"], figures.get("review_real", 0)))
    return (
        f"It caught {caught} of {fakes} test fakes{span}, and of 1,000 real people it stops {stopped} wrongly and "
        f"sends {seen} to a person."
    )


def _cells(figures: Figures) -> list[str]:
    fakes, stopped, reviewed = _fakes(figures), figures["tp"], figures.get("review_fake", 0)
    caught = stopped + reviewed
    return [
        share(stopped / fakes if fakes else None, None, f"{stopped}/{fakes}"),
        share(caught / fakes if fakes else None, clopper_pearson(caught, fakes), f"{caught}/{fakes}"),
        *(_per_thousand(figures, count) for count in (figures["fp"], figures.get("review_real", 0))),
    ]


def _per_thousand(figures: Figures, count: int) -> str:
    reals = int(figures["reals"] + figures.get("review_real", 0))
    return f"{1000 * count / reals:.0f}" if reals else "-"


def _fakes(figures: Figures) -> int:
    return int(figures["fakes"] + figures.get("review_fake", 0))
