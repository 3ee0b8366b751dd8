from pathlib import Path

import numpy as np
import pytest
import yaml

from facesift.committee.scores import votes_of
from facesift.committee.stacking import balanced, fit_stacker, out_of_fold, stack_features
from facesift.errors import FacesiftError
from facesift.metrics import Classes
from facesift.params import Stack, parse_params

ROOT = Path(__file__).resolve().parents[2]
FAKE = Classes(("real", "fake"), "fake")
SPEC: Stack = parse_params(yaml.safe_load((ROOT / "params.yaml").read_text())).stack


def members(images=400, fakes=40, skill=1.5, seed=0):
    """Outputs of three members, of which the third knows nothing."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(images) < fakes).astype(np.int64)
    outputs = rng.normal(size=(3, images, 2))
    outputs[:2, :, 1] += skill * labels
    outputs[:2, :, 0] += skill * (1 - labels)
    return labels, stack_features(list(outputs))


def auc(labels, logits):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(labels, logits[:, 1] - logits[:, 0])


def test_stacker_ranks_unseen_images_better_than_each_member():
    labels, features = members(4000, 400)
    unseen, unseen_features = members(4000, 400, seed=1)
    stacked = auc(unseen, fit_stacker(features, labels, SPEC, FAKE).logits(unseen_features))
    alone = [auc(unseen, unseen_features[:, [2 * index, 2 * index + 1]]) for index in range(3)]
    assert stacked > max(alone)


def test_stacker_agrees_with_scikit_learns_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    labels, features = members()
    scale = features.std(axis=0)
    reference = LogisticRegression(C=1.0, max_iter=1000).fit(features / scale, labels)
    logits = fit_stacker(features, labels, SPEC.model_copy(update={"fake_to_real": None}), FAKE).logits(features)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], reference.decision_function(features / scale), rtol=1e-9)


def test_fakes_weigh_the_given_share_of_the_reals():
    labels = members()[0]
    weights = balanced(np.ones(len(labels)), labels == 1, 0.5)
    assert weights[labels == 1].sum() == pytest.approx(0.5 * weights[labels == 0].sum())


def test_heavier_fakes_raise_recall():
    labels, features = members(skill=0.5)
    recall = []
    for weight in (0.1, 1.0):
        spec = SPEC.model_copy(update={"fake_to_real": weight})
        recall.append(votes_of(fit_stacker(features, labels, spec, FAKE).logits(features), FAKE)[labels == 1].mean())
    assert recall[1] > recall[0]


def test_out_of_fold_logits_on_shuffled_labels_are_at_chance():
    rng = np.random.default_rng(2)
    areas = []
    for seed in range(10):
        labels, features = members(seed=seed)
        labels = rng.permutation(labels)
        areas.append(auc(labels, out_of_fold(features, labels, np.arange(len(labels)), SPEC, FAKE)))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.05)


def test_near_duplicates_never_vouch_for_each_other():
    """Every image has a twin with the same features and a label of its own: a stacker that saw the twin would know."""
    rng = np.random.default_rng(4)
    features = rng.normal(size=(60, 40)).repeat(2, axis=0)
    labels = rng.integers(0, 2, 60).repeat(2)
    groups = np.arange(60).repeat(2)
    apart = auc(labels, out_of_fold(features, labels, np.arange(120), SPEC, FAKE))
    together = auc(labels, out_of_fold(features, labels, groups, SPEC, FAKE))
    assert apart > 0.8
    assert together < 0.65


def test_fewer_fakes_than_folds_is_an_error_that_names_the_key():
    labels, features = members(fakes=3)
    with pytest.raises(
        FacesiftError, match=r"stack\.folds: 5 folds need as many validation images of each class; fake has 3"
    ):
        out_of_fold(features, labels, np.arange(len(labels)), SPEC, FAKE)


def test_three_classes_agree_with_scikit_learns_multinomial_regression():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = stack_features([rng.normal(size=(300, 3)) + 2 * np.eye(3)[labels] for _ in range(2)])
    spec = SPEC.model_copy(update={"fake_to_real": None, "class_weights": [1.0, 2.0, 3.0]})
    scaled = features / features.std(axis=0)
    reference = LogisticRegression(C=spec.c, max_iter=1000)
    reference.fit(scaled, labels, sample_weight=np.array(spec.class_weights)[labels])
    logits = fit_stacker(features, labels, spec, Classes(("a", "b", "c"), "b")).logits(features)
    np.testing.assert_allclose(logits, reference.decision_function(scaled), rtol=1e-9)
