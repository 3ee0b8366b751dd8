"""Run the pipeline as a newcomer does, and say what came of it: `make demo`, or `python -m workflow.demo`.

A training of some thousand steps makes another network of another last digit. So the libraries are held to arithmetic
that all x86-64 processors with AVX2 share, with one thread for each training, two at a time. An emulated Haswell
gave the weights of a Zen 5 after a step, bit for bit; with MKL's `AVX2` instead of `COMPATIBLE` it did not. What ONNX
Runtime computes may still differ, and so do other versions of the libraries. So this says at the end how far the
figures are from those in git.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from facesift.cli.short_table import print_short
from facesift.config.params import load_params
from facesift.core.files import read_json
from workflow.dvc_command import run_script
from workflow.train import main as train

PORTABLE = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
# What a user may have set that would overrule those, or that NumPy does not want beside them.
OVERRULING = ("MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "NPY_ENABLE_CPU_FEATURES", "GLIBC_TUNABLES")
METRICS = Path("metrics")
SUMMARY = METRICS / "summary.json"
RESTORE = "git checkout -- dvc.lock metrics"  # and `dvc repro` makes them anew


def main() -> None:
    """Run all stages; print a short table, the duration, and how far the figures are from those in git."""
    start = time.monotonic()
    pin_arithmetic(os.environ)
    train(jobs=2, threads=1)
    seconds = round(time.monotonic() - start)
    print_short(load_params().vote.rule, read_json(METRICS / "vote.json")["test"], seconds)
    print(compared(read_json(SUMMARY), committed(SUMMARY)))


def pin_arithmetic(variables: MutableMapping[str, str]) -> None:
    """Hold the libraries of programs to come to arithmetic of all x86-64 processors with AVX2, whatever was set before.

    Args:
        variables: of the environment; changed here. On another processor they stay as they are.
    """
    if platform.machine() not in {"x86_64", "AMD64"}:
        return
    for name in OVERRULING:
        variables.pop(name, None)
    variables.update(PORTABLE)


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
        f"Here and (in git): {', '.join(apart)}. Other versions of the libraries, or a processor that is no x86-64, "
        f"train other networks; `{RESTORE}` takes back what git has."
    )


def _shown(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    run_script(main)
