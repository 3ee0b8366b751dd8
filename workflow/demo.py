"""Run the pipeline as a newcomer does, and say what came of it: `make demo`, or `python -m workflow.demo`.

The figures in git are those of one machine. Another processor adds numbers up in another order, even with the same
instruction set, and a training of some thousand steps makes other networks of that. So this says at the end how far
the figures are from those in git.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facesift.config.params import load_params
from facesift.core.files import read_json
from facesift.evaluation.short_table import print_short
from workflow.dvc_command import dvc, run_script

METRICS = Path("metrics")
SUMMARY = METRICS / "summary.json"
RESTORE = "git checkout -- dvc.lock metrics"  # and `dvc repro` makes them anew


def main() -> None:
    """Run `dvc repro`; print a short table, the duration, and how far the figures are from those in git."""
    start = time.monotonic()
    dvc("repro")
    seconds = round(time.monotonic() - start)
    print_short(load_params().vote.rule, read_json(METRICS / "vote.json")["test"], seconds)
    print(compared(read_json(SUMMARY), committed(SUMMARY)))


def committed(path: Path) -> dict[str, Any] | None:
    """Return a file of figures as git has it; None where there is no git or no such file in it."""
    try:
        command = ["git", "show", f"HEAD:./{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError):
        return None


def compared(here: Mapping[str, Any], in_git: Mapping[str, Any] | None) -> str:
    """Say how far the figures of a run are from those in git.

    Args:
        here: figures of `metrics/summary.json` by name; None where a figure is not known.
        in_git: the same as git has them; None: git has none.

    Returns:
        One sentence, or two.
    """
    if in_git is None:
        return "Git holds no figures to compare these with."
    apart = [
        f"{name} {_shown(here.get(name))} ({_shown(in_git[name])})" for name in in_git if here.get(name) != in_git[name]
    ]
    if not apart:
        return f"All figures of {SUMMARY} are those in git."
    return (
        f"Here and (in git): {', '.join(apart)}. Another processor or another number of threads trains other networks; "
        f"`{RESTORE}` takes back what git has."
    )


def _shown(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    run_script(main)
