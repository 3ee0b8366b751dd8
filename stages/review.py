"""Count what people said of the queue, and what it is worth: `python -m stages.review`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_parquet, write_json
from facesift.core.formatting import counted
from facesift.datasets.reviews import read_reviews
from facesift.evaluation.gold_images import known_labels, measure_gold
from facesift.evaluation.results_table import share
from facesift.evaluation.workload import measure_reviews

DATA, REVIEWS = Path("data"), Path("data/reviews")


def main(params: Params) -> None:
    """Read decisions, split, manifest and answers below `data/`; write `metrics/review.json`."""
    decisions = read_parquet(DATA / "decisions.parquet", ["image_id", "split", "decision"])
    groups = read_parquet(DATA / "split.parquet", ["image_id", "group"])
    decisions = decisions.join(groups, on="image_id", how="left", maintain_order="left")
    manifest = read_parquet(DATA / "manifest.parquet", ["image_id", "label", "original_label"])
    classes, two_persons = params.class_names, params.review.two_persons
    answers = read_reviews(REVIEWS)
    report = measure_reviews(decisions, manifest, answers, classes, params.projections, two_persons=two_persons)
    on_gold = read_reviews(REVIEWS, gold=True)
    report["gold"] = measure_gold(on_gold, known_labels(decisions, manifest), classes)
    write_json(Path("metrics/review.json"), report)
    _print(report)


def _print(report: dict[str, Any]) -> None:
    for split, queue in report["queue"].items():
        said = f"{queue['answered']} answered, {queue['unsure']} unsure, {queue['disagreements']:,} in disagreement"
        said += f", {queue['waiting']} waiting for a second person" if queue["waiting"] else ""
        images = counted(queue["images"], "image")
        print(f"{split}: {queue['queue']:,} of {images} to review; {said}, {queue['left']:,} left")
    for name, figures in report["test"].items():
        if figures:
            found = share(figures["found"], figures["found_interval"])
            precision = share(figures["precision"], figures["precision_interval"])
            print(f"test, {name}: found {found} of the positives, precision {precision}, {figures['reviewed']} left")
    for name, figures in report["gold"]["reviewers"].items():
        found = share(figures["recall"], figures["recall_interval"])
        alarms = share(figures["false_alarm_rate"], figures["false_alarm_interval"])
        print(f"{name}, on images with a known label: found {found} of the positives, false alarms {alarms}")
    if report["sentence"]:
        print(report["sentence"])


if __name__ == "__main__":
    run(main)
