"""Resampling ratios x losses over members, through `dvc exp`: `python -m workflow.sweep --members convnext2 --jobs 2`.

Each experiment changes one member and leaves the rest of the study at hand as it is. All figures are of validation
images. `build/sweep/` gets a table (`figures.csv`) and a picture (`sweep.svg`). What is there already is not run again.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from rich.console import Console
from rich.table import Table

from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file, write_csv
from workflow.dvc_command import dvc, run, threads_for
from workflow.experiments import FIGURES, HEADINGS, WORKSPACE, Experiment, percent, read_experiments
from workflow.picture import draw
from workflow.trials import UP_TO, name_of, overrides, queue, run_queue

LOSSES: dict[str, dict[str, Any]] = {
    "cross_entropy": {"name": "cross_entropy", "class_weights": None, "label_smoothing": 0.0},
    "focal": {"name": "focal", "gamma": 2.0, "alpha": 0.25, "label_smoothing": 0.0},
}
RATIOS = ("none", "0.1/0.5", "0.4/0.5", "1.0")
PRINTED = (("member_recall", "its recall"), ("member_precision", "its precision"), *zip(FIGURES, HEADINGS, strict=True))


@dataclass(frozen=True)
class Point:
    """One member with other ratios and another loss: `smote` or `undersample` is None where it is left out."""

    member: str
    ratio: str
    smote: float | None
    undersample: float | None
    loss: str

    def values(self, recipe: dict[str, Any]) -> list[str]:
        """Arguments of `-S` that turn the member's present recipe into this one."""
        key, resample = f"members.{self.member}", recipe["resample"]
        given = {"smote": self.smote, "undersample": self.undersample}
        if self.smote is None and self.undersample is None:
            off = {"scope": "none", "forge": None, "draw": "plan", "epoch_images": None}
            wanted: dict[str, Any] = resample | given | off
        else:
            scope = resample["scope"] if resample["scope"] != "none" else "shard"
            wanted = resample | given | {"scope": scope}
        loss: dict[str, Any] = recipe["loss"] if recipe["loss"]["name"] == self.loss else LOSSES[self.loss]
        return [*overrides(f"{key}.resample", resample, wanted), *overrides(f"{key}.loss", recipe["loss"], loss)]


def parse_ratio(text: str) -> tuple[float | None, float | None]:
    """Read `SMOTE`, `SMOTE/UNDERSAMPLE`, `/UNDERSAMPLE` or `none` (fakes per real, in (0, 1]).

    >>> parse_ratio("0.4/0.5"), parse_ratio("/0.5"), parse_ratio("none")
    ((0.4, 0.5), (None, 0.5), (None, None))
    """
    if text == "none":
        return None, None
    try:
        smote, undersample = (float(part) if part else None for part in (*text.split("/"), "")[:2])
    except ValueError:
        raise FacesiftError(f"--ratios: {text!r} is not like none, 0.4, 0.4/0.5 or /0.5") from None
    if any(ratio is not None and not 0 < ratio <= 1 for ratio in (smote, undersample)):
        raise FacesiftError(f"--ratios: {text!r} has a ratio outside of (0, 1]")
    if smote and undersample and undersample < smote:
        raise FacesiftError(f"--ratios: {text!r} undersamples to fewer fakes per real than SMOTE makes")
    return smote, undersample


def points(members: Iterable[str], ratios: Iterable[str], losses: Iterable[str]) -> list[Point]:
    """All combinations."""
    return [Point(member, ratio, *parse_ratio(ratio), loss)
            for member, ratio, loss in itertools.product(members, ratios, losses)]  # fmt: skip


