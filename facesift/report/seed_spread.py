"""The section on how far the headline figures move when the study is trained again with other seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facesift.core.formatting import NOTHING, span
from facesift.report.page import PageSection, Table

COMMAND = "make stability SEEDS=5"
NOT_MEASURED = f"How far these figures move with the seeds of training was not measured; {COMMAND} measures it."
MEANING = (
    "The interval of a figure is about other test images. This is about other seeds: members and stack were trained "
    "again, on the same split. Another processor moves figures as much."
)
NAMES = {
    "ap": "average precision (AP)", "auc": "AUC", "caught": "fakes caught", "eer": "equal error rate (EER)", "f1": "F1",
    "fakes": "fakes in the test split", "guarantee": "risk guarantee", "own_auc": "AUC within the sources",
    "own_caught": "fakes caught within the sources", "own_review": "to review within the sources",
    "precision": "precision", "recall": "recall", "review": "to review", "tpr_1pct": "fakes found at 1 % false alarms",
}  # fmt: skip


def measured_range(figure: Mapping[str, Any] | None) -> str:
    """Say over which range a share moved with the seeds; empty where it was not measured.

    >>> measured_range({"values": [0.7, 0.9], "known": 2, "min": 0.7, "median": 0.8, "max": 0.9})
    'over 2 seeds: 70-90 %'
    """
    if not figure or not figure.get("known"):
        return ""
    return f"over {len(figure['values'])} seeds: {span((figure['min'], figure['max']))} %"


def spread_sentence(found: Mapping[str, Any], *, current: bool) -> str:
    """Say in one sentence what is known about the spread over seeds."""
    if not found:
        return NOT_MEASURED
    return (
        f"Trained again with {found['seeds']} other seeds: the ranges stand beside the figures."
        if current
        else older(found)
    )


def spread_section(summary: Mapping[str, Any], found: Mapping[str, Any], *, current: bool) -> PageSection:
    """Show each headline figure beside its spread over trainings with other seeds.

    Args:
        summary: contents of `metrics/summary.json`.
        found: contents of `metrics/stability.json`; {} where the spread was not measured.
        current: whether the spread was measured with the parameters of this page.

    Returns:
        The section, with one sentence alone where nothing was measured or the spread is of other parameters.
    """
    title = "Spread over seeds"
    if not found:
        return PageSection(title, [NOT_MEASURED])
    if not current:
        return PageSection(title, [older(found)])
    rows = [
        [NAMES.get(name, name), _value(summary.get(name)), *_cells(each)] for name, each in found["figures"].items()
    ]
    headings = ("figure", "this page", "smallest", "median", "largest", "standard deviation")
    caption = f"Test split, over {found['seeds']} trainings with other seeds"
    return PageSection(title, [MEANING], [Table(headings, rows, caption)])


def older(found: Mapping[str, Any]) -> str:
    """Say that the spread was measured for another study or with older parameters, and how to measure it anew."""
    return (
        f"The spread over seeds in metrics/stability.json is older than this page: it was measured on the study "
        f"{found['study']} with other parameters. make stability SEEDS={found['seeds']} measures it anew."
    )


def _cells(figure: Mapping[str, Any]) -> list[str]:
    if "counts" in figure:
        return [", ".join(f"{word} in {times}" for word, times in figure["counts"].items()), "", "", ""]
    return [_value(figure[key]) for key in ("min", "median", "max", "sd")]


def _value(value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or NOTHING
    return f"{value:.4g}"
