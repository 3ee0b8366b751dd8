"""The audit of the test figures: probes, leaks, slices, baselines, and what each part of the committee adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from facesift.audit.explanation import AucEstimate, Explanation, explain, guessing_limit
from facesift.audit.leakage import find_leakage
from facesift.audit.probes import ProbeResults, byte_probe, statistics_probe
from facesift.audit.slices import slices
from facesift.audit.source_probes import SourceBaseline, source_baseline, source_probe
from facesift.committee.rules import RULES
from facesift.core.counts import Confusion
from facesift.core.scores import STACKER
from facesift.datasets.near_duplicates import LinkRule
from facesift.evaluation.baselines import report_baselines
from facesift.evaluation.comparison import compare_scores
from facesift.evaluation.complementarity import report_complementarity
from facesift.evaluation.curves import ranking
from facesift.evaluation.decision_report import LabelledPredictions


@dataclass(frozen=True)
class AuditData:
    """What is audited.

    Attributes:
        images: the manifest's rows with split and group.
        statistics: image_id and `STATISTICS` of training and test images.
        val: predictions of the voters on the validation split.
        test: predictions of the voters on the test split.
        scored: predictions of all members on the test split, also of those without a vote.
        links: when two images are near-duplicates, by the parameters of the split.
        seed: of all random draws.
    """

    images: pl.DataFrame
    statistics: pl.DataFrame
    val: LabelledPredictions
    test: LabelledPredictions
    scored: LabelledPredictions
    links: LinkRule
    seed: int

    @property
    def positive(self) -> str:
        """Name of the class looked for."""
        return self.test.classes.positive

    def split(self, name: str) -> pl.DataFrame:
        """Return manifest rows and statistics of one split, of images whose statistics are known."""
        rows = self.images.filter(pl.col("split") == name)
        return rows.join(self.statistics, on="image_id", how="inner")

    def baseline_members(self) -> list[str]:
        """Return the members that are scored without a vote."""
        return [name for name in self.scored.voters if name not in self.test.voters]


def audit(data: AuditData) -> dict[str, Any]:
    """Run every part of the audit.

    Args:
        data: what is audited.

    Returns:
        The contents of `data/figures/audit.json`: those of `metrics/audit.json`, with the slices of every rule by its
        name. So the audit need not run again for another rule.
    """
    train, test = data.split("train"), data.split("test")
    alone = source_baseline(data.images.filter(pl.col("split") == "train"), test, data.positive)
    container = byte_probe(data.images, data.positive, data.seed)
    looks = statistics_probe(pl.concat([train, test]), data.positive, data.seed)
    baselines = report_baselines(data.val, data.test)
    return {
        "verdict": _explanation(data, alone, container, looks).report(),
        "sources": {
            "alone": alone.report() | _intervals(data, alone.scores),
            "probe": source_probe(train, test, data.seed).report(),
        },
        "probes": {"container": container.report(), "statistics": looks.report()},
        "leakage": find_leakage(data.images, data.links).report(),
        "slices": _slices(data, train, test),
        "complementarity": report_complementarity(data.test),
        "baselines": baselines | _other_rows(data, container),
        "comparisons": _comparisons(data, baselines["best_member"]["member"]),
    }


def _explanation(data: AuditData, alone: SourceBaseline, container: ProbeResults, looks: ProbeResults) -> Explanation:
    within = {source: _auc(data.test.within(source)) for source in data.test.mixed_sources()}
    source = AucEstimate(alone.auc, *(_intervals(data, alone.scores)["auc_interval"] or ()))
    return explain(_auc(data.test), within, source, container, looks)


def _auc(predictions: LabelledPredictions) -> AucEstimate:
    figures, groups = predictions.report_voters()[STACKER], predictions.groups
    fakes, others = (len(np.unique(groups[predictions.positives == label])) for label in (1, 0))
    low, high = figures["auc_interval"] or (None, None)
    return AucEstimate(figures["auc"], low, high, guessing_limit(fakes, others))


def _intervals(data: AuditData, scores: pl.DataFrame) -> dict[str, Any]:
    """Intervals of the AUC and AP of scores (image_id, score) of test images; None without scores."""
    if scores.is_empty():
        return {"auc_interval": None, "ap_interval": None}
    rows = data.test.images.join(scores, on="image_id").sort("image_id")
    labels = (rows["label"] == data.positive).cast(pl.Int64).to_numpy()
    found = ranking(labels, rows["score"].to_numpy(), rows["group"].to_numpy())
    return {key: found[key] for key in ("auc_interval", "ap_interval")}


def _slices(data: AuditData, train: pl.DataFrame, test: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for name, rule in RULES.items():
        decided = data.test.decisions_table(rule).select("image_id", "decision")
        found[name] = slices(test.join(decided, on="image_id"), train, data.test.classes)
    return found


def _other_rows(data: AuditData, container: ProbeResults) -> dict[str, Any]:
    """Rows for the table of baselines: the file alone, and the members without a vote."""
    rows = {}
    probe = container.pooled
    if probe.auc is not None:
        called = probe.scores.filter(pl.col("score") >= 0.5)["image_id"]  # the probe's classes weigh alike
        votes = data.test.images["image_id"].is_in(called.implode()).cast(pl.Int64).to_numpy()
        areas = {name: getattr(probe, name) for name in ("auc", "ap", "auc_interval", "ap_interval")}
        rows["file_facts_alone"] = Confusion.of(data.test.positives, votes, data.test.groups).report() | areas
    figures = data.scored.report_voters()
    return rows | {f"{name} (baseline)": figures[name] for name in data.baseline_members()}


def _comparisons(data: AuditData, best: str) -> list[dict[str, Any]]:
    """Each part of the committee against what it has to beat on the test images, paired; `best` is a member."""
    scored = data.scored
    probabilities = scored.positive_probabilities()
    rivals = [(STACKER, best)]
    rivals += [(name, rival) for rival in data.baseline_members() for name in data.test.voters]
    rivals = [(first, second) for first, second in rivals if first != second]
    scores = [(probabilities[first], probabilities[second]) for first, second in rivals]
    compared = compare_scores(scored.positives, scored.groups, scores)
    return [
        {"of": first, "against": second} | each.report() for (first, second), each in zip(rivals, compared, strict=True)
    ]
