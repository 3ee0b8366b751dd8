"""Write the few figures to choose by, those of `dvc exp show`: `python -m stages.summary`."""

from __future__ import annotations

from pathlib import Path

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_json, write_json
from facesift.evaluation.summary import summarise

METRICS = Path("metrics")


def main(params: Params) -> None:
    """Read the figures of `vote` and `operate`; write `metrics/summary.json`."""
    test = {name: read_json(METRICS / f"{name}.json")["test"] for name in ("vote", "voters", "within", "standard")}
    guarantee = read_json(METRICS / "operating.json")["guarantee"]["promised"]
    figures = summarise(params.vote.rule, test, guaranteed=guarantee is not None)
    write_json(METRICS / "summary.json", figures)
    print(", ".join(f"{name} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    run(main)
