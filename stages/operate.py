"""Calibrate the stacker, choose operating points on validation, say what they promise: `python -m stages.operate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.calibration import Calibration, Fakes, Scores, margins_of
from facesift.committee.predictions import Ballot
from facesift.committee.rules import RULES, screen
from facesift.committee.sources import mixed_sources
from facesift.committee.threshold_selection import Choice, Validation, choose
from facesift.committee.thresholds import Policy
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.counts import DecisionCounts
from facesift.core.files import read_parquet, write_csv, write_json, write_parquet
from facesift.core.scores import join_scores, labels_from, logits_from, read_scores, read_truth
from facesift.evaluation.prevalence import project_all
from facesift.evaluation.reliability import measure_all, reliability_curves
from facesift.evaluation.results_table import share

VOTER = "stacker"
Screenings = dict[str, DecisionCounts]  # by operating point
Referred = NDArray[np.bool_]  # (images,)


def main(params: Params) -> None:
    """Read `data/split.parquet` and all scores; write figures, reliability curves, calibration and probabilities."""
    held, classes = _held_out(params), params.class_names
    fakes = {split: classes.is_positive(labels_from(table, classes)) for split, table in held.items()}
    margins = {split: margins_of(logits_from(table, VOTER, classes), classes) for split, table in held.items()}
    referred = {split: table["referred"].to_numpy() for split, table in held.items()}
    seen = Validation(margins["val"], fakes["val"], held["val"]["group"].to_numpy(), held["val"]["source"])
    choice = choose(seen.of(~referred["val"]), params)  # no threshold decides the others
    calibration, policies = choice.calibration, choice.policies
    log_odds = {split: calibration.log_odds(each) for split, each in margins.items()}
    screenings = {split: _screen(policies, log_odds[split], fakes[split], referred[split]) for split in held}
    within = {
        split: _within(policies, log_odds[split], fakes[split], referred[split], table["source"])
        for split, table in held.items()
    }
    report = {
        "sources": {"fitted_on": params.operating.sources, "names": choice.sources},
        "calibration": _report_calibration(params, choice.fits, margins, fakes),
        "points": _report_points(policies, screenings, within),
        "guarantee": choice.promised.report(),
        "prevalence": project_all(_rules(params, held["test"]) | screenings["test"], params.prevalence),
    }
    write_json(Path("metrics/operating.json"), report)
    curves = reliability_curves(choice.fits, margins["test"], fakes["test"], params.calibration.bins)
    write_csv(Path("metrics/plots/reliability.csv"), curves)
    _write_calibration(params, calibration, policies)
    _write_probabilities(held, {split: calibration.probabilities(each) for split, each in margins.items()})
    _print(screenings["test"], within["test"], choice)


def _held_out(params: Params) -> dict[str, pl.DataFrame]:
    """Validation and test images with the scores of all voters, joined; `referred` ones a person decides anyway."""
    truth = read_truth(Path("data/split.parquet"))
    if "referred" not in truth:
        truth = truth.with_columns(referred=pl.lit(False))  # noqa: FBT003  a value, not a switch
    scores = read_scores(Path("data/scores"), params.voting, params.class_names)
    scores[VOTER] = read_parquet(Path("data/stack.parquet"))
    joined = join_scores(truth.filter(pl.col("split") != "train"), scores)
    return {split: joined.filter(pl.col("split") == split) for split in ("val", "test")}


def _screen(policies: dict[str, Policy], log_odds: Scores, fakes: Fakes, referred: Referred) -> Screenings:
    """What each operating point does with images."""
    return {name: policy.screen(log_odds, fakes, referred) for name, policy in policies.items()}


def _within(
    policies: dict[str, Policy], log_odds: Scores, fakes: Fakes, referred: Referred, sources: pl.Series
) -> dict[str, Screenings]:
    """The same inside each source that holds positives and others, where recognising the source is no help."""
    inside = {source: (sources == source).to_numpy() for source in mixed_sources(sources, fakes)}
    return {source: _screen(policies, log_odds[rows], fakes[rows], referred[rows]) for source, rows in inside.items()}


def _rules(params: Params, table: pl.DataFrame) -> dict[str, DecisionCounts]:
    """What each voting rule does with the images of `table`."""
    classes = params.class_names
    ballot = Ballot.of(table, [*params.voting, VOTER], classes)
    return {rule: screen(ballot.labels, ballot.decide(rule), classes) for rule in RULES}


def _report_calibration(
    params: Params, fits: dict[str, Calibration], margins: dict[str, Scores], fakes: dict[str, Fakes]
) -> dict[str, Any]:
    bins = params.calibration.bins
    figures = {split: measure_all(fits, each, fakes[split], bins) for split, each in margins.items()}
    found = {name: {"temperature": fit.temperature, "bias": fit.bias} for name, fit in fits.items()}
    return figures | {"method": params.calibration.method, "fits": found}


def _report_points(
    policies: dict[str, Policy], screenings: dict[str, Screenings], within: dict[str, dict[str, Screenings]]
) -> dict[str, Any]:
    return {
        name: policy.probabilities()
        | {split: screenings[split][name].report() for split in screenings}
        | {
            "within": {
                split: {source: each[name].report() for source, each in sources.items()}
                for split, sources in within.items()
            }
        }
        for name, policy in policies.items()
    }


def _write_calibration(params: Params, calibration: Calibration, policies: dict[str, Policy]) -> None:
    content = {
        "method": params.calibration.method,
        "positive": params.positive,
        "temperature": calibration.temperature,
        "bias": calibration.bias,
        "points": {name: policy.thresholds() for name, policy in policies.items()},
    }
    write_json(Path("models/calibration.json"), content)


def _write_probabilities(held: dict[str, pl.DataFrame], probabilities: dict[str, Scores]) -> None:
    tables = [
        table.select("image_id", "split", pl.Series("probability", probabilities[split]))
        for split, table in held.items()
    ]
    write_parquet(Path("data/calibrated.parquet"), pl.concat(tables).sort("image_id"))


def _print(pooled: Screenings, within: dict[str, Screenings], choice: Choice) -> None:
    """Print each point on the test split, and within a source that is not all of it."""
    for name, each in pooled.items():
        print(f"test, {name}: {_line(each)}")
        for source, inside in within.items():
            if inside[name].images < each.images:
                print(f"    within {source}: {_line(inside[name])}")
    print(choice.promised.sentence())


def _line(each: DecisionCounts) -> str:
    caught = f"{share(each.caught)} of the fakes caught"
    return f"{share(each.review_rate)} to review, {caught}, {each.decided.fp} false alarms"


if __name__ == "__main__":
    run(main)
