"""What `make demo` says of its figures beside those in git."""

from workflow.demo import RESTORE, committed, compared

GIT = {"auc": 0.9731, "caught": 0.9, "fakes": 115, "guarantee": "made"}


def test_equal_figures_are_said_to_be_those_in_git():
    assert compared(dict(GIT), GIT) == "All figures of metrics/summary.json are those in git."


def test_each_figure_that_differs_stands_beside_that_in_git_and_no_other():
    said = compared(GIT | {"caught": 0.9131, "guarantee": "none"}, GIT)
    assert "caught 0.913 (0.900), guarantee none (made)." in said
    assert "auc" not in said
    assert RESTORE in said


def test_without_figures_in_git_there_is_nothing_to_compare(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert committed(tmp_path / "summary.json") is None
    assert compared(GIT, None).startswith("Git holds no figures")
