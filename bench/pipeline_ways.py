"""Benches of the pipeline and its commands: how long each start, and each `dvc repro`, takes."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench.ways import ROOT, Way, timed
from facesift.core.errors import FacesiftError


def start(_: Path, runs: int) -> tuple[Way, Way]:
    """Import what the stages vote and operate need; the floor is tables, the schema and special functions."""
    return _imports("stages.vote, stages.operate", runs), _imports("polars, pydantic, yaml, scipy.special", runs)


def _imports(names: str, runs: int) -> Way:
    command = [sys.executable, "-c", f"import {names}"]
    return timed(lambda: subprocess.run(command, cwd=ROOT, check=True), runs)  # noqa: S603


def nothing_to_do(_: Path, runs: int) -> tuple[Way, Way]:
    """Bring a pipeline up to date that is; the floor is asking whether it is."""
    _check_finished(ROOT)
    return timed(lambda: _dvc(ROOT, "repro", "--quiet"), runs), timed(lambda: _dvc(ROOT, "status", "--quiet"), runs)


def rule_change(room: Path, _: int) -> tuple[Way, Way]:
    """Bring the pipeline up to date after another rule: with the graph kept, and traced again.

    The seconds are those of a clock on the wall: a user waits for `dvc repro` as a whole.
    """
    clone = room / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)  # noqa: S603, S607
    _dvc(clone, "cache", "dir", "--quiet", "--local", str(ROOT / ".dvc/cache"))
    _dvc(clone, "checkout", "--quiet")
    _check_finished(clone)
    rules = itertools.cycle(["majority", "unanimous"])

    def change(*, keep: bool) -> Way:
        def prepared() -> float:
            if not keep:
                shutil.rmtree(clone / ".work/graphs", ignore_errors=True)
            text = (clone / "params.yaml").read_text()
            (clone / "params.yaml").write_text(re.sub(r"(?m)^(  rule:) \w+", rf"\1 {next(rules)}", text, count=1))
            return timed(lambda: _dvc(clone, "repro", "--quiet", "--no-run-cache"), clock=time.perf_counter)()

        return prepared

    return change(keep=True), change(keep=False)


def _check_finished(folder: Path) -> None:
    """Refuse a pipeline that is not up to date: the bench would time its training."""
    status = subprocess.run(["dvc", "status", "--json"], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S607
    if changed := list(json.loads(status.stdout)):
        raise FacesiftError(
            f"{folder}: not up to date ({', '.join(changed)}); run `dvc repro` and commit dvc.lock first"
        )


def _dvc(folder: Path, *words: str) -> None:
    variables = os.environ | {"PYTHONPATH": str(folder)}  # the stages are those of the clone
    subprocess.run(["dvc", *words], cwd=folder, env=variables, check=True, capture_output=True)  # noqa: S603, S607
