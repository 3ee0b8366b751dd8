"""The spread over seeds: which values change, what is written, and what `facesift results` says of it."""

import json
from pathlib import Path

import pytest
import yaml

from facesift.core.errors import FacesiftError
from facesift.evaluation.seed_spread import spread, spread_lines, study_digest
from tests.made import ROOT
from workflow import stability
from workflow.experiments import SUMMARY, Experiment

TREE = yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    return tmp_path


@pytest.fixture
def done(monkeypatch):
    """All experiments ran before; those of the first three trainings have these figures."""
    queued, areas = [], [0.7, 0.9, 0.8]
    names = ["seeds-1", "seeds-2", "seeds-3"]
    monkeypatch.setattr(stability, "experiment_name", lambda words, _: words)
    metrics = [{SUMMARY: {"auc": area, "precision": None, "guarantee": "none"}} for area in areas]
    found = [Experiment(name, "success", {}, each) for name, each in zip(names, metrics, strict=True)]
    monkeypatch.setattr(stability, "read_experiments", lambda: found)
    monkeypatch.setattr(stability, "queue", lambda name, _: queued.append(name))
    monkeypatch.setattr(stability, "run_queue", lambda *_: None)
    return queued


def test_one_seed_is_no_spread():
    with pytest.raises(FacesiftError, match=r"SEEDS=1: a spread takes two trainings at least"):
        stability.main(seeds=1)


def test_every_training_has_seeds_of_its_own_for_members_and_stack():
    values = [stability.seed_values(TREE, number) for number in (1, 2, 3)]
    keys = [value.split("=")[0] for value in values[0]]
    assert keys == [*(f"members.{name}.seed" for name in TREE["members"]), "stack.seed"]
    assert len({value for each in values for value in each}) == 3 * len(keys)


def test_the_split_keeps_its_seed():
    assert not any(value.startswith("seed=") for value in stability.seed_values(TREE, 1))


def test_the_file_has_the_spread_of_every_headline_figure(done, folder):
    stability.main(seeds=3)
    found = json.loads((folder / "metrics/stability.json").read_text())
    area = found["figures"]["auc"]
    assert [area[name] for name in ("min", "median", "max", "sd", "known")] == [0.7, 0.8, 0.9, 0.1, 3]
    assert found["figures"]["precision"]["known"] == 0
    assert found["figures"]["guarantee"]["counts"] == {"none": 3}
    assert (found["study"], found["seeds"], done) == ("portraits", 3, [])


@pytest.mark.usefixtures("folder")
def test_a_training_that_failed_is_named(done):
    with pytest.raises(FacesiftError, match=r"failed: seeds-4; `dvc queue logs NAME` says why"):
        stability.main(seeds=4)
    assert done == ["seeds-4"]


@pytest.mark.usefixtures("done")
def test_results_show_the_spread(folder):
    stability.main(seeds=3)
    lines = spread_lines(folder / "metrics")
    assert lines[0] == "test, over 3 trainings with other seeds (smallest, median, largest):"
    assert "  auc 0.7, 0.8, 0.9" in lines


@pytest.mark.usefixtures("done")
def test_results_say_that_the_spread_is_of_other_parameters(folder):
    stability.main(seeds=3)
    other = TREE | {"vote": TREE["vote"] | {"rule": "majority"}}
    Path("params.yaml").write_text(yaml.safe_dump(other, sort_keys=False))
    (line,) = spread_lines(folder / "metrics")
    assert "of other parameters than params.yaml; `make stability SEEDS=3` measures anew" in line


def test_results_say_nothing_of_a_spread_that_was_not_measured(tmp_path):
    assert spread_lines(tmp_path) == []


def test_seeds_of_training_and_settings_of_the_page_leave_the_study_what_it_is():
    other = TREE | {"report": {"examples": 1}, "stack": TREE["stack"] | {"seed": 99}}
    assert study_digest(other) == study_digest(TREE)
    assert study_digest(TREE | {"seed": 99}) != study_digest(TREE)


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("projections", [7]),
        ("robustness", {"images": 1}),
        ("cross_test", {"other": {}}),
        ("evaluation", {"cross_fit": {}}),
        ("review", TREE["review"] | {"order": "information"}),
    ],
)
def test_what_enters_no_headline_figure_leaves_the_study_what_it_is(section, value):
    assert study_digest(TREE | {section: value}) == study_digest(TREE)


@pytest.mark.parametrize(
    ("section", "value"), [("prevalence", 0.001), ("review", TREE["review"] | {"two_persons": True})]
)
def test_what_decides_labels_or_whether_a_guarantee_is_made_is_another_study(section, value):
    assert study_digest(TREE | {section: value}) != study_digest(TREE)


def test_unknown_figures_do_not_count():
    figure = spread([{"f1": None}, {"f1": 0.4}, {}])["f1"]
    assert (figure["known"], figure["median"], figure["sd"]) == (1, 0.4, None)


def test_the_file_is_empty_where_nobody_measured_the_spread(tmp_path):
    (tmp_path / "stability.json").write_text("{}")
    assert spread_lines(tmp_path) == []
