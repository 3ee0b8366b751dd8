"""Compare ways of training on the same faces: `make compare-training`, or `python -m bench.compare_training`.

conf/comparison.yaml says what is compared: every way of re-sampling, from random and pretrained weights. What is not
trained yet is trained; all figures go to docs/training.json, the table and the chart into docs/training.md.
`--only SMOTE` trains some arms now and the rest another time; the table leaves out arms without a run.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from bench.toy import ROOT
from bench.training_figures import compare, populations
from bench.training_report import Tables, draw, markdown, put_between
from bench.training_runs import Comparison, Run, prepare, read_comparison, runs_of, study_of, train_all
from facesift.config.params import Params
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet, write_json
from workflow.dvc_command import run_script

FOLDER = ROOT / ".work/compare-training"
PAGE, CHART, FIGURES = (ROOT / f"docs/training.{kind}" for kind in ("md", "svg", "json"))


def select_runs(comparison: Comparison, only: list[str]) -> list[Run]:
    """Return the runs of some arms.

    Args:
        comparison: what is compared.
        only: names of arms; empty for all.

    Raises:
        FacesiftError: for an unknown arm.
    """
    if unknown := [arm for arm in only if arm not in comparison.arms]:
        raise FacesiftError(f"--only {unknown[0]!r}: no such arm; there are {', '.join(comparison.arms)}")
    return [each for each in runs_of(comparison) if not only or each.arm in only]


def figures_of(comparison: Comparison, runs: list[Run], folder: Path, positive: str) -> dict[str, Any]:
    """Return the figures of finished runs: start -> population -> arm -> figure.

    Args:
        comparison: what is compared.
        runs: those that have scores.
        folder: that they ran in.
        positive: name of the class that is looked for.
    """
    split = read_parquet(folder / "data/split.parquet", ["image_id", "source", "label", "group", "split"])
    tables: dict[str, Any] = {}
    for start in comparison.starts:
        arms = {arm: [_scores(folder, each) for each in _of(runs, start, arm)] for arm in comparison.arms}
        tables[start] = {
            images.name: compare(images, arms, positive, comparison.review_rate)
            for images in populations(split, positive)
        }
    return tables


def _of(runs: list[Run], start: str, arm: str) -> list[Run]:
    return [each for each in runs if (each.start, each.arm) == (start, arm)]


def _scores(folder: Path, each: Run) -> pl.DataFrame:
    return read_parquet(folder / f"data/scores/{each.member}.parquet")


def in_order(figures: Tables, comparison: Comparison) -> Tables:
    """Put figures that were read from a file, sorted by key, into the comparison's order."""
    return {
        start: {
            name: {arm: found[arm] for arm in comparison.arms if arm in found} for name, found in figures[start].items()
        }
        for start in comparison.starts
    }


def by_start(failed: Mapping[Run, str]) -> dict[str, dict[str, str]]:
    """Return the reasons of failed runs by start and arm: that of the arm's last seed."""
    found: dict[str, dict[str, str]] = {}
    for each, reason in failed.items():
        found.setdefault(each.start, {})[each.arm] = f"seed {each.seed}: {reason}"
    return found


def train_runs(params: Params, runs: list[Run], jobs: int) -> dict[Run, str]:
    """Train what is not trained yet, print each run's outcome, and return the reasons of those that failed."""
    failed: dict[Run, str] = {}
    start = time.monotonic()
    for number, (each, reason) in enumerate(train_all(params, runs, FOLDER, jobs), 1):
        failed |= {each: reason} if reason else {}
        minutes = (time.monotonic() - start) / 60
        print(f"{number} of {len(runs)}: {each.member}: {reason or 'trained'} ({minutes:.0f} min)", flush=True)
    return failed


def main(
    *,
    jobs: Annotated[int, typer.Option(min=1, help="runs at a time")] = 2,
    only: Annotated[
        list[str] | None, typer.Option(metavar="ARM", help="train this arm alone (repeatable)", show_default="all arms")
    ] = None,
) -> None:
    """Train every arm of conf/comparison.yaml, and write figures, table and chart into docs/."""
    comparison = read_comparison()
    every = runs_of(comparison)
    chosen = select_runs(comparison, only or [])
    params = prepare(study_of(comparison, every), FOLDER)
    failed = train_runs(params, chosen, jobs)
    trained = [each for each in every if (FOLDER / f"runs/{each.member}.json").is_file() and each not in failed]
    tables, reasons = figures_of(comparison, trained, FOLDER, params.positive), by_start(failed)
    write_json(FIGURES, {"figures": tables, "failed": reasons, "review_rate": comparison.review_rate})
    draw(tables, CHART, next(iter(comparison.arms)))
    put_between(PAGE, "figures", markdown(tables, reasons))
    print(f"{PAGE.relative_to(ROOT)}, {CHART.relative_to(ROOT)} and {FIGURES.relative_to(ROOT)} are new")


if __name__ == "__main__":
    run_script(main)
