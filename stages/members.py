"""Gather the figures of all members, and remove the files of members that left: `python -m stages.members`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_json, write_csv, write_json
from facesift.evaluation.summary import curves_table

PLANS, TRAINING, METRICS = Path("data/plans"), Path("data/training"), Path("metrics")
FOLDERS = (PLANS, TRAINING, Path("data/scores"), Path("models"))  # where a member's files bear its name
SHARED = {Path("models/stacker.safetensors"), Path("models/calibration.json")}


def main(params: Params) -> None:
    """Read `data/plans` and `data/training`; write `metrics/members.json`, `metrics/sampling.json` and the curves."""
    for path in remove_strangers(params.members):
        print(f"removed {path}: its member is not in params.yaml")
    trained: dict[str, Any] = {name: read_json(TRAINING / f"{name}.json") for name in params.members}
    write_json(METRICS / "members.json", {name: each["figures"] for name, each in trained.items()})
    write_json(METRICS / "sampling.json", {name: read_json(PLANS / f"{name}.json") for name in params.members})
    write_csv(METRICS / "plots/curves.csv", curves_table({name: each["epochs"] for name, each in trained.items()}))


def remove_strangers(members: Collection[str]) -> list[Path]:
    """Remove plans, weights, scores and figures of members that the study no longer has, and return their paths.

    DVC leaves the outputs of a stage that is gone, and counts them as input of the stages that read the folder.
    """
    files = [path for folder in FOLDERS for path in sorted(folder.glob("*")) if path.is_file()]
    gone = [path for path in files if path.stem not in members and path not in SHARED and path.name != ".gitignore"]
    for path in gone:
        path.unlink()
    return gone


if __name__ == "__main__":
    run(main)
