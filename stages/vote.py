"""Let the members and the stacker vote, and count by every rule: `python -m stages.vote`."""

from __future__ import annotations

from pathlib import Path

from facesift.committee.stability import read_copies
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_parquet, write_csv, write_json
from facesift.core.scores import read_held_out
from facesift.evaluation.attack_kinds import FACTS
from facesift.evaluation.curves import det_points, precision_recall_points, roc_points
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.evaluation.results_table import print_results
from facesift.evaluation.standard_report import report_predictions

PLOTS, COPIES = Path("metrics/plots"), Path("data/stability.parquet")


def main(params: Params) -> None:
    """Read the manifest, `data/split.parquet`, all scores, also of damaged copies; write metrics of all rules, plots.

    Nothing here depends on `vote.rule`: stage `summary` decides by it.
    """
    held = read_held_out(Path("data"), params.voting, params.class_names)
    copies = {split: read_copies(COPIES, each, params.vote) for split, each in held.items()}
    predicted = {split: LabelledPredictions.of(each, copies[split]) for split, each in held.items()}
    write_json(Path("metrics/vote.json"), {split: each.report_rules() for split, each in predicted.items()})
    write_json(Path("metrics/voters.json"), {split: each.report_voters() for split, each in predicted.items()})
    write_json(Path("metrics/classes.json"), {split: each.report_classes() for split, each in predicted.items()})
    write_json(Path("metrics/within.json"), {split: each.report_within() for split, each in predicted.items()})
    facts = read_parquet(Path("data/manifest.parquet"), ["image_id", *FACTS])
    write_json(Path("metrics/standard.json"), {"test": report_predictions(predicted["test"], facts)})
    _write_plots(predicted["test"])
    print_results(Path("metrics"), later_stages=False)


def _write_plots(test: LabelledPredictions) -> None:
    probabilities = test.positive_probabilities()
    write_csv(PLOTS / "roc.csv", roc_points(test.positives, probabilities))
    write_csv(PLOTS / "det.csv", det_points(test.positives, probabilities))
    write_csv(PLOTS / "precision_recall.csv", precision_recall_points(test.positives, probabilities))


if __name__ == "__main__":
    run(main)
