"""Experiments on the study at hand: which values to set, under which name, and how to run them.

They run in temporary directories, so the work tree stays as it is, and only as far as the vote. `--no-hydra` changes
`params.yaml` as it stands: composing it anew from `conf/` would go back to the default study. `--allow-missing` lets
the stages that read `data/raw` stay as they are where that folder is not there to be read.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from workflow.dvc_command import dvc

UP_TO = "summary"  # the stage that experiments end with


def overrides(key: str, now: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Arguments of `-S` that turn the entry `key` of params.yaml from what it is into what is wanted.

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


def name_of(words: str, values: Sequence[str]) -> str:
    """Name an experiment by some words and a hash of its values and of all that the work tree has changed in git.

    The same trial has the same name on the same commit, so that what was interrupted goes on where it stopped.
    """
    changed = subprocess.run(["git", "diff", "HEAD"], capture_output=True, check=True).stdout  # noqa: S607
    digest = hashlib.sha256(json.dumps(list(values)).encode() + changed).hexdigest()
    return f"{words}-{digest[:6]}"


def set_values(values: Sequence[str]) -> list[str]:
    """Arguments of `dvc exp run` for these values."""
    return [argument for value in values for argument in ("-S", value)]


def queue(name: str, values: Sequence[str]) -> None:
    """Put an experiment into DVC's queue."""
    dvc("exp", "run", "-q", "--queue", "--no-hydra", "--allow-missing", "-n", name, *set_values(values), UP_TO)


def run_queue(jobs: int, threads: int) -> None:
    """Run all that is queued, `jobs` at a time, and wait; what fails is told by its state afterwards."""
    try:
        dvc("exp", "run", "--run-all", "-j", str(jobs), threads=threads)
    except KeyboardInterrupt:
        dvc("queue", "stop", "--kill")
        raise


def run_one(name: str, values: Sequence[str], threads: int) -> None:
    """Run one experiment now; `FacesiftError` when it fails."""
    dvc("exp", "run", "--temp", "--no-hydra", "--allow-missing", "-n", name, *set_values(values), UP_TO,
        threads=threads)  # fmt: skip
