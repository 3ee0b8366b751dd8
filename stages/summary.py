"""Decide by the study's rule, and write the few figures to choose by: `python -m stages.summary`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from facesift.committee.rules import RULES, VotingRule
from facesift.committee.stability import read_copies
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_json, write_csv, write_json, write_parquet
from facesift.core.scores import read_held_out
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.evaluation.summary import summarise

DATA, METRICS = Path("data"), Path("metrics")


def main(params: Params) -> None:
    """Read `data/split.parquet`, all scores, figures of `vote` and `operate`; write decisions and the summary."""
    held, rule = read_held_out(DATA, params.voting, params.class_names), RULES[params.vote.rule]
    copies = {split: read_copies(DATA / "stability.parquet", each, params.vote) for split, each in held.items()}
    predicted = {split: LabelledPredictions.of(each, copies[split]) for split, each in held.items()}
    decisions = pl.concat([each.decisions_table(rule) for each in predicted.values()])
    write_parquet(DATA / "decisions.parquet", decisions.sort("image_id"))
    write_csv(METRICS / "plots/confusion.csv", predicted["test"].confusion_table(rule))
    _summarise(params.vote.rule)
    if predicted["test"].copies is not None:
        print(_flips(predicted["test"], rule))


def _summarise(rule: str) -> None:
    """Write and print the figures of `dvc exp show`."""
    test = {name: read_json(METRICS / f"{name}.json")["test"] for name in ("vote", "voters", "within", "standard")}
    guarantee = read_json(METRICS / "operating.json")["guarantee"]["promised"]
    figures = summarise(rule, test, guaranteed=guarantee is not None)
    write_json(METRICS / "summary.json", figures)
    print(", ".join(f"{name} {value}" for name, value in figures.items()))


def _flips(test: LabelledPredictions, rule: VotingRule) -> str:
    flipped = sum(name is not None for name in test.check(rule).flipped_by)
    return f"{flipped} of {len(test.labels)} test images go to review because mild damage changes their decision"


if __name__ == "__main__":
    run(main)
