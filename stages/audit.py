"""Ask where the figures come from: `python -m stages.audit`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from facesift.committee.predictions import Ballot
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_parquet, write_json
from facesift.core.scores import join_scores, read_scores, read_truth
from facesift.evaluation.audit import Case, audit
from facesift.evaluation.image_statistics import statistics_table
from facesift.evaluation.probes import ROWS, draw
from facesift.shards.reading import ShardFolder

DATA, SHARDS, STACKER = Path("data"), Path("data/shards"), "stacker"


def main(params: Params) -> None:
    """Read the manifest, the split, all scores and the training and test shards; write `data/figures/audit.json`."""
    divided = read_truth(DATA / "split.parquet").drop("source", "label")
    images = read_parquet(DATA / "manifest.parquet").join(divided, on="image_id")
    classes, voters = params.class_names, [*params.voting, STACKER]
    scores = read_scores(DATA / "scores", list(params.members), classes)
    scores[STACKER] = read_parquet(DATA / "stack.parquet")
    truth = images.select("source", "label", *divided.columns)
    joined = join_scores(truth.filter(pl.col("split") != "train"), scores)
    val, test = (joined.filter(pl.col("split") == split) for split in ("val", "test"))
    case = Case(
        images=images,
        statistics=_statistics(images, params.seed),
        val=Ballot.of(val, voters, classes),
        test=Ballot.of(test, voters, classes),
        scored=Ballot.of(test, list(scores), classes),
        rule=params.vote.rule,
        bits=params.split.near_duplicate_bits,
        seed=params.seed,
    )
    report = audit(case)
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
