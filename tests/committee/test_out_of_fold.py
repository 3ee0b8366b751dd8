"""Folds keep groups of near-duplicates together: what counts is how many groups a class has, not how many images."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from facesift.committee.out_of_fold import fit_folds, out_of_fold
from facesift.committee.stacking import fit_stacker, stack_features
from facesift.config.committee import Stack
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from tests.made_config import parse_params

ROOT = Path(__file__).resolve().parents[2]
FAKE, THREE = Classes(("real", "fake"), "fake"), Classes(("real", "fake", "print"), "fake")
SPEC: Stack = parse_params(yaml.safe_load((ROOT / "params.yaml").read_text())).stack
FEWER = SPEC.model_copy(update={"fewer_folds": True})


def scores(labels, classes=2, seed=0):
    rng = np.random.default_rng(seed)
    return stack_features([rng.normal(size=(len(labels), classes)) + 2 * np.eye(classes)[labels] for _ in range(2)])


def fakes_in_groups(*sizes, reals=100):
    """Labels and groups: reals alone, then groups of so many fakes each."""
    labels = np.repeat([0, 1], [reals, sum(sizes)])
    return labels, np.concatenate([np.arange(reals), np.repeat(reals + np.arange(len(sizes)), sizes)])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("spec", [SPEC, FEWER], ids=["folds", "fewer"])
def test_five_fakes_in_one_group_are_an_error_that_counts_groups(spec, seed):
    labels, groups = fakes_in_groups(5)
    with pytest.raises(FacesiftError, match=r"stack\.folds: .* fake has 5 images in 1 group: add validation images"):
        out_of_fold(scores(labels, seed=seed), labels, groups, spec.model_copy(update={"seed": seed}), FAKE)


def test_the_error_names_the_number_of_folds_that_would_do():
    labels, groups = fakes_in_groups(2, 2, 1)
    with pytest.raises(FacesiftError, match=r"5 images in 3 groups: set stack\.folds: 3 or stack\.fewer_folds: true"):
        out_of_fold(scores(labels), labels, groups, SPEC, FAKE)


def test_fewer_folds_are_as_many_as_the_rarest_class_has_groups():
    labels, groups = fakes_in_groups(2, 2, 1)
    fitted = fit_folds(scores(labels), labels, groups, FEWER, FAKE)
    assert len(fitted.stackers) == 3
    assert {len(set(fitted.fold[groups == group])) for group in groups} == {1}


def test_fewer_folds_are_not_used_where_there_are_enough_groups():
    labels, groups = fakes_in_groups(*[1] * 5)
    plain, fewer = (out_of_fold(scores(labels), labels, groups, spec, FAKE) for spec in (SPEC, FEWER))
    np.testing.assert_array_equal(plain, fewer)


@pytest.mark.parametrize("seed", range(5))
def test_three_classes_of_which_one_is_a_single_group_are_an_error(seed):
    labels = np.repeat([0, 1, 2], [60, 20, 6])
    groups = np.where(labels == 2, 999, np.arange(len(labels)))
    with pytest.raises(FacesiftError, match=r"print has 6 images in 1 group"):
        out_of_fold(scores(labels, 3), labels, groups, SPEC.model_copy(update={"seed": seed}), THREE)


@pytest.mark.parametrize("seed", range(5))
def test_three_classes_in_few_groups_get_three_logits_each(seed):
    labels = np.repeat([0, 1, 2], [60, 20, 6])
    groups = np.where(labels == 2, 900 + np.arange(len(labels)) // 4, np.arange(len(labels)))
    spec = FEWER.model_copy(update={"seed": seed})
    logits = out_of_fold(scores(labels, 3), labels, groups, spec, THREE)
    assert logits.shape == (len(labels), 3)
    assert (logits.argmax(axis=1) == labels).mean() > 0.8


def test_a_class_that_a_fit_has_not_is_named_and_never_broadcast():
    labels = np.repeat([0, 1], [60, 20])
    with pytest.raises(FacesiftError, match="none of print"):
        fit_stacker(scores(labels, 3), labels, SPEC, THREE)


def test_groups_of_other_sources_do_not_count_where_sources_matter():
    labels, groups = fakes_in_groups(*[1] * 8)
    own = np.arange(len(labels)) >= 97  # three reals beside the fakes
    spec = SPEC.model_copy(update={"sources": "balanced"})
    with pytest.raises(FacesiftError, match=r"in the sources that hold fake and others; real has 3 images in 3 groups"):
        out_of_fold(scores(labels), labels, groups, spec, FAKE, own)
