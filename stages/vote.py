"""Let the members and the stacker vote, decide, and count: `python -m stages.vote`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from facesift.committee.rules import RULES, VotingRule
from facesift.committee.stability import read_copies
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_parquet, write_csv, write_json, write_parquet
from facesift.core.scores import read_held_out
from facesift.evaluation.attack_kinds import FACTS
from facesift.evaluation.curves import det_points, precision_recall_points, roc_points
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.evaluation.results_table import print_results
from facesift.evaluation.standard_report import report_predictions

PLOTS, COPIES = Path("metrics/plots"), Path("data/stability.parquet")


def main(params: Params) -> None:
    """Read the manifest, `data/split.parquet`, all scores, also of damaged copies; write decisions, metrics, plots."""
    held, rule = read_held_out(Path("data"), params.voting, params.class_names), RULES[params.vote.rule]
    copies = {split: read_copies(COPIES, each, params.vote) for split, each in held.items()}
    predicted = {split: LabelledPredictions.of(each, copies[split]) for split, each in held.items()}
    decisions = pl.concat([each.decisions_table(rule) for each in predicted.values()])
    write_parquet(Path("data/decisions.parquet"), decisions.sort("image_id"))
    write_json(Path("metrics/vote.json"), {split: each.report_rules() for split, each in predicted.items()})
    write_json(Path("metrics/voters.json"), {split: each.report_voters() for split, each in predicted.items()})
    write_json(Path("metrics/classes.json"), {split: each.report_classes() for split, each in predicted.items()})
    write_json(Path("metrics/within.json"), {split: each.report_within() for split, each in predicted.items()})
    facts = read_parquet(Path("data/manifest.parquet"), ["image_id", *FACTS])
    write_json(Path("metrics/standard.json"), {"test": report_predictions(predicted["test"], facts)})
    _write_plots(predicted["test"], rule)
    print_results(Path("metrics"), later_stages=False)
    if predicted["test"].copies is not None:
        print(_flips(predicted["test"], rule))


def _flips(test: LabelledPredictions, rule: VotingRule) -> str:
    flipped = sum(name is not None for name in test.check(rule).flipped_by)
    return f"{flipped} of {len(test.labels)} test images go to review because mild damage changes their decision"


def _write_plots(test: LabelledPredictions, rule: VotingRule) -> None:
    probabilities = test.positive_probabilities()
    write_csv(PLOTS / "roc.csv", roc_points(test.positives, probabilities))
    write_csv(PLOTS / "det.csv", det_points(test.positives, probabilities))
    write_csv(PLOTS / "precision_recall.csv", precision_recall_points(test.positives, probabilities))
    write_csv(PLOTS / "confusion.csv", test.confusion_table(rule))


if __name__ == "__main__":
    run(main)
