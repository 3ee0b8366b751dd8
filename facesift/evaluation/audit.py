"""The audit: where the figures on the test split come from, and whether each part of the committee earns its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from facesift.committee.predictions import Ballot
from facesift.core.counts import Confusion
from facesift.evaluation.baselines import report_baselines
from facesift.evaluation.complementarity import STACKER, report_complementarity
from facesift.evaluation.curves import compare_scores, ranking
from facesift.evaluation.explanation import AucEstimate, Explanation, explain
from facesift.evaluation.leakage import find_leakage
from facesift.evaluation.probes import ProbeResults, byte_probe, statistics_probe
from facesift.evaluation.slices import slices
from facesift.evaluation.source_probes import SourceBaseline, source_baseline, source_probe


@dataclass(frozen=True)
class Case:
    """What is audited.

    `images`: the manifest's rows with split and group. `statistics`: image_id and `STATISTICS` of training and test
    images. `val` and `test`: ballots of the voters; `scored`: all members on the test images, yardsticks too.
    """

    images: pl.DataFrame
    statistics: pl.DataFrame
    val: Ballot
    test: Ballot
    scored: Ballot
    rule: str
    bits: int  # split.near_duplicate_bits
    seed: int

    @property
    def positive(self) -> str:
        return self.test.classes.positive

    def split(self, name: str) -> pl.DataFrame:
        """Manifest rows and, where known, statistics of one split."""
        rows = self.images.filter(pl.col("split") == name)
        return rows.join(self.statistics, on="image_id", how="inner")


def audit(case: Case) -> dict[str, Any]:
    """Run every part of the audit; the keys are those of `metrics/audit.json`."""
    train, test = case.split("train"), case.split("test")
    alone = source_baseline(case.images.filter(pl.col("split") == "train"), test, case.positive)
    container = byte_probe(case.images, case.positive, case.seed)
    looks = statistics_probe(pl.concat([train, test]), case.positive, case.seed)
    baselines = report_baselines(case.val, case.test)
    return {
        "verdict": _explanation(case, alone, container, looks).report(),
        "sources": {
            "alone": alone.report() | _intervals(case, alone.scores),
            "probe": source_probe(train, test, case.seed).report(),
        },
        "probes": {"container": _report_probes(case, container), "statistics": _report_probes(case, looks)},
        "leakage": find_leakage(case.images, case.bits).report(),
        "slices": _slices(case, train, test),
        "complementarity": report_complementarity(case.test),
        "baselines": baselines | _other_rows(case, container),
        "comparisons": _comparisons(case, baselines["best_member"]["member"]),
    }


def _explanation(case: Case, alone: SourceBaseline, container: ProbeResults, looks: ProbeResults) -> Explanation:
    within = {source: _auc(case.test.within(source)) for source in case.test.mixed_sources()}
    return explain(_auc(case.test), within, alone.auc, container, looks)


def _auc(ballot: Ballot) -> AucEstimate:
    figures = ballot.report_voters()[STACKER]
    return AucEstimate(figures["auc"], *(figures["auc_interval"] or ()))


def _report_probes(case: Case, probes: ProbeResults) -> dict[str, Any]:
    """Figures of a probe on all sources together and within each, the areas with their intervals."""
    within = {source: probe.report() | _intervals(case, probe.scores) for source, probe in probes.within.items()}
    return {"pooled": probes.pooled.report() | _intervals(case, probes.pooled.scores), "within": within}


def _intervals(case: Case, scores: pl.DataFrame) -> dict[str, Any]:
    """Intervals of the AUC and AP of scores (image_id, score) of test images; None without scores."""
    if scores.is_empty():
        return {"auc_interval": None, "ap_interval": None}
    rows = case.test.images.join(scores, on="image_id").sort("image_id")
    labels = (rows["label"] == case.positive).cast(pl.Int64).to_numpy()
    found = ranking(labels, rows["score"].to_numpy(), rows["group"].to_numpy())
    return {key: found[key] for key in ("auc_interval", "ap_interval")}


def _slices(case: Case, train: pl.DataFrame, test: pl.DataFrame) -> list[dict[str, Any]]:
    decided = case.test.decisions_table(case.rule).select("image_id", "decision")
    return slices(test.join(decided, on="image_id"), train, case.test.classes)


def _other_rows(case: Case, container: ProbeResults) -> dict[str, Any]:
    """Rows for the table of baselines: what is had from the file alone, and from members without a vote."""
    rows = {}
    if container.pooled.auc is not None:
        called = container.pooled.scores.filter(pl.col("score") >= 0.5)["image_id"]  # the probe's classes weigh alike
        votes = case.test.images["image_id"].is_in(called.implode()).cast(pl.Int64).to_numpy()
        areas = {"auc": container.pooled.auc, "ap": container.pooled.ap} | _intervals(case, container.pooled.scores)
        rows["file_facts_alone"] = Confusion.of(case.test.positives, votes).report() | areas
    figures = case.scored.report_voters()
    return rows | {f"{name} (yardstick)": figures[name] for name in yardsticks(case)}


def yardsticks(case: Case) -> list[str]:
    """Members that are scored without a vote."""
    return [name for name in case.scored.voters if name not in case.test.voters]


def _comparisons(case: Case, best: str) -> list[dict[str, Any]]:
    """Each part of the committee against what it has to beat on the test images, paired; `best` is a member."""
    ballot = case.scored
    groups = ballot.images["group"].to_numpy()
    suspicion = ballot.suspicion()
    pairs = [(STACKER, best)]
    pairs += [(name, rival) for rival in yardsticks(case) for name in case.test.voters]
    return [
        {"of": first, "against": second}
        | compare_scores(ballot.positives, groups, suspicion[first], suspicion[second]).report()
        for first, second in pairs
        if first != second
    ]
