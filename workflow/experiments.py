"""What each experiment changed and reached, in one table: `python -m workflow.experiments`.

The figures are those that experiments are chosen by, of the validation images: who chooses by the test images has no
test left.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from facesift.core.errors import FacesiftError
from facesift.core.formatting import percent
from workflow.dvc_command import dvc_output, run_script

FIGURES = ("recall", "precision", "review_rate", "caught", "ap")
HEADINGS = ("recall", "precision", "to review", "caught", "AP")
SUMMARY = "metrics/summary.json"
FILES = ("metrics/vote.json", "metrics/voters.json", "metrics/members.json", SUMMARY)
BASE = "(as committed)"
WORKSPACE = "(as it is)"


@dataclass(frozen=True)
class Experiment:
    """One experiment, or the work tree, or the commit that both began at.

    Attributes:
        name: as DVC lists it.
        state: DVC's word, such as success, queued or failed; empty for work tree and commit.
        params: the tree of params.yaml.
        metrics: a tree for each metrics file, by path; empty if it did not run to its end.
    """

    name: str
    state: str
    params: dict[str, Any]
    metrics: dict[str, dict[str, Any]]

    def figures(self, split: str = "val") -> dict[str, float | None]:
        """Return the figures of the study's rule, and the average precision (AP) of the stacker.

        Args:
            split: `val` or `test`.

        Returns:
            The figures of `FIGURES`, in [0, 1]; None where one is not known. `review_rate` is the share of images sent
            to a person, `caught` the share of fakes that are decided fake or sent to a person.
        """
        rule = self._tree("metrics/vote.json").get(split, {}).get(self.params.get("vote", {}).get("rule"), {})
        stacker = self._tree("metrics/voters.json").get(split, {}).get("stacker", {})
        return {name: (stacker if name == "ap" else rule).get(name) for name in FIGURES}

    def member(self, name: str) -> dict[str, Any]:
        """Return the figures of one member on validation images; empty if it was not trained."""
        return dict(self._tree("metrics/members.json").get(name, {}).get("val", {}))

    def changes(self, base: Experiment) -> dict[str, str]:
        """Return the parameters that differ from another experiment's, by dotted key; `-` for one that is gone."""
        ours, others = dict(flat(self.params)), dict(flat(base.params))
        keys = [*ours, *(key for key in others if key not in ours)]
        return {key: ours.get(key, "-") for key in keys if ours.get(key) != others.get(key)}

    def _tree(self, file: str) -> dict[str, Any]:
        return self.metrics.get(file, {})


def flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted key and the value, as text, of each leaf of a tree.

    >>> dict(flat({"vote": {"rule": "soft"}, "seed": 1}))
    {'vote.rule': 'soft', 'seed': '1'}
    """
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(value)


def read_experiments() -> list[Experiment]:
    """Return the work tree, the commit that it began at, and all experiments that began there, in this order.

    Raises:
        FacesiftError: if the repository has no commit yet.
    """
    rows = json.loads(dvc_output("exp", "show", "--json", "--no-fetch"))
    if len(rows) < 2:
        raise FacesiftError("git: no commit yet; experiments start from one")
    workspace, base = rows[:2]
    found = [_experiment(workspace, WORKSPACE, ""), _experiment(base, BASE, "")]
    for row in base["experiments"] or []:
        state = (row["executor"] or {}).get("state", "success")
        found += [_experiment(each, row["name"], state) for each in row["revs"][:1]]
    return found


def _experiment(row: Mapping[str, Any], name: str, state: str) -> Experiment:
    data = row["data"] or {}
    params = data.get("params", {}).get("params.yaml", {}).get("data", {})
    metrics = read_metrics(row["rev"]) if state in ("", "success") else {}
    return Experiment(name or row["rev"][:7], state, params, metrics)


def read_metrics(rev: str) -> dict[str, dict[str, Any]]:
    """Return the figures that experiments are chosen by, as they stand in a commit or in the `workspace`.

    DVC knows `metrics/summary.json` alone, whose figures are of test images: of no use to choose by.
    """
    found = {}
    for file in FILES:
        text = _text(rev, file)
        if text:
            found[file] = json.loads(text)
    return found


def _text(rev: str, file: str) -> str:
    """Content of a file in a commit or in the work tree; empty if it is not there."""
    if rev == "workspace":
        return Path(file).read_text(encoding="utf-8") if Path(file).is_file() else ""
    command = ["git", "show", f"{rev}:./{file}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def table_of(found: list[Experiment], split: str) -> Table:
    """Make a table with a row for each experiment: what it changed against the commit, and its figures."""
    base = found[1]
    table = Table(
        title=f"study {base.params.get('study', '?')}, {split} images, rule of the vote and AP of the stacker"
    )
    table.add_column("experiment", no_wrap=True)
    table.add_column("changed")
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        state = f" ({one.state})" if one.state not in ("", "success") else ""
        changes = "\n".join(f"{key}={value}" for key, value in one.changes(base).items())
        figures = one.figures(split)
        table.add_row(one.name + state, changes, *(percent(figures[name]) for name in FIGURES))
    return table


def main(
    *, split: Annotated[Literal["val", "test"], typer.Option(help="the images that the figures are of")] = "val"
) -> None:
    """Print what each experiment changed and reached."""
    Console(width=None if sys.stdout.isatty() else 160).print(table_of(read_experiments(), split))


if __name__ == "__main__":
    run_script(main)
