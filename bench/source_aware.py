"""Compare the choices of `stack.sources` and `operating.sources` on one study: `python -m bench.source_aware`.

Run in a repository whose members have scored (`data/split.parquet`, `data/scores`). Prints a table in Markdown and
writes nothing: pooled test figures, then those within each source that holds fakes and real images. `--json` prints all
that `bench.source_choices.compare` returns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.source_choices import FIGURES, POOLED, STACK, compare
from facesift.config.params import load_params
from facesift.core.errors import FacesiftError
from facesift.core.files import rounded
from facesift.core.scores import read_held_out
from facesift.evaluation.results_table import share
from workflow.dvc_command import run_script

HEADINGS = (  # the last four: `FIGURES`, and false alarms
    "test images", "stack.sources", "operating.sources", "AUC", "gain", "AP", "recall of decided", "caught",
    "to review", "false alarms",
)  # fmt: skip


def markdown(rows: Sequence[Mapping[str, Any]], point: str) -> str:
    """Write rows of `compare` as a table in Markdown, pooled figures first.

    Args:
        rows: what `facesift.evaluation.source_aware.compare` returns.
        point: the operating point that figures are of; unknown ones are `-`.
    """
    places = list(dict.fromkeys(row["where"] for row in rows))
    table = [HEADINGS, ["---"] * len(HEADINGS)]
    table += [_cells(row, point) for place in places for row in rows if row["where"] == place]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)


def _cells(row: Mapping[str, Any], point: str) -> list[str]:
    where = "all sources" if row["where"] == POOLED else f"within {row['where']}"
    place = f"{where} ({row['fakes']:,} fakes of {row['images']:,})"
    gain = "-" if row["stack"] == STACK[0] else _area(row, "auc_gain", "+")
    shares = _shares(row["points"].get(point))
    return [place, row["stack"], row["operating"], _area(row, "auc"), gain, _area(row, "ap"), *shares]


def _shares(figures: Mapping[str, Any] | None) -> list[str]:
    if figures is None:  # a guarantee that could not be given with this choice
        return ["-"] * (len(FIGURES) + 1)
    return [*(share(figures[name], figures[f"{name}_interval"]) for name in FIGURES), f"{figures['false_alarms']:,}"]


def _area(row: Mapping[str, Any], name: str, sign: str = "") -> str:
    value, interval = row[name], row[f"{name}_interval"]
    if value is None:
        return "-"
    span = f" ({interval[0]:{sign}.3f} to {interval[1]:{sign}.3f})" if interval else ""
    return f"{value:{sign}.3f}{span}"


def comparison_text(point: str, *, as_json: bool) -> str:
    """Compare the study of the current folder and return the text to print.

    Args:
        point: name of an operating point.
        as_json: return all figures as JSON instead of a table.

    Raises:
        FacesiftError: if no choice has such an operating point.
    """
    params = load_params()
    held = read_held_out(Path("data"), params.voting, params.class_names, stacker=False)
    rows = compare(held, params)
    if as_json:
        return json.dumps(rounded(rows), indent=2)
    known = sorted({name for row in rows for name in row["points"]})
    if point not in known:
        raise FacesiftError(f"--point {point!r} is none that could be chosen; there are {', '.join(known)}")
    title = f"Study {params.study}, test; thresholds of the point {point}; intervals 95 %; AUC gain over as_they_come"
    return f"{title}\n\n{markdown(rows, point)}"


def main(
    *,
    point: Annotated[str, typer.Option(help="cost, max_review, target_recall or guarantee")] = "max_review",
    as_json: Annotated[bool, typer.Option("--json", help="all figures, instead of the table")] = False,
) -> None:
    """Compare how stack and thresholds are fitted by source, on the study of the current folder."""
    print(comparison_text(point, as_json=as_json))


if __name__ == "__main__":
    run_script(main)
