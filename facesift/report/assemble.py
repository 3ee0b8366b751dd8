"""The report's sections in the order in which a person who decides needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from facesift.config.params import Params
from facesift.report.cards import data_card, model_card
from facesift.report.charts import Curve
from facesift.report.figures import curves_section, headline, results_section
from facesift.report.operation import (
    calibration_section,
    operation_section,
    prevalence_section,
    robustness_section,
)
from facesift.report.origins import notices, origins_sections
from facesift.report.page import Page, Section

PROJECTED = ("unanimous", "any_fake", "cost")  # beside the deciding rule: those a bank chooses among


@dataclass(frozen=True)
class Evidence:
    """What the stages wrote, as read from `metrics/`."""

    ingest: dict[str, Any]
    split: dict[str, Any]
    vote: dict[str, Any]
    voters: dict[str, Any]
    within: dict[str, Any]
    audit: dict[str, Any]
    operating: dict[str, Any]
    robustness: dict[str, Any]
    roc: pl.DataFrame
    precision_recall: pl.DataFrame
    reliability: pl.DataFrame


def make_page(evidence: Evidence, params: Params, examples: Section, reproduction: Section) -> Page:
    """Put the page together; `examples` and `reproduction` need images and files, so they come ready."""
    rule, vote = params.vote.rule, evidence.vote["test"]
    projected = list(dict.fromkeys((rule, *PROJECTED)))
    sections = [
        results_section(vote, evidence.voters["test"], evidence.within["test"], evidence.audit["baselines"], rule),
        *origins_sections(evidence.audit),
        operation_section(evidence.operating),
        prevalence_section(evidence.operating, projected),
        curves_section(
            _curves(evidence.roc, "false_positive_rate", "recall"),
            _curves(evidence.precision_recall, "recall", "precision"),
        ),
        calibration_section(evidence.operating, evidence.reliability),
        robustness_section(evidence.robustness, rule),
        examples,
        data_card(evidence.ingest, evidence.split, params),
        model_card(params),
        reproduction,
    ]
    title = f"facesift: study {params.study}"
    return Page(title, headline(vote[rule], params.positive), notices(evidence.audit), sections)


def _curves(table: pl.DataFrame, x: str, y: str) -> dict[str, Curve]:
    voters = table["voter"].unique(maintain_order=True)
    chosen = {voter: table.filter(pl.col("voter") == voter).sort("row") for voter in voters}
    return {voter: Curve(points[x].to_list(), points[y].to_list()) for voter, points in chosen.items()}
