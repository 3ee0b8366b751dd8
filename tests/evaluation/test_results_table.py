"""The printed tables: counts and intervals beside the figures, readable on 120 columns."""

import io

import pytest
from rich.console import Console

from facesift.core.counts import Confusion, DecisionCounts
from facesift.core.errors import FacesiftError
from facesift.core.files import write_json
from facesift.evaluation.results_table import print_results
from tests.made_predictions import made_standard

AREAS = {"auc": 0.8234, "auc_interval": [0.62, 0.97], "ap": 0.4512, "ap_interval": [0.1, 0.876]}
ALL = Confusion(tp=77, fp=506, fn=3, tn=19894)


def printed(metrics, rules, voters, within=None):
    for name, report in (("vote", rules), ("voters", voters), ("within", within or {})):
        write_json(metrics / f"{name}.json", {"test": report})
    write_json(metrics / "standard.json", made_standard())
    console = Console(width=120, file=io.StringIO())
    print_results(metrics, console)
    return console.file.getvalue()


def published(metrics, within=None):
    """The published test table, with areas made up."""
    screening = DecisionCounts(Confusion(tp=55, fp=85, fn=5, tn=19859), review_fake=20, review_real=456)
    rules = {"any_fake": ALL.report(), "unanimous": screening.report()}
    return printed(metrics, rules, {"convnext1": Confusion(64, 121, 16, 20279).report() | AREAS}, within)


CELLS = [
    "80.00 % (64/80; 70-88) │ 34.59 % (64/185; 28-42) │ 48.30 % │ 0.823 (0.62-0.97) │ 0.451 (0.10-0.88) │",
    "│ 91.67 % (55/60; 82-97) │ 39.29 % (55/140; 31-48) │ 55.00 % │ 2.32 % (2.1-2.5) │ 93.75 % (75/80; 86-98) │",
]


@pytest.mark.parametrize("cells", CELLS)
def test_row_has_share_counts_and_interval_on_one_line(tmp_path, cells):
    lines = [" ".join(line.split()) for line in published(tmp_path).splitlines()]
    assert any(cells in line for line in lines)


def test_tables_of_the_published_size_fit_120_columns(tmp_path):
    lines = published(tmp_path).splitlines()
    assert max(map(len, lines)) <= 120
    of_rules = lines[: lines.index(next(line for line in lines if "standard figures" in line))]
    assert len([line for line in of_rules if line.startswith("│")]) == 3  # no row is broken in two


def test_nothing_is_cut_off_in_a_hundred_times_the_published_size(tmp_path):
    counts = Confusion(tp=9755_00, fp=245_00, fn=245_00, tn=9755_00).report()
    text = printed(tmp_path, {"any_fake": counts}, {"a_member_with_a_long_name": counts | AREAS})
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 120


def test_figures_within_a_source_are_printed_after_the_pooled_ones(tmp_path):
    inside = Confusion(tp=3, fp=5, fn=1, tn=6)
    within = {"rff": {"rules": {"any_fake": inside.report()}, "voters": {"a": inside.report() | AREAS}}}
    assert "test, within rff: 4 fakes, 11 reals of this source alone" in published(tmp_path, within)


def test_source_that_is_all_there_is_is_not_printed_again(tmp_path):
    within = {"rff": {"rules": {"any_fake": ALL.report()}, "voters": {}}}
    assert "within rff" not in published(tmp_path, within)


def test_unknown_figures_are_a_dash(tmp_path):
    unknown = {"auc": None, "ap": None, "auc_interval": None, "ap_interval": None}
    text = printed(tmp_path, {"any_fake": ALL.report()}, {"a": Confusion(0, 0, 0, 4).report() | unknown})
    (row,) = [" ".join(line.split()) for line in text.splitlines() if "│ a " in line]
    assert row == "│ a │ - (0/0) │ - (0/0) │ - │ - │ - │"


def test_metrics_without_intervals_are_printed_without_them(tmp_path):
    counts = {name: value for name, value in ALL.report().items() if not name.endswith("_interval")}
    assert "96.25 % (77/80) " in printed(tmp_path, {"any_fake": counts}, {"a": counts | {"auc": 0.5, "ap": 0.1}})


