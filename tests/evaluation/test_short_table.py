"""The short table that `make demo` ends with."""

import io

from rich.console import Console

from facesift.evaluation.short_table import print_short, sentence

ALARMS = {"tp": 9, "fn": 1, "fp": 40, "tn": 360, "fakes": 10, "reals": 400}
REVIEWED = {"tp": 6, "fn": 1, "fp": 4, "tn": 356, "fakes": 7, "reals": 360, "review_fake": 3, "review_real": 40}


def printed(seconds=301):
    text = io.StringIO()
    print_short("unanimous", {"any_fake": ALARMS, "unanimous": REVIEWED}, seconds, Console(file=text, width=120))
    return text.getvalue()


def test_the_rule_in_force_alone_is_marked():
    marked = [line for line in printed().splitlines() if "->" in line and "│" in line]
    assert len(marked) == 1
    assert "unanimous" in marked[0]


def test_sentence_counts_reviewed_fakes_as_caught_and_reals_by_the_thousand():
    assert sentence(REVIEWED) == (
        "It caught 9 of 10 test fakes (95 % interval 55 to 100 %), and of 1,000 real people it stops 10 wrongly and "
        "sends 100 to a person."
    )


def test_rule_that_sends_nobody_to_a_person_has_a_sentence_too():
    assert "stops 100 wrongly and sends 0" in sentence(ALARMS)


def test_no_fakes_and_no_reals_give_no_share():
    assert sentence(dict.fromkeys(ALARMS, 0)).startswith(
        "It caught 0 of 0 test fakes, and of 1,000 real people it stops -"
    )


def test_duration_report_and_three_commands_are_named():
    lines = printed().splitlines()
    assert "Read report/index.html in a browser. This run took 5 min 01 s." in lines
    assert len(lines) - lines.index("Next:") == 4


def test_duration_that_is_not_known_is_left_out():
    assert "took" not in printed(None)
