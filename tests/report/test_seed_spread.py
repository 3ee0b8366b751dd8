"""The spread over seeds on the page: beside each headline figure, or one sentence why not."""

from facesift.report.seed_spread import spread_section

SUMMARY = {"auc": 0.8089, "caught": None, "guarantee": "none"}
FOUND = {
    "study": "portraits",
    "seeds": 3,
    "figures": {
        "auc": {"values": [0.7, 0.8, 0.9], "known": 3, "min": 0.7, "median": 0.8, "max": 0.9, "sd": 0.1},
        "caught": {"values": [None], "known": 0, "min": None, "median": None, "max": None, "sd": None},
        "guarantee": {"values": ["none"], "counts": {"none": 3}},
    },
}


def test_each_headline_figure_stands_beside_its_spread():
    (table,) = spread_section(SUMMARY, FOUND, current=True).tables
    assert table.rows[0] == ["AUC", "0.8089", "0.7", "0.8", "0.9", "0.1"]
    assert table.rows[2][:3] == ["risk guarantee", "none", "none in 3"]
    assert "3 trainings" in table.caption


def test_a_page_says_that_nothing_was_measured_and_which_command_does():
    section = spread_section(SUMMARY, {}, current=False)
    assert section.tables == ()
    assert "was not measured; make stability SEEDS=5 measures it" in section.text[0]


def test_a_spread_of_other_parameters_is_named_and_not_shown():
    section = spread_section(SUMMARY, FOUND, current=False)
    assert section.tables == ()
    assert "older than this page: it was measured on the study portraits" in section.text[0]
