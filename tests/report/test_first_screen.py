"""The first screen of the page: its sentences and figures say what was counted, and no more than the test carries."""

import pytest

from facesift.report.applications import applications
from facesift.report.first_screen import Tally, certainty, pictures_of_applications, tiles, verdict
from facesift.report.results import results_section, rule_table, voter_table

TALLY = Tally(6, 1, 2, 300, 0, 38, (0.004, 0.641), 1.0)
MANY = Tally(400, 40, 0, 2000, 2, 0, (0.073, 0.134), 1.0)
RULES = {
    "unanimous": {
        "fakes": 4, "reals": 262, "tp": 3, "fn": 1, "fp": 0, "tn": 262, "reviewed": 40, "review_fake": 2,
        "review_real": 38, "review_rate": 0.131, "review_rate_interval": (0.095, 0.174), "caught": 0.833,
        "caught_interval": (0.359, 0.996), "recall": 0.75, "recall_interval": (0.194, 0.994), "precision": 1.0,
        "precision_interval": (0.292, 1.0),
    },
    "majority": {
        "fakes": 6, "reals": 300, "tp": 4, "fn": 2, "fp": 3, "tn": 297, "recall": 0.667, "recall_interval": (0.2, 0.9),
        "precision": 0.571, "precision_interval": (0.184, 0.901),
    },
}  # fmt: skip


def test_the_verdict_counts_fakes_and_reals():
    assert verdict(TALLY, "fake") == (
        "5 of 6 fake faces in the test did not get through: 3 stopped, 2 sent to a person. "
        "Of 300 real ones, 38 had to wait for a person and none was wrongly stopped."
    )


def test_a_rule_without_review_sends_nobody_to_a_person():
    assert verdict(MANY, "fake") == (
        "360 of 400 fake faces in the test did not get through. Of 2,000 real ones, 2 were wrongly stopped."
    )


def test_a_small_test_is_said_to_be_small():
    assert "6 are too few to know well: of such fakes it may catch any share from 36 % to 100 %" in certainty(
        TALLY, "fake"
    )
    assert certainty(MANY, "fake") == "With 95 % confidence it catches between 87 % and 93 % of such fakes."


def test_a_test_without_fakes_tells_nothing_of_them():
    nothing = Tally(0, 0, 0, 300, 0, 38, None, 1.0)
    assert "nothing is known" in certainty(nothing, "fake")
    assert pictures_of_applications(nothing, [1000], None) == []


def test_three_figures_have_intervals_and_the_spread_over_seeds():
    spread = {"caught": {"values": [0.7, 0.9], "known": 2, "min": 0.7, "max": 0.9}}
    caught, review, bothered = tiles(TALLY, RULES["unanimous"], spread)
    assert (caught.figure, caught.seeds) == ("83 %", "over 2 seeds: 70-90 %")
    assert caught.interval == pytest.approx([0.359, 0.996])
    assert (review.figure, review.counts) == ("13 %", "40 of 306; 10-17 % with 95 % confidence")
    assert (bothered.figure, bothered.counts) == ("127", "38 of 300 in the test; 91 to 170 per 1,000")


def test_every_application_is_drawn_once():
    picture = applications(TALLY.fates(), 212, said="", chosen=True)
    assert sum(outcome.path.count("M") for outcome in picture.outcomes) == 1000
    assert sum(outcome.expected for outcome in picture.outcomes) == pytest.approx(1000)


def test_the_picture_says_how_many_real_people_are_bothered_for_each_fake():
    picture = applications(TALLY.fates(), 1000, said="", chosen=True)
    assert "1,000 applications hold 1 fakes, of which 0.8 are caught; 127 real people are bothered" in picture.sentence
    assert "152 real people for each fake caught" in picture.sentence


@pytest.mark.parametrize(
    ("prevalence", "first"), [(None, "1 in 212 (as in the published data)"), (0.01, "1 in 100 (expected)")]
)
def test_the_expected_share_of_fakes_is_shown_first(prevalence, first):
    found = pictures_of_applications(TALLY, [212, 1000], prevalence)
    assert [each.label for each in found if each.chosen] == [first]
    assert "1 in 51 (the test)" in [each.label for each in found]


def test_no_figure_of_a_rule_is_a_dash():
    cells = [cell for row in rule_table("", RULES).rows for cell in row]
    assert "-" not in cells
    assert rule_table("", RULES).rows[1][1:3] == ["66.7 % (20-90; 4/6)", "none: it decides all"]


def test_the_rule_in_force_stands_before_the_others():
    section = results_section(RULES, {}, {}, "majority")
    assert [[row[0] for row in table.rows] for table in section.tables] == [["majority"], ["unanimous"]]


def test_a_baseline_that_calls_nothing_fake_says_so():
    quiet = {"fakes": 6, "reals": 300, "tp": 0, "fp": 0, "recall": 0.0, "precision": None, "auc": 0.5, "ap": 0.02}
    assert voter_table("", {"always_real": quiet}).rows[0] == [
        "always real", "0.500", "0.020", "0.0 % (0/6)", "calls no image fake", "0.0 % (0/300)",
    ]  # fmt: skip
