"""Put the figures that went through DVC's cache into git: `python -m stages.figures`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_json, write_json

FIGURES, METRICS = Path("data/figures"), Path("metrics")
STAGES = ("ingest", "split", "stack", "robustness")


def main(params: Params) -> None:
    """Read `data/figures`; write them to `metrics/`: all cross tests in one file, and so on; slices by one rule."""
    asked = params.evaluation
    by_name: dict[str, Collection[str]] = {
        "cross": params.cross_test,
        "cross_fit": asked.cross_fit,
        "leave_out": asked.leave_out,
    }
    for folder, names in by_name.items():
        for path in sorted((FIGURES / folder).glob("*.*")):
            if path.stem not in names:
                path.unlink()
    for name in STAGES:
        write_json(METRICS / f"{name}.json", read_json(FIGURES / f"{name}.json"))
    audited = read_json(FIGURES / "audit.json")
    write_json(METRICS / "audit.json", audited | {"slices": audited["slices"][params.vote.rule]})
    for folder, names in by_name.items():
        found = {name: read_json(FIGURES / f"{folder}/{name}.json") for name in names}
        write_json(METRICS / f"{folder}.json", found)


if __name__ == "__main__":
    run(main)