def rows_of(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.startswith("│")]


def test_standard_figures_are_printed_by_all_their_names_with_interval_or_reason(tmp_path):
    rows = rows_of(published(tmp_path))
    found = made_standard()["test"]["voters"]["stacker"]["eer"]
    low, high = (100 * end for end in found["interval"])
    assert f"│ EER (equal error rate) │ {100 * found['value']:.1f} % ({low:.1f}-{high:.1f}) │" in rows
    assert "│ TPR (recall) at FPR 0.1 % │ needs at least 1,000 reals, not 120 │" in rows
    assert any(row.startswith("│ BPCER at APCER 10 % (BPCER10) │") for row in rows)


def test_errors_of_decisions_and_of_kinds_are_printed(tmp_path):
    rows = rows_of(published(tmp_path))
    found = made_standard()["test"]["decisions"]["rules"]["majority"]
    (kind,) = [row for row in rows if row.startswith("│ difficulty: hard │ 30 │")]
    assert f"│ {100 * found['kinds']['difficulty']['hard']['value']:.1f} % (" in kind
    (rule,) = [row for row in rows if row.startswith("│ majority │") and "all fakes" in row]
    assert f"│ {100 * found['bpcer']['value']:.1f} % (" in rule


def ranked():
    return {"fakes": 500, "reals": 900} | AREAS | {"standard": made_standard()["test"]["voters"]["stacker"]}


def test_cross_fitted_figures_are_printed_beside_those_of_the_test_split(tmp_path):
    found = {"voters": {"stacker": ranked()}, "rules": {"any_fake": ALL.report()}}
    write_json(tmp_path / "cross_fit.json", {"heads": found})
    text = published(tmp_path)
    assert "cross-fitted (heads): 500 fakes, 900 reals, stacker's AUC 0.823 (0.62-0.97)" in text
    (eer,) = [row for row in rows_of(text) if row.startswith("│ EER (equal error rate) │")]
    assert eer.count("%") == 2  # of the test split and cross-fitted
    assert "each image was judged by a committee that saw neither it nor a copy" in text
    assert max(map(len, text.splitlines())) <= 120


def test_kinds_of_fakes_never_seen_are_printed_with_their_figures_or_the_reason(tmp_path):
    small = {"fakes": 4, "reason": "needs at least 10 fakes, not 4"}
    kinds = {"easy": {"fakes": 40, "reason": None, "left_out": ranked(), "learned": ranked()}, "hard": small}
    write_json(tmp_path / "leave_out.json", {"by_look": {"by": "difficulty", "kinds": kinds}})
    text = published(tmp_path)
    assert "left out (by_look): kinds of fakes that the committee never saw" in text
    assert any(row.startswith("│ easy │ 40 │ 0.823 (0.620-0.970) │ 0.823") for row in rows_of(text))
    assert any(row.startswith("│ hard │ 4 │ needs at least 10") for row in rows_of(text))


def test_a_study_without_cross_fitted_figures_prints_none(tmp_path):
    for name in ("cross_fit", "leave_out"):
        write_json(tmp_path / f"{name}.json", {})
    text = published(tmp_path)
    assert not any(word in text.lower() for word in ("cross-fitted", "left out"))


def test_result_table_without_metrics_says_how_to_make_them(tmp_path):
    with pytest.raises(FacesiftError, match=r"vote\.json: cannot be read .* run `dvc repro`"):
        print_results(tmp_path)


@pytest.mark.parametrize("later_stages", [True, False])
def test_while_vote_runs_nothing_is_printed_that_an_earlier_run_has_left(tmp_path, later_stages):
    published(tmp_path)
    write_json(tmp_path / "operating.json", {"not_offered": {"cost": {"why": "it sends all images to a person"}}})
    console = Console(width=120, file=io.StringIO())
    print_results(tmp_path, console, later_stages=later_stages)
    assert ("Operating point cost is not offered" in console.file.getvalue()) == later_stages
