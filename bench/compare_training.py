"""Every way of re-sampling, from random and pretrained weights, on the same faces: `python -m bench.compare_training`.

What is compared stands in conf/comparison.yaml. Trains what is not trained yet, writes all figures to
docs/training.json, and puts the table and the picture into docs/training.md. `--only SMOTE` trains some arms now and
the rest another time; arms without a run are left out of the table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from bench.toy import ROOT
from bench.training_figures import compare, populations
from bench.training_report import Tables, draw, markdown, put_between
from bench.training_runs import Comparison, Run, prepare, read_comparison, runs_of, study_of, train_all
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet, write_json
from workflow.dvc_command import run

ROOM = ROOT / ".work/compare-training"
PAGE, PICTURE, FIGURES = (ROOT / f"docs/training.{kind}" for kind in ("md", "svg", "json"))


def wanted(comparison: Comparison, only: list[str]) -> list[Run]:
    """List the runs of some arms, all if none is named; `FacesiftError` for an arm that there is not."""
    if unknown := [arm for arm in only if arm not in comparison.arms]:
        raise FacesiftError(f"--only {unknown[0]!r}: no such arm; there are {', '.join(comparison.arms)}")
    return [each for each in runs_of(comparison) if not only or each.arm in only]


def judge(comparison: Comparison, runs: list[Run], room: Path, positive: str) -> dict[str, Any]:
    """Figures of these runs: start -> population -> arm -> figure."""
    split = read_parquet(room / "data/split.parquet", ["image_id", "source", "label", "group", "split"])
    tables: dict[str, Any] = {}
    for start in comparison.starts:
        arms = {arm: [_scores(room, each) for each in _of(runs, start, arm)] for arm in comparison.arms}
        tables[start] = {
            images.name: compare(images, arms, positive, comparison.review_rate)
            for images in populations(split, positive)
        }
    return tables


def _of(runs: list[Run], start: str, arm: str) -> list[Run]:
    return [each for each in runs if (each.start, each.arm) == (start, arm)]


def _scores(room: Path, each: Run) -> pl.DataFrame:
    return read_parquet(room / f"data/scores/{each.member}.parquet")


def in_order(figures: Tables, comparison: Comparison) -> Tables:
    """Put figures read from the file, whose keys are sorted, into the comparison's order."""
    return {
        start: {
            name: {arm: found[arm] for arm in comparison.arms if arm in found} for name, found in figures[start].items()
        }
        for start in comparison.starts
    }


def by_start(failed: Mapping[Run, str]) -> dict[str, dict[str, str]]:
    """Order reasons by start and arm; an arm's last seed decides."""
    found: dict[str, dict[str, str]] = {}
    for each, reason in failed.items():
        found.setdefault(each.start, {})[each.arm] = f"seed {each.seed}: {reason}"
    return found


def main() -> None:
    """Train, judge and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare_training", description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--only", action="append", default=[], metavar="ARM", help="train this arm alone (repeatable)")
    asked = parser.parse_args()
    comparison, begun = read_comparison(), time.monotonic()
    every = runs_of(comparison)
    params = prepare(study_of(comparison, every), ROOM)
    failed: dict[Run, str] = {}
    chosen = wanted(comparison, asked.only)
    for number, (each, reason) in enumerate(train_all(params, chosen, ROOM, asked.jobs), 1):
        failed |= {each: reason} if reason else {}
        minutes = (time.monotonic() - begun) / 60
        print(f"{number} of {len(chosen)}: {each.member}: {reason or 'trained'} ({minutes:.0f} min)", flush=True)
    there = [each for each in every if (ROOM / f"runs/{each.member}.json").is_file() and each not in failed]
    tables = judge(comparison, there, ROOM, params.positive)
    reasons = by_start(failed)
    write_json(FIGURES, {"figures": tables, "failed": reasons, "review_rate": comparison.review_rate})
    draw(tables, PICTURE, next(iter(comparison.arms)))
    put_between(PAGE, "figures", markdown(tables, reasons))
    print(f"{PAGE.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)} and {FIGURES.relative_to(ROOT)} are new")


if __name__ == "__main__":
    run(main)
