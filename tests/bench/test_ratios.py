"""The benches: ways in turns, figures, and what is said where a ratio has fallen."""

from dataclasses import replace

import pytest

from bench import growth, ratios
from bench.benches import BENCHES
from bench.ratios import BEGIN, END, FULL, Measured, fallen, measure, put, table
from facesift.core.errors import FacesiftError
from tests.made import ROOT

FIGURES = {"ratio": 4.0, "lowest": 3.0, "highest": 5.0, "pairs": 5, "unit": "s", "ours": 1.0, "theirs": 4.0}
MACHINE = {"date": "2026-11-27", "processor": "a processor", "threads": "1"}


def test_two_ways_run_in_turns_after_a_pair_that_does_not_count():
    ran = []

    def way(name):
        return lambda: ran.append(name) or float(len(ran))

    found = measure(way("ours"), way("theirs"), 2)
    assert ran == ["ours", "theirs"] * 3
    assert found == Measured([3.0, 5.0], [4.0, 6.0])


def test_the_ratio_is_the_median_of_the_pairs_with_their_spread():
    report = Measured([1.0, 2.0, 4.0], [4.0, 4.0, 4.0]).report("s")
    assert (report["lowest"], report["ratio"], report["highest"], report["pairs"]) == (1, 2, 4, 3)


@pytest.mark.parametrize(("now", "failed"), [(2.7, False), (2.6, True)])
def test_a_ratio_that_fell_by_more_than_a_third_is_told(now, failed):
    assert (fallen("loading", {"ratio": now}, {"loading": {"ratio": 4.0}}) is not None) == failed


def test_a_bench_without_a_kept_ratio_cannot_fall():
    assert fallen("loading", {"ratio": 0.1}, {}) is None


def test_a_bench_without_what_it_needs_is_left_out_and_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(BENCHES, "screening", replace(BENCHES["screening"], needs=tmp_path / "bundle.json"))
    ratios.main(["screening"], small=True, keep=False, pairs=1)
    assert "screening: left out, there is no" in capsys.readouterr().out


def test_a_bench_that_cannot_run_is_told_at_the_end_and_the_others_run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def refuse(*_):
        raise FacesiftError("not up to date")

    other = replace(BENCHES["graph"], prepare=lambda *_: (lambda: 1.0, lambda: 2.0))
    monkeypatch.setitem(BENCHES, "repro", replace(other, prepare=refuse))
    monkeypatch.setitem(BENCHES, "graph", other)
    with pytest.raises(FacesiftError, match=r"^repro: not up to date$"):
        ratios.main(["repro", "graph"], small=True, keep=False, pairs=1)
    assert "graph: 2.00 times" in capsys.readouterr().out


def test_the_table_has_both_amounts_the_ratio_and_the_machine():
    (row,) = table({FULL: {"loading": FIGURES | MACHINE}}).splitlines()[2:]
    assert all(
        words in row for words in ("1 s", "4 s", "**4.00**", "3.00 to 5.00, 5 pairs", "2026-11-27", "a processor")
    )


@pytest.mark.parametrize(("begin", "end"), [(BEGIN, END), (growth.BEGIN, growth.END)], ids=["ratios", "growth"])
def test_the_page_has_a_place_for_figures(begin, end):
    text = (ROOT / ratios.PAGE).read_text()
    assert text.index(begin) < text.index(end)


def test_growth_is_told_an_image_and_as_a_whole():
    rows = {"500": {"ingest": {"seconds": 3.0, "mebibytes": 99.6}, "split": {"seconds": 3.0, "mebibytes": 10.0}}}
    text = growth.section(rows, MACHINE)
    assert "](pictures/growth.svg)" in text
    assert text.splitlines()[-3:] == [
        "| ingest | 6.00 ms, 100 MiB |", "| split | 6.00 ms, 10 MiB |", "| all, in minutes | 0.1 |",
    ]  # fmt: skip


def test_a_page_without_a_place_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(ratios, "PAGE", tmp_path / "page.md")
    ratios.PAGE.write_text("nothing")
    with pytest.raises(FacesiftError, match="no place for the figures"):
        put(table({FULL: {}}), BEGIN, END)


def test_an_unknown_bench_is_named_with_those_there_are():
    with pytest.raises(FacesiftError, match="no bench speed; there are building, "):
        ratios.main(["speed"])


def test_every_bench_is_smaller_in_continuous_integration():
    assert all(bench.small is None or bench.small <= bench.full for bench in BENCHES.values())
