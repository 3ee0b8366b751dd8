"""`facesift results` says which study, rule and parameters the figures are of."""

import pytest
import yaml

from facesift.cli.results import changed_params, old_figures, recorded_params, study_line

PARAMS = {"study": "tiny", "seed": 20, "vote": {"rule": "soft"}, "members": {"one": {"lr": "1e-3", "epochs": 2}}}
LOCK = """
stages:
  vote: {params: {params.yaml: {vote: {rule: soft}, members: {one: {lr: 0.001, epochs: 2}}}}}
  split: {params: {params.yaml: {seed: 20}}}
  export: {params: {params.yaml: {study: tiny, export: {tolerance: 1.0}}}}
  pictures: {params: {params.yaml: {pictures: {rows: 3}}}}
"""


@pytest.fixture
def made_with():
    return recorded_params(yaml.safe_load(LOCK))


def test_study_and_rule_are_those_of_the_figures(made_with):
    assert study_line(made_with) == "study tiny, decided by the rule soft"


def test_figures_of_these_parameters_are_not_old(made_with):
    assert list(changed_params(made_with, PARAMS)) == []


def test_a_changed_parameter_is_named_with_both_values(made_with):
    now = PARAMS | {"vote": {"rule": "majority"}}
    assert list(changed_params(made_with, now)) == ["vote.rule: soft in the figures, majority now"]


def test_what_changes_no_figure_is_not_named(made_with):
    assert list(changed_params(made_with, PARAMS | {"pictures": {"rows": 4}})) == []


def test_of_many_changes_the_first_are_named_and_the_others_counted():
    said = old_figures([f"{name}: 1 in the figures, 2 now" for name in "abcde"])
    assert said.count("in the figures") == 3
    assert "and 2 more parameters" in said


def test_without_a_lock_file_nothing_is_said():
    assert (study_line(recorded_params({})), list(changed_params({}, PARAMS))) == ("", [])
