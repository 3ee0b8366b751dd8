"""Run experiments on the study at hand: the values to set, the name, the queue.

They run in temporary directories, so that the work tree stays as it is, and only up to the vote. `--allow-missing` lets
the stages that read `data/raw` stay as they are where that folder is not there to be read.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from workflow.dvc_command import dvc

LAST_STAGE = "summary"  # of an experiment


def overrides(key: str, now: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return arguments of `-S` that turn one section of params.yaml into another.

    Args:
        key: dotted name of the section.
        now: its values in params.yaml.
        wanted: the values that it shall have.

    >>> overrides("loss", {"name": "focal", "gamma": 2.0}, {"name": "cross_entropy"})
    ['~loss.gamma', '++loss.name=cross_entropy']
    """
    gone = []
    for name in (name for name in now if name not in wanted):
        # Hydra deletes no null: it takes it for a key that is not there
        gone += [f"++{key}.{name}=0"] * (now[name] is None) + [f"~{key}.{name}"]
    missing = object()
    return gone + [
        f"++{key}.{name}={literal(value)}" for name, value in wanted.items() if now.get(name, missing) != value
    ]


def literal(value: Any) -> str:
    """Write a value as `-S` reads it.

    >>> literal(None), literal(0.5), literal("focal"), literal([1, 2])
    ('null', '0.5', 'focal', '[1, 2]')
    """
    return value if isinstance(value, str) else json.dumps(value)


def experiment_name(words: str, values: Sequence[str]) -> str:
    """Name an experiment by some words and a hash of its values and of all changes that git has not committed.

    The same experiment has the same name on the same commit, so that an interrupted series goes on where it stopped.
    """
    changed = subprocess.run(["git", "diff", "HEAD"], capture_output=True, check=True).stdout  # noqa: S607
    digest = hashlib.sha256(json.dumps(list(values)).encode() + changed).hexdigest()
    return f"{words}-{digest[:6]}"


def set_values(values: Sequence[str]) -> list[str]:
    """Return the arguments of `dvc exp run` for these values."""
    return [argument for value in values for argument in ("-S", value)]


def queue(name: str, values: Sequence[str]) -> None:
    """Put an experiment into DVC's queue."""
    dvc("exp", "run", "-q", "--queue", "--allow-missing", "-n", name, *set_values(values), LAST_STAGE)


def run_queue(jobs: int, threads: int) -> None:
    """Run all experiments in the queue, `jobs` at a time, and wait; the state of each tells whether it failed."""
    try:
        dvc("exp", "run", "--run-all", "-j", str(jobs), threads=threads)
    except KeyboardInterrupt:
        dvc("queue", "stop", "--kill")
        raise


def run_one(name: str, values: Sequence[str], threads: int) -> None:
    """Run one experiment now.

    Raises:
        FacesiftError: when it fails.
    """
    dvc("exp", "run", "--temp", "--allow-missing", "-n", name, *set_values(values), LAST_STAGE,
        threads=threads)  # fmt: skip
