import io
import json

import pytest
from rich.console import Console

from facesift.core.errors import FacesiftError
from facesift.core.formatting import percent
from workflow import experiments
from workflow.experiments import Experiment, read_experiments, table_of

VOTE = {
    "val": {"unanimous": {"recall": 0.5, "review_rate": 0.02}, "soft": {"recall": 0.75}},
    "test": {"soft": {"recall": 1.0}},
}
VOTERS = {"val": {"stacker": {"ap": 0.9}}}


def row(rule, rev="abc1234567"):
    params = {"params.yaml": {"data": {"study": "s", "vote": {"rule": rule}}}}
    return {"rev": rev, "data": {"params": params}}


@pytest.fixture
def shown(monkeypatch):
    """What `dvc exp show --json` says: work tree, commit, and one experiment each that ran, waits and failed."""
    ran = [("soft", None), ("later", {"state": "queued"}), ("bad", {"state": "failed"})]
    below = [{"name": name, "executor": state, "revs": [row("soft")]} for name, state in ran]
    answer = [row("unanimous"), row("unanimous") | {"experiments": below}]
    monkeypatch.setattr(experiments, "dvc_output", lambda *_: json.dumps(answer))
    monkeypatch.setattr(
        experiments, "read_metrics", lambda _: {"metrics/vote.json": VOTE, "metrics/voters.json": VOTERS}
    )
    return answer


@pytest.mark.usefixtures("shown")
def test_the_figures_are_those_of_each_experiments_own_rule():
    assert [one.figures()["recall"] for one in read_experiments()[1:3]] == [0.5, 0.75]


@pytest.mark.usefixtures("shown")
def test_what_did_not_run_has_no_figures():
    later, bad = read_experiments()[3:]
    assert {*later.figures().values(), *bad.figures().values()} == {None}


@pytest.mark.usefixtures("shown")
def test_the_ap_is_the_stackers():
    assert read_experiments()[2].figures()["ap"] == 0.9


@pytest.mark.usefixtures("shown")
def test_test_figures_are_shown_only_when_asked_for():
    assert (read_experiments()[2].figures()["recall"], read_experiments()[2].figures("test")["recall"]) == (0.75, 1.0)


@pytest.mark.usefixtures("shown")
def test_the_table_says_what_changed_and_what_state_it_is_in():
    printed = io.StringIO()
    Console(width=160, file=printed).print(table_of(read_experiments(), "val"))
    text = printed.getvalue()
    assert all(words in text for words in ("vote.rule=soft", "later (queued)", "bad (failed)"))


def test_a_parameter_that_is_gone_counts_as_a_change():
    old, new = (
        Experiment("old", "", {"loss": {"name": "focal", "gamma": 2}}, {}),
        Experiment("new", "", {"loss": {"name": "focal"}}, {}),
    )
    assert new.changes(old) == {"loss.gamma": "-"}


def test_a_repository_without_a_commit_is_refused(monkeypatch):
    monkeypatch.setattr(experiments, "dvc_output", lambda *_: json.dumps([row("soft")]))
    with pytest.raises(FacesiftError, match="no commit yet"):
        read_experiments()


def test_an_unknown_share_is_a_dash():
    assert percent(None) == "-"
