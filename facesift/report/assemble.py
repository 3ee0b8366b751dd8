"""The page put together: its sections in the order in which the person who decides needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from facesift.config.params import Params
from facesift.report.audit import audit_sections, notices
from facesift.report.cards import data_card, model_card
from facesift.report.curves import calibration_section, curves_section
from facesift.report.first_screen import (
    FirstScreen,
    Tally,
    certainty,
    pictures_of_applications,
    tiles,
    verdict,
)
from facesift.report.operating_points import operation_section, prevalence_section
from facesift.report.page import Gallery, Page, PageSection
from facesift.report.results import members_section, results_section, robustness_section
from facesift.report.seed_spread import spread_section, spread_sentence
from facesift.report.standard import left_out_sections, standard_section

PROJECTED = ("unanimous", "any_fake", "cost")  # beside the deciding rule: those a bank chooses among


@dataclass(frozen=True)
class ReportInputs:
    """What the stages wrote to `metrics/`, as read from there.

    Attributes:
        ingest: contents of `ingest.json`.
        split: contents of `split.json`.
        vote: contents of `vote.json`, figures by split and rule.
        voters: contents of `voters.json`, figures by split and voter.
        within: contents of `within.json`, figures by split and source.
        standard: contents of `standard.json`.
        cross_fit: contents of `cross_fit.json`.
        leave_out: contents of `leave_out.json`.
        audit: contents of `audit.json`.
        operating: contents of `operating.json`.
        robustness: contents of `robustness.json`.
        summary: contents of `summary.json`.
        stability: contents of `stability.json`; {} where the spread over seeds was not measured.
        stability_current: whether that spread was measured with the parameters of this page.
        roc: rows of `plots/roc.csv`.
        det: rows of `plots/det.csv`.
        precision_recall: rows of `plots/precision_recall.csv`.
        reliability: rows of `plots/reliability.csv`.
    """

    ingest: dict[str, Any]
    split: dict[str, Any]
    vote: dict[str, Any]
    voters: dict[str, Any]
    within: dict[str, Any]
    standard: dict[str, Any]
    cross_fit: dict[str, Any]
    leave_out: dict[str, Any]
    audit: dict[str, Any]
    operating: dict[str, Any]
    robustness: dict[str, Any]
    summary: dict[str, Any]
    stability: dict[str, Any]
    stability_current: bool
    roc: pl.DataFrame
    det: pl.DataFrame
    precision_recall: pl.DataFrame
    reliability: pl.DataFrame


@dataclass(frozen=True)
class PagePictures:
    """What needs the images, and so is made by the stage.

    Attributes:
        faces: small pictures for the first screen (`report.examples`).
        examples: section of example images.
        heat_maps: section of heat maps, if the study has a head that can have them (`report.heat_pictures`).
    """

    faces: Sequence[Gallery]
    examples: PageSection
    heat_maps: Sequence[PageSection] = ()


def make_page(inputs: ReportInputs, params: Params, pictures: PagePictures, reproduction: PageSection) -> Page:
    """Put the page together.

    Args:
        inputs: contents of the metrics files.
        params: parameters of the study.
        pictures: what needs the images.
        reproduction: section of hashes, which needs the files (`report.cards`).

    Returns:
        The page, ready for `report.page.render`.
    """
    rule, vote, within = params.vote.rule, inputs.vote["test"], inputs.within["test"]
    decisions, voters = inputs.standard["test"]["decisions"], inputs.voters["test"]
    projected = list(dict.fromkeys((rule, *PROJECTED)))
    sections = [
        prevalence_section(inputs.operating, projected, vote),
        operation_section(inputs.operating),
        pictures.examples,
        results_section(vote, within, decisions["rules"], rule),
        spread_section(inputs.summary, inputs.stability, current=inputs.stability_current),
        standard_section(inputs.standard["test"], inputs.cross_fit, [rule]),
        *left_out_sections(inputs.leave_out),
        *audit_sections(inputs.audit),
        robustness_section(inputs.robustness, rule),
        data_card(inputs.ingest, inputs.split, params),
        reproduction,
        members_section(voters, within, inputs.audit["baselines"], decisions["voters"]),
        curves_section(inputs.roc, inputs.det, inputs.precision_recall),
        calibration_section(inputs.operating, inputs.reliability),
        *pictures.heat_maps,
        model_card(params),
    ]
    first = _first_screen(inputs, params, pictures.faces)
    return Page(f"facesift: study {params.study}", first.verdict, notices(inputs.audit), sections, first)


def _first_screen(inputs: ReportInputs, params: Params, faces: Sequence[Gallery]) -> FirstScreen:
    rule, positive = params.vote.rule, params.positive
    tally = Tally.of(inputs.standard["test"]["decisions"]["rules"][rule])
    spread = inputs.stability["figures"] if inputs.stability_current else {}
    return FirstScreen(
        verdict(tally, positive),
        certainty(tally, positive),
        tiles(tally, inputs.vote["test"][rule], spread),
        faces,
        pictures_of_applications(tally, params.projections, params.prevalence),
        spread_sentence(inputs.stability, current=inputs.stability_current),
    )
