"""Put the figures that went through DVC's cache into git: `python -m stages.figures`."""

from __future__ import annotations

from pathlib import Path

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_json, write_json

FIGURES, METRICS = Path("data/figures"), Path("metrics")
STAGES = ("ingest", "split", "stack", "robustness", "audit")


def main(params: Params) -> None:
    """Read `data/figures`; write the same figures to `metrics/`, those of all cross tests in one file."""
    for folder, names in (("cross", params.cross_test), ("cross_fit", params.evaluation.cross_fit)):
        for path in sorted((FIGURES / folder).glob("*.*")):
            if path.stem not in names:
                path.unlink()
    for name in STAGES:
        write_json(METRICS / f"{name}.json", read_json(FIGURES / f"{name}.json"))
    crossed = {name: read_json(FIGURES / f"cross/{name}.json") for name in params.cross_test}
    write_json(METRICS / "cross.json", crossed)
    folds = {name: read_json(FIGURES / f"cross_fit/{name}.json") for name in params.evaluation.cross_fit}
    write_json(METRICS / "cross_fit.json", folds)


if __name__ == "__main__":
    run(main)
