"""Rows of text for the tables of standard figures, in the terminal and on the page alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facesift.core.formatting import NOTHING, EstimateText, counted, percent, span
from facesift.evaluation.standard_figures import STANDARD

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Rows:
    """A table as text.

    Attributes:
        headings: names of the columns; the first one is of the rows' names.
        rows: cells of each row.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def figure_text(figure: Figures) -> str:
    """Format a figure with its interval in per cent, or say why it is not known.

    >>> figure_text({"value": 0.125, "interval": [0.081, 0.2], "reason": None})
    '12.5 % (8.1-20.0)'
    >>> figure_text({"value": None, "interval": None, "reason": "needs at least 100 reals, not 30"})
    'needs at least 100 reals, not 30'
    """
    if figure["value"] is None:
        return figure.get("reason") or NOTHING
    ends = figure["interval"]
    text = percent(figure["value"]) + (f" ({span(ends, 1)})" if ends else "")
    return EstimateText.of(text, figure["value"], ends)


def ranking_rows(columns: Mapping[str, Figures]) -> Rows:
    """Lay out the standard figures of some rankings, a row for each figure.

    Args:
        columns: figures by the keys of `STANDARD`, by the heading of their column.

    Returns:
        The table.
    """
    rows = [[each.name, *(figure_text(figures[key]) for figures in columns.values())] for key, each in STANDARD.items()]
    return Rows(("figure", *columns), rows)


def standard_columns(standard: Figures) -> dict[str, Figures]:
    """Choose whose standard figures are shown: the stacker's on all images, and inside each source that is not all.

    Args:
        standard: figures of one split, as of `metrics/standard.json`.

    Returns:
        Figures by the heading of their column.
    """
    columns = {f"all: {_counts(standard)}": standard["voters"]["stacker"]}
    for source, figures in standard["within"].items():
        if figures["reals"] < standard["reals"]:
            columns[f"within {source}: {_counts(figures)}"] = figures
    return columns


def cross_fitted_columns(cross_fit: Figures) -> dict[str, Figures]:
    """Give the standard figures of the stacker on all images of the study, for columns beside those of the test split.

    Args:
        cross_fit: contents of `metrics/cross_fit.json`; {} where nothing was cross-fitted.

    Returns:
        Figures by the heading of their column.
    """
    stackers = {name: found["voters"]["stacker"] for name, found in cross_fit.items()}
    return {f"cross-fitted ({name}): {_counts(each)}": each["standard"] for name, each in stackers.items()}


def _counts(figures: Figures) -> str:
    return f"{counted(figures['fakes'], 'fake')}, {counted(figures['reals'], 'real')}"


def error_rows(decisions: Figures) -> Rows:
    """Lay out the error rates of decisions, a row for each voting rule, then one for each voter.

    Args:
        decisions: `decisions` of `metrics/standard.json`.

    Returns:
        The table.
    """
    headings = ("decided by", "APCER", "highest APCER", "of", "BPCER", "ACER")
    found = [*decisions["rules"].items(), *decisions["voters"].items()]
    return Rows(headings, [[name, *_errors(each)] for name, each in found])


def _errors(found: Figures) -> list[str]:
    highest = [figure_text(found["highest_apcer"]), found["highest_apcer"]["kind"]]
    return [figure_text(found["apcer"]), *highest, figure_text(found["bpcer"]), figure_text(found["acer"])]


def kind_rows(kinds: Figures, decisions: Figures, rules: Sequence[str]) -> Rows:
    """Lay out how each kind of fakes is ranked and decided, a row for each kind.

    Args:
        kinds: `kinds` of `metrics/standard.json`.
        decisions: `rules` of the `decisions` of the same file; {} where `rules` is empty.
        rules: whose APCER is shown.

    Returns:
        The table.
    """
    rows = []
    for dimension, each in kinds.items():
        for name, found in each.items():
            shown = [figure_text(found["standard"][key]) for key in ("eer", "tpr_at_fpr_0.1")]
            missed = [figure_text(decisions[rule]["kinds"][dimension][name]) for rule in rules]
            rows.append([f"{dimension}: {name}", f"{found['fakes']:,}", *shown, *missed])
    return Rows(("kind", "fakes", "EER", "TPR at FPR 10 %", *(f"APCER, {rule}" for rule in rules)), rows)


def left_out_rows(left_out: Figures) -> Rows:
    """Lay out how kinds of fakes are ranked by a committee that never saw them, and by one that did.

    Args:
        left_out: an entry of `metrics/leave_out.json`.

    Returns:
        The table, a row for each kind.
    """
    headings = (left_out["by"], "fakes", "AUC, left out", "AUC, learned", "EER, left out", "TPR at FPR 10 %, left out")
    rows = []
    for name, found in left_out["kinds"].items():
        cells = [found["reason"] or NOTHING, *[NOTHING] * 3]
        if found["reason"] is None:
            unseen = found["left_out"]["standard"]
            areas = [_area(found[key]) for key in ("left_out", "learned")]
            cells = [*areas, figure_text(unseen["eer"]), figure_text(unseen["tpr_at_fpr_0.1"])]
        rows.append([name, f"{found['fakes']:,}", *cells])
    return Rows(headings, rows)


def _area(figures: Figures) -> str:
    if figures["auc"] is None:
        return NOTHING
    ends = figures["auc_interval"]
    return f"{figures['auc']:.3f}" + (f" ({ends[0]:.3f}-{ends[1]:.3f})" if ends else "")
