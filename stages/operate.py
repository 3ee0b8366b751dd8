"""Calibrate the stacker, choose operating points on validation, say what they promise: `python -m stages.operate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from facesift.committee.ballot import Ballot
from facesift.committee.calibration import Calibration, Fakes, Scores, fit_all, margins_of
from facesift.committee.guarantee import Promise, promise, tally_independent
from facesift.committee.operating import Tally, fit_points
from facesift.committee.policy import Policy
from facesift.committee.reliability import measure_all, reliability_curves
from facesift.committee.results import share
from facesift.committee.scores import join_scores, labels_from, logits_from, read_scores
from facesift.committee.voting import RULES, screen
from facesift.evidence.prevalence import project_all
from facesift.metrics import Screening
from facesift.params import Params
from facesift.storage import read_parquet, write_csv, write_json, write_parquet
from stages.entry import run

VOTER, GUARANTEE = "stacker", "guarantee"


def main(params: Params) -> None:
    """Read `data/split.parquet` and all scores; write figures, reliability curves, calibration and probabilities."""
    held, classes = _held_out(params), params.class_names
    fakes = {split: classes.is_positive(labels_from(table, classes)) for split, table in held.items()}
    margins = {split: margins_of(logits_from(table, VOTER, classes), classes) for split, table in held.items()}
    fits = fit_all(margins["val"], fakes["val"])
    calibration = fits[params.calibration.method]
    log_odds = {split: calibration.log_odds(each) for split, each in margins.items()}
    policies, promised = _choose(params, log_odds["val"], fakes["val"], held["val"]["group"])
    screenings = {
        split: {name: policy.screen(log_odds[split], fakes[split]) for name, policy in policies.items()}
        for split in held
    }
    report = {
        "calibration": _report_calibration(params, fits, margins, fakes),
        "points": _report_points(policies, screenings),
        GUARANTEE: promised.report(),
        "prevalence": project_all(_rules(params, held["test"]) | screenings["test"], params.prevalence),
    }
    write_json(Path("metrics/operating.json"), report)
    curves = reliability_curves(fits, margins["test"], fakes["test"], params.calibration.bins)
    write_csv(Path("metrics/plots/reliability.csv"), curves)
    _write_calibration(params, calibration, policies)
    _write_probabilities(held, {split: calibration.probabilities(each) for split, each in margins.items()})
    _print(screenings["test"], promised)


def _held_out(params: Params) -> dict[str, pl.DataFrame]:
    """Validation and test images with the scores of all voters, joined."""
    truth = read_parquet(Path("data/split.parquet"), ["image_id", "split", "source", "label", "group"])
    scores = read_scores(Path("data/scores"), params.voting, params.class_names)
    scores[VOTER] = read_parquet(Path("data/stack.parquet"))
    joined = join_scores(truth.filter(pl.col("split") != "train"), scores)
    return {split: joined.filter(pl.col("split") == split) for split in ("val", "test")}


def _choose(params: Params, log_odds: Scores, fakes: Fakes, groups: pl.Series) -> tuple[dict[str, Policy], Promise]:
    """The operating points by name, that of the promise among them if there is one; from validation alone."""
    cost, operating = params.cost, params.operating
    points = fit_points(Tally.of(log_odds, fakes, cost.prevalence), operating, cost)
    promised = promise(
        tally_independent(log_odds, fakes, groups.to_numpy(), cost.prevalence), operating.guarantee, cost
    )
    return points if promised.policy is None else points | {GUARANTEE: promised.policy}, promised


def _rules(params: Params, table: pl.DataFrame) -> dict[str, Screening]:
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


def _report_points(policies: dict[str, Policy], screenings: dict[str, dict[str, Screening]]) -> dict[str, Any]:
    return {
        name: policy.probabilities() | {split: screenings[split][name].report() for split in screenings}
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


def _print(screenings: dict[str, Screening], promised: Promise) -> None:
    for name, each in screenings.items():
        alarms = f"{each.decided.fp} false alarms"
        print(f"test, {name}: {share(each.review_rate)} to review, {share(each.caught)} of the fakes caught, {alarms}")
    print(promised.sentence())


if __name__ == "__main__":
    run(main)
