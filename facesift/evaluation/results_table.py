"""Tables of the test figures for the terminal, with counts and interval beside each figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesift.core.files import read_json
from facesift.core.formatting import area, counted, percent, span
from facesift.evaluation.seed_spread import spread_lines
from facesift.evaluation.standard_table import (
    Rows,
    cross_fitted_columns,
    error_rows,
    kind_rows,
    left_out_rows,
    ranking_rows,
    standard_columns,
)

if TYPE_CHECKING:  # rich takes a while to import: most stages only write shares
    from rich.console import Console
    from rich.table import Table

KIND_RULES = ("majority", "unanimous")  # whose APCER is printed for each kind of fakes: more do not fit

Figures = Mapping[str, Any]
Interval = Sequence[float]  # low, high

FOOTNOTE = """In brackets: counts, and the 95 % interval (shares: Clopper-Pearson; areas, standard figures: bootstrap).
unanimous: recall and precision of the decided images; caught counts the reviewed fakes too.
Standard figures rank the test images by the stacker; their thresholds are read off these images and choose nothing.
APCER: fakes decided real. BPCER: reals decided fake. Images sent to a person are neither. See docs/metrics.md."""

UNSEEN = "Cross-fitted, left out: of all splits; each image was judged by a committee that saw neither it nor a copy."


def _digits(interval: Interval) -> int:
    """Choose the digits after the decimal point of a per cent from the width of its interval."""
    width = interval[1] - interval[0]
    return 0 if width >= 0.05 else 1 if width >= 0.002 else 2


def share(value: float | None, interval: Interval | None = None, counts: str = "") -> str:
    """Format a share as per cent, with its counts and interval.

    Args:
        value: share in [0, 1]; None where it is unknown.
        interval: ends of the 95 % interval, in [0, 1].
        counts: counts that the share rests on, as text.

    Returns:
        The text; a dash in place of an unknown share.

    >>> share(5 / 6, [0.3588, 0.9958], "5/6"), share(0.0232, [0.0212, 0.0254]), share(None, counts="0/0")
    ('83.33 % (5/6; 36-100)', '2.32 % (2.1-2.5)', '- (0/0)')
    """
    ends = span(interval, _digits(interval)) if interval else ""
    beside = "; ".join(part for part in (counts, ends) if part)
    return percent(value, 2) + (f" ({beside})" if beside else "")


def _area(figures: Figures, name: str) -> str:
    interval = figures.get(f"{name}_interval")
    return area(figures.get(name), interval, min(_digits(interval) + 2, 3) if interval else 0)


def _share(figures: Figures, name: str, counts: str = "") -> str:
    return share(figures[name], figures.get(f"{name}_interval"), counts)


def _shares(figures: Figures) -> list[str]:
    tp = figures["tp"]
    return [
        _share(figures, "recall", f"{tp}/{figures['fakes']}"),
        _share(figures, "precision", f"{tp}/{tp + figures['fp']}"),
        share(figures["f1"]),
    ]


def _areas(figures: Figures) -> list[str]:
    return [_area(figures, "auc"), _area(figures, "ap")]


def _screened(figures: Figures) -> list[str]:
    if "review_rate" not in figures:
        return ["", ""]
    fakes = figures["fakes"] + figures["review_fake"]
    caught = figures["tp"] + figures["review_fake"]
    return [_share(figures, "review_rate"), _share(figures, "caught", f"{caught}/{fakes}")]


def _table(
    headings: tuple[str, ...], rows: Mapping[str, Figures], more: Callable[[Figures], list[str]], title: str | None
) -> Table:
    from rich.table import Column, Table  # noqa: PLC0415

    shares = ("recall (of fakes)", "precision (of calls)", "F1")
    table = Table(Column(overflow="fold"), *shares, *headings, title=title, title_justify="left")
    for name, figures in rows.items():
        table.add_row(name, *_shares(figures), *more(figures))
    return table


def _print_pair(console: Console, title: str, voters: Mapping[str, Figures], rules: Mapping[str, Figures]) -> None:
    """Print each voter by itself with its ranking, then what the rules make of all votes."""
    console.print(_table(("AUC", "AP"), voters, _areas, title))
    console.print(_table(("to review", "caught"), rules, _screened, None))


def _print_standard(console: Console, standard: Figures, cross_fit: Figures) -> None:
    """Print the standard figures of the ranking, the error rates of the decisions, and both for each kind of fakes."""
    columns = standard_columns(standard) | cross_fitted_columns(cross_fit)
    of = "test and cross-fitted" if cross_fit else "test"
    console.print(_rich(ranking_rows(columns), f"{of}: standard figures of the stacker's ranking"))
    console.print(_rich(error_rows(standard["decisions"]), "test: error rates of the decisions"))
    kinds = kind_rows(standard["kinds"], standard["decisions"]["rules"], KIND_RULES)
    console.print(_rich(kinds, "test: kinds of fakes, each against the reals of its own sources"))


def _print_unseen(console: Console, cross_fit: Figures, left_out: Figures) -> None:
    """Print what committees decide that never saw the image, then how they rank kinds of fakes that they never saw."""
    for name, found in cross_fit.items():
        stacker = found["voters"]["stacker"]
        title = f"cross-fitted ({name}): {_title(stacker)}, stacker's AUC {_area(stacker, 'auc')}"
        console.print(_table(("to review", "caught"), found["rules"], _screened, title))
    for name, found in left_out.items():
        console.print(_rich(left_out_rows(found), f"left out ({name}): kinds of fakes that the committee never saw"))


def _rich(found: Rows, title: str) -> Table:
    from rich.table import Column, Table  # noqa: PLC0415

    table = Table(*(Column(heading, overflow="fold") for heading in found.headings), title=title, title_justify="left")
    for row in found.rows:
        table.add_row(*row)
    return table


def _title(counts: Figures) -> str:
    return f"{counted(counts['fakes'], 'fake')}, {counted(counts['reals'], 'real')}"


def print_results(metrics: Path, console: Console | None = None, *, later_stages: bool = True) -> None:
    """Print the figures of the test split: on all sources together, within each source, and by their standard names.

    Cross-fitted figures stand beside them, and kinds of fakes that were left out after them, where a study has any.

    Args:
        metrics: folder of `vote.json`, `voters.json`, `within.json` and `standard.json`; where these files are there,
            also of `cross_fit.json` and `leave_out.json`, of `operating.json` with the points that are not offered, and
            of `stability.json` with the spread over seeds.
        console: where to print; None for the terminal.
        later_stages: also print what stages after `vote` have written. While `vote` runs, that is of an earlier run.

    Raises:
        FacesiftError: one of the files is missing.
    """
    from rich.console import Console  # noqa: PLC0415

    console = console or Console(width=120)
    vote, voters, within = (read_json(metrics / f"{name}.json")["test"] for name in ("vote", "voters", "within"))
    pooled = vote["any_fake"]
    _print_pair(console, f"test: {_title(pooled)}, all sources together", voters, vote)
    for source, inside in within.items():
        counts = inside["rules"]["any_fake"]
        if counts["reals"] < pooled["reals"]:
            title = f"test, within {source}: {_title(counts)} of this source alone"
            _print_pair(console, title, inside["voters"], inside["rules"])
    later = [_optional(metrics / f"{name}.json") if later_stages else {} for name in ("cross_fit", "leave_out")]
    cross_fit, left_out = later
    _print_standard(console, read_json(metrics / "standard.json")["test"], cross_fit)
    _print_unseen(console, cross_fit, left_out)
    console.print(FOOTNOTE, markup=False, highlight=False)
    unseen = [UNSEEN] if cross_fit or left_out else []
    for line in [*unseen, *(_not_offered(metrics) + spread_lines(metrics) if later_stages else [])]:
        console.print(line, markup=False, highlight=False)


def _not_offered(metrics: Path) -> list[str]:
    """Say which operating points are not offered and why, where `operate` has run."""
    withheld = _optional(metrics / "operating.json").get("not_offered", {})
    return [f"Operating point {name} is not offered: {each['why']}." for name, each in withheld.items()]


def _optional(path: Path) -> Figures:
    """Read a metrics file; empty where its stage has not run."""
    return read_json(path) if path.is_file() else {}
