"""Benches of the pipeline and its commands: how long each start, and each `dvc repro`, takes."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.ways import ROOT, Way, timed


def start(_: Path, runs: int) -> tuple[Way, Way]:
    """Import what the stages vote and operate need; the floor is tables, the schema and special functions."""
    return _imports("stages.vote, stages.operate", runs), _imports("polars, pydantic, yaml, scipy.special", runs)


def _imports(names: str, runs: int) -> Way:
    def run() -> None:
        for _ in range(runs):
            subprocess.run([sys.executable, "-c", f"import {names}"], cwd=ROOT, check=True)  # noqa: S603

    return timed(run)


def nothing_to_do(_: Path, runs: int) -> tuple[Way, Way]:
    """Bring a pipeline up to date that is; the floor is asking whether it is."""
    return _dvc(ROOT, runs, "repro", "--quiet"), _dvc(ROOT, runs, "status", "--quiet")


def rule_change(room: Path, _: int) -> tuple[Way, Way]:
    """Bring the pipeline up to date after another rule: with the graph kept, and traced again."""
    clone = room / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)  # noqa: S603, S607
    subprocess.run(["dvc", "cache", "dir", "--quiet", "--local", str(ROOT / ".dvc/cache")], cwd=clone, check=True)  # noqa: S603, S607
    _dvc(clone, 1, "checkout", "--quiet")()
    rules = itertools.cycle(["majority", "unanimous"])

    def change(*, keep: bool) -> float:
        if not keep:
            shutil.rmtree(clone / ".work/graphs", ignore_errors=True)
        text = (clone / "params.yaml").read_text()
        (clone / "params.yaml").write_text(re.sub(r"(?m)^(  rule:) \w+", rf"\1 {next(rules)}", text, count=1))
        return _dvc(clone, 1, "repro", "--quiet", "--no-run-cache")()

    return lambda: change(keep=True), lambda: change(keep=False)


def _dvc(folder: Path, runs: int, *words: str) -> Way:
    def run() -> None:
        for _ in range(runs):
            subprocess.run(["dvc", *words], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607

    return timed(run)
