"""Write leak checks, baselines and figures per source and slice: `python -m stages.audit`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from facesift.audit.audit_report import AuditData, audit
from facesift.audit.image_statistics import statistics_table
from facesift.audit.probes import ROWS, draw
from facesift.committee.stability import read_copies
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_parquet, write_json
from facesift.core.scores import STACKER, read_held_out, read_truth
from facesift.datasets.near_duplicates import LinkRule
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.shards.reading import ShardFolder

DATA, SHARDS = Path("data"), Path("data/shards")


def main(params: Params) -> None:
    """Read the manifest, the split, all scores and the training and test shards; write `data/figures/audit.json`."""
    divided = read_truth(DATA / "split.parquet").drop("source", "label")
    images = read_parquet(DATA / "manifest.parquet").join(divided, on="image_id")
    held, voters = read_held_out(DATA, list(params.members), params.class_names), [*params.voting, STACKER]
    voting = {split: each.of_voters(voters) for split, each in held.items()}
    copies = {split: read_copies(DATA / "stability.parquet", each, params.vote) for split, each in voting.items()}
    data = AuditData(
        images=images,
        statistics=_statistics(images, params.seed),
        val=LabelledPredictions.of(voting["val"], copies["val"]),
        test=LabelledPredictions.of(voting["test"], copies["test"]),
        scored=LabelledPredictions.of(held["test"]),
        links=LinkRule.of(params.split),
        seed=params.seed,
    )
    report = audit(data)
    write_json(Path("data/figures/audit.json"), report)
    print(report["verdict"]["sentence"])


def _statistics(images: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Statistics of all test images and of as many training images as the probes use."""
    used = draw(images.filter(pl.col("split") == "train"), "label", ROWS, seed)["image_id"]
    tables = [
        statistics_table(ShardFolder(SHARDS / "train"), only=used),
        statistics_table(ShardFolder(SHARDS / "test")),
    ]
    return pl.concat(tables).drop("source", "label")


if __name__ == "__main__":
    run(main)
