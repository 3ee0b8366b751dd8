"""Let the members and the stacker vote, decide, and count: `python -m stages.vote`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from facesift.committee.predictions import Ballot
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_parquet, write_csv, write_json, write_parquet
from facesift.core.scores import join_scores, read_scores, read_truth
from facesift.evaluation.curves import precision_recall_points, roc_points
from facesift.evaluation.results_table import print_results

PLOTS = Path("metrics/plots")


def main(params: Params) -> None:
    """Read `data/split.parquet` and all scores; write decisions, four metrics files and the plots' data."""
    truth = read_truth(Path("data/split.parquet"))
    classes = params.class_names
    scores = read_scores(Path("data/scores"), params.voting, classes)
    scores["stacker"] = read_parquet(Path("data/stack.parquet"))
    joined = join_scores(truth.filter(pl.col("split") != "train"), scores)
    held = {split: joined.filter(pl.col("split") == split) for split in ("val", "test")}
    ballots = {split: Ballot.of(table, list(scores), classes) for split, table in held.items()}
    decisions = pl.concat([ballot.decisions_table(params.vote.rule) for ballot in ballots.values()])
    write_parquet(Path("data/decisions.parquet"), decisions.sort("image_id"))
    pooled = {split: ballot.report_rules() for split, ballot in ballots.items()}
    write_json(Path("metrics/vote.json"), pooled)
    write_json(Path("metrics/voters.json"), {split: ballot.report_voters() for split, ballot in ballots.items()})
    write_json(Path("metrics/classes.json"), {split: ballot.report_classes() for split, ballot in ballots.items()})
    write_json(Path("metrics/within.json"), {split: ballot.report_within() for split, ballot in ballots.items()})
    _write_plots(ballots["test"], params.vote.rule)
    print_results(Path("metrics"))


def _write_plots(ballot: Ballot, rule: str) -> None:
    write_csv(PLOTS / "roc.csv", roc_points(ballot.positives, ballot.suspicion()))
    write_csv(PLOTS / "precision_recall.csv", precision_recall_points(ballot.positives, ballot.suspicion()))
    write_csv(PLOTS / "confusion.csv", ballot.confusion_table(rule))


if __name__ == "__main__":
    run(main)
