"""Sections of standard figures: test split and cross-fitted figures are told apart, unknown ones have reasons."""

import polars as pl
import pytest

from facesift.evaluation.curves import det_points
from facesift.report.curves import curves_section
from facesift.report.standard import left_out_sections, standard_section
from tests.made_predictions import made_standard

RULES = ["unanimous"]


@pytest.fixture(scope="module")
def standard():
    return made_standard()["test"]


def ranked(standard):
    figures = {"fakes": 500, "reals": 900, "auc": 0.9, "auc_interval": [0.88, 0.92]}
    return figures | {"standard": standard["voters"]["stacker"]}


def cross_fitted(standard):
    return {"voters": {"stacker": ranked(standard)}, "kinds": {"difficulty": {"mid": ranked(standard)}}}


def test_the_test_split_stands_alone_where_nothing_was_cross_fitted(standard):
    section = standard_section(standard, {}, RULES)
    assert list(section.tables[0].headings) == ["figure", "all: 30 fakes, 120 reals"]
    assert not any("cross-fitted" in text for text in section.text)


def test_cross_fitted_figures_stand_beside_those_of_the_test_split(standard):
    section = standard_section(standard, {"heads": cross_fitted(standard)}, RULES)
    assert section.tables[0].headings[-1] == "cross-fitted (heads): 500 fakes, 900 reals"
    assert [row[:2] for row in section.tables[3].rows] == [["difficulty: mid", "500"]]
    assert any("each judged by a committee that never saw it" in text for text in section.text)


def test_what_is_not_claimed_is_said(standard):
    assert "this is no certified test" in standard_section(standard, {}, RULES).text[0]


def test_a_figure_that_is_not_known_has_its_reason(standard):
    (row,) = [row for row in standard_section(standard, {}, RULES).tables[0].rows if "0.1 %" in row[0]]
    assert row[1] == "needs at least 1,000 reals, not 120"


def test_each_kind_of_fakes_has_its_row(standard):
    rows = standard_section(standard, {}, RULES).tables[2].rows
    assert [row[0] for row in rows] == ["difficulty: hard", "source: made"]


def test_nothing_left_out_makes_no_section():
    assert left_out_sections({}) == []


def test_kinds_never_seen_have_their_figures_or_the_reason(standard):
    kinds = {
        "easy": {"fakes": 40, "reason": None, "left_out": ranked(standard), "learned": ranked(standard)},
        "hard": {"fakes": 4, "reason": "needs at least 10 fakes, not 4"},
    }
    (section,) = left_out_sections({"by_difficulty": {"by": "difficulty", "kinds": kinds}})
    easy, hard = section.tables[0].rows
    assert easy[:4] == ["easy", "40", "0.900 (0.880-0.920)", "0.900 (0.880-0.920)"]
    assert hard[:3] == ["hard", "4", "needs at least 10 fakes, not 4"]


def test_the_det_chart_has_rates_on_probit_axes():
    labels = pl.Series([0, 1] * 50).to_numpy()
    scores = {"stacker": labels + pl.Series(range(100)).to_numpy() / 60}
    roc = pl.DataFrame({"voter": ["a"], "row": [0], "false_positive_rate": [0.5], "recall": [0.5]})
    found = curves_section(roc, det_points(labels, scores), roc.with_columns(precision=pl.lit(0.5)))
    chart = found.charts[0]
    assert chart.caption.startswith("DET")
    assert all(f">{text}<" in chart.svg for text in ("1 %", "20 %", "40 %", "80 %"))
    assert "nan" not in chart.svg
