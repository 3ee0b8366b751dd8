"""Write the few figures to choose by, those of `dvc exp show`: `python -m stages.summary`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_json, read_parquet, write_json
from facesift.evaluation.summary import equal_error_rate, summarise

METRICS, DATA = Path("metrics"), Path("data")


def main(params: Params) -> None:
    """Read the figures of `vote` and `operate` and the test images' probabilities; write `metrics/summary.json`."""
    labels = read_parquet(DATA / "decisions.parquet", ["image_id", "split", "label"]).filter(pl.col("split") == "test")
    images = labels.join(read_parquet(DATA / "calibrated.parquet", ["image_id", "probability"]), on="image_id")
    eer = equal_error_rate((images["label"] == params.positive).to_numpy(), images["probability"].to_numpy())
    test = {name: read_json(METRICS / f"{name}.json")["test"] for name in ("vote", "voters", "within")}
    guarantee = read_json(METRICS / "operating.json")["guarantee"]["promised"]
    figures = summarise(params.vote.rule, test, eer, guaranteed=guarantee is not None)
    write_json(METRICS / "summary.json", figures)
    print(", ".join(f"{name} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    run(main)
