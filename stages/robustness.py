"""Try the trained committee on damaged test images: `python -m stages.robustness`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from facesift.audit.cross_data_set import truth_of
from facesift.audit.robustness import (
    RobustnessTest,
    choose_images,
    describe_images,
    figures_table,
    measure_corruptions,
)
from facesift.committee.head_scoring import ScoreHeads, open_heads
from facesift.committee.stacking import load_stacker
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import write_csv, write_json
from facesift.core.formatting import counted
from facesift.core.scores import read_truth
from facesift.evaluation.results_table import share
from facesift.networks.scoring import TEST_SPLIT
from facesift.networks.weights import load_members
from facesift.shards.building import read_places
from facesift.shards.reading import ShardFolder

MODELS, SCORES = Path("models"), Path("data/scores")


def main(params: Params) -> None:
    """Read `data/shards/test`, the members and the stacker; write `data/figures/robustness.json` and its plot."""
    test = _test(params)
    reports = {}
    for name, report in measure_corruptions(test, params.robustness):
        reports[name] = report
        print(f"{name}: {_summary(report)}")
    write_json(Path("data/figures/robustness.json"), {"images": describe_images(test), "corruptions": reports})
    write_csv(Path("metrics/plots/robustness.csv"), figures_table(reports))


def _test(params: Params) -> RobustnessTest:
    members, classes = params.voting, params.class_names
    networks = [name for name in members if params.members[name].backbone is None]
    shards = ShardFolder(Path("data/shards/test"))
    truth = truth_of(shards, read_truth(Path("data/split.parquet")))
    chosen = choose_images(truth, classes.positive, params.robustness.images, params.seed)
    return RobustnessTest(
        scorers=dict(zip(networks, load_members(MODELS, SCORES, networks), strict=True)),
        batch_sizes={name: params.members[name].batch_size for name in networks},
        stacker=load_stacker(MODELS / "stacker.safetensors", members, classes.names),
        shards=shards,
        truth=chosen,
        classes=classes,
        parallel=params.parallel.workers,
        heads=_heads(params, chosen) if len(networks) < len(members) else None,
    )


def _heads(params: Params, truth: pl.DataFrame) -> ScoreHeads:
    """Return what scores the images with the heads, from their raw files."""
    heads = open_heads(params, MODELS, SCORES, Path("data/raw") / params.data.raw)
    images = read_places(Path("data/manifest.parquet"), truth["image_id"], faces=params.data.crop.finds)
    return heads.beside(images, params.voting, TEST_SPLIT)


def _summary(report: dict[str, Any]) -> str:
    vote = report["rules"]["unanimous"]
    figures = ", ".join(
        f"{figure} {share(vote[figure])}" for figure in ("recall", "precision", "caught", "review_rate")
    )
    return f"unanimous {figures}; {counted(vote['flips']['images'], 'decision')} flipped"


if __name__ == "__main__":
    run(main)
