"""Write the committee's bundle, which screens images without the pipeline: `python -m stages.export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from facesift.bundle.exporting import Sources, fill_bundle
from facesift.bundle.test_images import describe_test_images
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_parquet, whole_folder
from facesift.core.scores import join_scores, read_scores
from facesift.screening.drift import make_reference
from facesift.shards.reading import ShardFolder

DATA, BUNDLE = Path("data"), Path("models/committee")
SOURCES = Sources(Path("models"), DATA / "scores", Path("metrics"), DATA / "shards", DATA / "split.parquet")


def main(params: Params) -> None:
    """Read weights, scores, calibration, figures and test shards; write `models/committee`, whole or not at all."""
    stored, reference = {split: _scores(params, split) for split in ("val", "test")}, _reference(params)
    with whole_folder(BUNDLE) as folder:
        card = fill_bundle(folder, params, SOURCES, stored, reference)
    print(f"{BUNDLE}: {', '.join(params.voting)} and the stacker over them, decided by {card.rule};", end=" ")
    print(
        "graph and torch differ by {log_odds:.1e} in log-odds at most, over {images} test images".format(**card.parity)
    )


def _scores(params: Params, split: str) -> pl.DataFrame:
    """Logits of all voting members on the images of one split."""
    truth = read_parquet(SOURCES.split, ["image_id", "split", "label"]).filter(pl.col("split") == split)
    scores = read_scores(SOURCES.scores, params.voting, params.class_names)
    return join_scores(truth, {member: table.filter(pl.col("split") == split) for member, table in scores.items()})


def _reference(params: Params) -> dict[str, Any]:
    table = describe_test_images(
        ShardFolder(SOURCES.shards / "test"),
        read_parquet(DATA / "manifest.parquet", ["image_id", "width", "height", "bytes"]),
        read_parquet(DATA / "decisions.parquet"),
        read_parquet(DATA / "calibrated.parquet"),
    )
    return make_reference(table, params.positive)


if __name__ == "__main__":
    run(main)
