"""Sections on the figures by their standard names, on the cross-fitted committee, and on kinds of fakes never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facesift.evaluation.standard_table import (
    Rows,
    cross_fitted_columns,
    error_rows,
    kind_rows,
    left_out_rows,
    ranking_rows,
    standard_columns,
)
from facesift.report.page import PageSection, Table

TERMS = (
    "APCER is the share of the fakes that are called real, BPCER the share of the reals that are called fake, ACER the "
    "mean of the highest APCER of a kind and BPCER. The names are those of ISO/IEC 30107-3 (ISO/IEC 20059 says MACER "
    "and BSCER), used by definition: manipulated images are no presentation attacks, and this is no certified test."
)
READ_OFF = (
    "For EER and all figures at a rate, thresholds on the stacker's score are read off the same images. They describe "
    "the ranking and choose nothing; their intervals are by bootstrap over image groups. A figure that so few images "
    "cannot resolve is not given. Error rates of decisions have Clopper-Pearson intervals; an image that is sent to a "
    "person is no error, and a voter by itself decides for the more probable class."
)
CROSS_FITTED = (
    "What is named cross-fitted is of all images of the study, each judged by a committee that never saw it. All else "
    "is of the test split, judged by the committee that is exported."
)
LEFT_OUT = (
    "The committee was fitted anew without each kind of fakes, and judges that kind. Learned: fitted with it, in the "
    "same folds. What is lost shows how far the committee recognises the kinds that it learned from. All images of the "
    "study, each judged by a committee that saw neither it nor a near-duplicate. Intervals: bootstrap by image group."
)


def standard_section(standard: Mapping[str, Any], cross_fit: Mapping[str, Any], rules: Sequence[str]) -> PageSection:
    """Show the standard figures of the test split, and of the cross-fitted committee beside them.

    Args:
        standard: figures of the test split, as of `metrics/standard.json`.
        cross_fit: contents of `metrics/cross_fit.json`; {} where nothing was cross-fitted.
        rules: names of the rules whose errors on each kind of fakes are shown.

    Returns:
        The section with tables of the ranking, of the decisions and of the kinds of fakes.
    """
    columns = standard_columns(standard) | cross_fitted_columns(cross_fit)
    tables = [
        _table(ranking_rows(columns), "Ranking by the stacker"),
        _table(error_rows(standard["decisions"]), "Decisions on the test split"),
        _table(
            kind_rows(standard["kinds"], standard["decisions"]["rules"], rules),
            "Kinds of fakes in the test split, each against the reals of its own sources",
        ),
    ]
    tables += [
        _table(kind_rows(found["kinds"], {}, ()), f"Kinds of fakes, cross-fitted ({name})")
        for name, found in cross_fit.items()
    ]
    text = [TERMS, READ_OFF, *([CROSS_FITTED] if cross_fit else [])]
    return PageSection("Standard figures", text, tables)


def left_out_sections(left_out: Mapping[str, Any]) -> list[PageSection]:
    """Show how the committee judges kinds of fakes that it never saw.

    Args:
        left_out: contents of `metrics/leave_out.json`.

    Returns:
        One section with a table for each way to divide the fakes; none where nothing was left out.
    """
    if not left_out:
        return []
    tables = [_table(left_out_rows(found), name) for name, found in left_out.items()]
    return [PageSection("Kinds of fakes never seen", [LEFT_OUT], tables)]


def _table(found: Rows, caption: str) -> Table:
    return Table(found.headings, found.rows, caption)
