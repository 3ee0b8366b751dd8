"""Calibrate the stacker, select thresholds on validation, give a risk guarantee: `python -m stages.operate`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from facesift.committee.calibration import Calibrator, Fakes, Scores
from facesift.committee.rules import RULES, Thresholds
from facesift.committee.stability import read_copies
from facesift.committee.threshold_selection import Selection, ValidationScores, select_thresholds
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.counts import DecisionCounts
from facesift.core.files import write_csv, write_json, write_parquet
from facesift.core.scores import read_held_out
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.evaluation.prevalence import project_all
from facesift.evaluation.reliability import measure_all, reliability_curves
from facesift.evaluation.results_table import share

COPIES = Path("data/stability.parquet")  # decisions of the voting rules are checked on them, those of points are not
Counts = dict[str, DecisionCounts]  # by operating point


def main(params: Params) -> None:
    """Read `data/split.parquet`, all scores, also of copies; write figures, reliability, calibration, probabilities."""
    held = read_held_out(Path("data"), params.voting, params.class_names)
    copies = {split: read_copies(COPIES, each, params.vote) for split, each in held.items()}
    raw = {split: LabelledPredictions.of(each, copies[split]) for split, each in held.items()}
    margins = {split: each.predictions.margins for split, each in raw.items()}
    fakes = {split: each.positives for split, each in raw.items()}
    selected = select_thresholds(_seen(raw["val"]), params)
    predicted = {split: each.calibrated(selected.calibrator) for split, each in raw.items()}
    counts = {split: _count(each, selected.points) for split, each in predicted.items()}
    within = {split: _count_within(each, selected.points) for split, each in predicted.items()}
    rules = {name: predicted["test"].count(rule) for name, rule in RULES.items()}
    report = {
        "sources": {"fitted_on": params.operating.sources, "names": selected.sources},
        "calibration": _report_calibration(params, selected.fits, margins, fakes),
        "probability": {"prevalence": selected.prevalence, "validation": selected.validation},
        "points": _report_points(selected.points, counts, within),
        "not_offered": {name: asdict(each.shares) | {"why": each.why} for name, each in selected.not_offered.items()},
        "guarantee": selected.guarantee.report(),
        "prevalence": project_all(rules | counts["test"], params.projections),
    }
    write_json(Path("metrics/operating.json"), report)
    bins, groups = params.calibration.bins, raw["test"].groups
    curves = reliability_curves(selected.fits, margins["test"], fakes["test"], bins, groups)
    write_csv(Path("metrics/plots/reliability.csv"), curves)
    _write_calibration(params, selected)
    _write_probabilities(predicted, selected.prevalence)
    _print(counts["test"], within["test"], selected)


def _seen(val: LabelledPredictions) -> ValidationScores:
    """The validation images that thresholds decide: not those that are referred to a person anyway."""
    held = ValidationScores(val.predictions.margins, val.positives, val.groups, val.images["source"])
    return held.of_images(~val.referred)


def _count(predicted: LabelledPredictions, points: dict[str, Thresholds]) -> Counts:
    """Count what each operating point decides."""
    return {name: predicted.count(point) for name, point in points.items()}


def _count_within(predicted: LabelledPredictions, points: dict[str, Thresholds]) -> dict[str, Counts]:
    """The same inside each source that holds positives and others, where recognising the source is no help."""
    return {source: _count(predicted.within(source), points) for source in predicted.mixed_sources()}


def _report_calibration(
    params: Params, fits: dict[str, Calibrator], margins: dict[str, Scores], fakes: dict[str, Fakes]
) -> dict[str, Any]:
    bins = params.calibration.bins
    figures = {split: measure_all(fits, each, fakes[split], bins) for split, each in margins.items()}
    found = {name: {"temperature": fit.temperature, "bias": fit.bias} for name, fit in fits.items()}
    return figures | {"method": params.calibration.method, "fits": found}


def _report_points(
    points: dict[str, Thresholds], counts: dict[str, Counts], within: dict[str, dict[str, Counts]]
) -> dict[str, Any]:
    return {
        name: point.as_probabilities()
        | {split: counts[split][name].report() for split in counts}
        | {
            "within": {
                split: {source: each[name].report() for source, each in sources.items()}
                for split, sources in within.items()
            }
        }
        for name, point in points.items()
    }


def _write_calibration(params: Params, selected: Selection) -> None:
    content = {
        "method": params.calibration.method,
        "positive": params.positive,
        "temperature": selected.calibrator.temperature,
        "bias": selected.calibrator.bias,
        "prevalence": selected.prevalence,
        "points": {name: point.as_log_odds() for name, point in selected.points.items()},
        "not_offered": {name: each.why for name, each in selected.not_offered.items()},
    }
    write_json(Path("models/calibration.json"), content, sealed=True)


def _write_probabilities(predicted: dict[str, LabelledPredictions], prevalence: float | None) -> None:
    """Write the probabilities of all images, with the share of fakes that they hold for; null: no known share."""
    tables = [
        each.images.select("image_id", "split", pl.Series("probability", each.predictions.probability))
        for each in predicted.values()
    ]
    table = pl.concat(tables).sort("image_id").with_columns(prevalence=pl.lit(prevalence, pl.Float64))
    write_parquet(Path("data/calibrated.parquet"), table)


def _print(pooled: Counts, within: dict[str, Counts], selected: Selection) -> None:
    """Print each point on the test split, and within a source that is not all of it."""
    for name, each in pooled.items():
        print(f"test, {name}: {_line(each)}")
        for source, inside in within.items():
            if inside[name].images < each.images:
                print(f"    within {source}: {_line(inside[name])}")
    for name, withheld in selected.not_offered.items():
        print(f"{name} is not offered: {withheld.why}")
    print(selected.guarantee.sentence())


def _line(each: DecisionCounts) -> str:
    caught = f"{share(each.caught)} of the fakes caught"
    return f"{share(each.review_rate)} to review, {caught}, {each.decided.fp} false alarms"


if __name__ == "__main__":
    run(main)
