"""Train the study at hand again with other seeds: `python -m workflow.stability --seeds 5`.

Each training is a `dvc exp run` in a temporary directory, so the work tree stays as it is. The split keeps its seed;
what changes are the seeds of all members and of the stack. `metrics/stability.json` gets the spread of every figure of
`metrics/summary.json`. What ran before on the same commit is not run again.

A figure that moves with the seed moves as much with the processor: other rounding leads a training elsewhere, too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from facesift.core.errors import FacesiftError
from facesift.core.files import write_json
from facesift.evaluation.seed_spread import FILE, spread, study_digest
from workflow.dvc_command import run_script, threads_for
from workflow.experiment_runs import experiment_name, queue, run_queue
from workflow.experiments import SUMMARY, read_experiments

COLUMNS = ("min", "median", "max", "sd")
STEP = 1000  # between the seeds of two trainings: members of one study have small ones, which stay different


def seed_values(tree: dict[str, Any], number: int) -> list[str]:
    """Return the values to set for one training: all seeds of members and stack, raised by `number` steps.

    Args:
        tree: the content of params.yaml.
        number: of the training, from 1 on.

    >>> seed_values({"members": {"one": {"seed": 3}}, "stack": {"seed": 5}}, 2)
    ['members.one.seed=2003', 'stack.seed=2005']
    """
    seeds = {f"members.{name}.seed": member["seed"] for name, member in tree["members"].items()}
    return [f"{key}={seed + number * STEP}" for key, seed in (seeds | {"stack.seed": tree["stack"]["seed"]}).items()]


def run_seeds(tree: dict[str, Any], seeds: int, jobs: int, threads: int) -> list[str]:
    """Run the trainings that did not run before.

    Args:
        tree: the content of params.yaml.
        seeds: how many trainings.
        jobs: trainings at a time.
        threads: of each.

    Returns:
        The names of the experiments.
    """
    values = [seed_values(tree, number) for number in range(1, seeds + 1)]
    names = [experiment_name(f"seeds-{number}", each) for number, each in enumerate(values, start=1)]
    states = {one.name: one.state for one in read_experiments()}
    for name, each in zip(names, values, strict=True):
        if states.get(name) not in ("success", "queued"):
            queue(name, each)
    if any(states.get(name) != "success" for name in names):
        run_queue(jobs, threads)
    return names


def read_summaries(names: list[str]) -> list[dict[str, Any]]:
    """Return the headline figures of the experiments.

    Raises:
        FacesiftError: when one has none, because it failed.
    """
    found = {one.name: one.metrics.get(SUMMARY) for one in read_experiments()}
    if failed := [name for name in names if not found.get(name)]:
        raise FacesiftError(f"failed: {', '.join(failed)}; `dvc queue logs NAME` says why")
    return [summary for name in names if (summary := found[name])]


def table_of(figures: dict[str, dict[str, Any]], title: str) -> Table:
    """Lay out the spread for the terminal."""
    table = Table(title=title)
    table.add_column("figure")
    for heading in COLUMNS:
        table.add_column(heading, justify="right")
    for name, each in figures.items():
        if "counts" in each:
            table.add_row(name, ", ".join(f"{word}: {times}" for word, times in each["counts"].items()))
        else:
            table.add_row(name, *("-" if each[key] is None else f"{each[key]:.4g}" for key in COLUMNS))
    return table


def main(
    *,
    seeds: Annotated[int, typer.Option(help="trainings, each with other seeds; 2 at least")] = 5,
    jobs: Annotated[int, typer.Option(min=1, help="trainings at a time")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="of each", show_default="OMP_NUM_THREADS, or a share of the cores")
    ] = None,
) -> None:
    """Train the study again with other seeds, and write how far its headline figures move."""
    if seeds < 2:
        raise FacesiftError(f"SEEDS={seeds}: a spread takes two trainings at least, such as `make stability SEEDS=5`")
    tree = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    figures = spread(read_summaries(run_seeds(tree, seeds, jobs, threads_for(jobs, threads))))
    path = Path("metrics") / FILE
    write_json(path, {"study": tree["study"], "seeds": seeds, "params": study_digest(tree), "figures": figures})
    title = f"study {tree['study']}, test images, {seeds} trainings with other seeds"
    Console(width=None if sys.stdout.isatty() else 120).print(table_of(figures, title))
    print(f"{path}: `facesift results` shows it, too, and after `dvc repro report` the page does")


if __name__ == "__main__":
    run_script(main)