def run_points(plan: list[Point], recipes: dict[str, Any], jobs: int, threads: int) -> dict[Point, str]:
    """Queue and run what was not run yet; return the experiment's name of each point that changes anything."""
    values = {point: point.values(recipes[point.member]) for point in plan}
    names = {point: name_of(f"{point.member}-{point.ratio.replace('/', '-')}-{point.loss}", values[point])
             for point in plan if values[point]}  # fmt: skip
    states = {one.name: one.state for one in read_experiments()}
    for point, name in names.items():
        if states.get(name) not in ("success", "queued"):
            queue(name, values[point])
    if any(states.get(name) != "success" for name in names.values()):
        run_queue(jobs, threads)
    return names


def figures_of(point: Point, one: Experiment) -> dict[str, Any]:
    """One row of the table: the point, the member's own figures and the committee's."""
    member = one.member(point.member)
    own = {f"member_{name}": member.get(name) for name in ("recall", "precision")}
    about = {"member": point.member, "smote": point.smote, "undersample": point.undersample, "loss": point.loss}
    return {"experiment": one.name, **about, **own, **one.figures()}


def table_of(rows: list[dict[str, Any]]) -> Table:
    """The rows as a printed table."""
    table = Table(title="validation images; recall to AP are the committee's")
    for heading in ("experiment", "member", "SMOTE", "undersample", "loss"):
        table.add_column(heading, no_wrap=True)
    for _, heading in PRINTED:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        ratios = ["-" if row[name] is None else f"{row[name]:g}" for name in ("smote", "undersample")]
        cells = [row["experiment"], row["member"], *ratios, row["loss"]]
        table.add_row(*cells, *(percent(row[name]) for name, _ in PRINTED))
    return table


def present(members: dict[str, Any], chosen: list[str]) -> list[str]:
    """Return the members to sweep: those chosen, or all that vote."""
    unknown = [name for name in chosen if name not in members]
    if unknown:
        raise FacesiftError(f"--members: no {', '.join(unknown)} in params.yaml; there are {', '.join(members)}")
    return chosen or [name for name, recipe in members.items() if recipe.get("votes", True)]


def main(arguments: list[str]) -> None:
    """Read the command line, bring the study up to date, run the sweep and write what came out."""
    parser = argparse.ArgumentParser(prog="python -m workflow.sweep", description=__doc__.partition("\n")[0])
    parser.add_argument("--members", nargs="+", default=[], help="one at a time is changed; all that vote if left out")
    parser.add_argument("--ratios", nargs="+", default=RATIOS, help="SMOTE/UNDERSAMPLE, fakes per real, or none")
    parser.add_argument("--losses", nargs="+", default=sorted(LOSSES), choices=sorted(LOSSES))
    parser.add_argument("--jobs", type=int, default=1, help="experiments at a time")
    parser.add_argument("--threads", type=int, help="of each; else OMP_NUM_THREADS, else the cores shared out")
    parser.add_argument("--folder", type=Path, default=Path("build/sweep"))
    asked = parser.parse_args(arguments)
    recipes = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["members"]
    plan = points(present(recipes, asked.members), asked.ratios, asked.losses)
    threads = threads_for(asked.jobs, asked.threads)
    dvc("repro", UP_TO, threads=threads)
    names = run_points(plan, recipes, asked.jobs, threads)
    found = {one.name: one for one in read_experiments()}
    rows = [figures_of(point, found[name]) for point in plan if (name := names.get(point, WORKSPACE)) in found
            and found[name].metrics]  # fmt: skip
    asked.folder.mkdir(parents=True, exist_ok=True)
    write_csv(asked.folder / "figures.csv", pl.DataFrame(rows, infer_schema_length=None))
    with whole_file(asked.folder / "sweep.svg") as path:
        draw(rows, found[WORKSPACE].figures(), path)
    Console(width=None if sys.stdout.isatty() else 200).print(table_of(rows))
    print(f"{asked.folder}/figures.csv, {asked.folder}/sweep.svg")
    if failed := [name for name in names.values() if name not in found or not found[name].metrics]:
        raise FacesiftError(f"failed: {', '.join(failed)}; `dvc queue logs NAME` says why")


if __name__ == "__main__":
    run(lambda: main(sys.argv[1:]))
