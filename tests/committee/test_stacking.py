from pathlib import Path

import numpy as np
import pytest
import yaml

from facesift.committee.out_of_fold import out_of_fold
from facesift.committee.stacking import (
    Stacker,
    balanced,
    fit_stacker,
    image_weights,
    load_stacker,
    save_stacker,
    stack_features,
)
from facesift.config.committee import Stack
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.scores import votes_of
from tests.made_config import parse_params

ROOT = Path(__file__).resolve().parents[2]
FAKE = Classes(("real", "fake"), "fake")
SPEC: Stack = parse_params(yaml.safe_load((ROOT / "params.yaml").read_text())).stack.model_copy(update={"c": 1.0})


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
        FacesiftError, match=r"stack\.folds: 5 folds need as many groups of .* fake has 3 images in 3 groups"
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


def two_sources(seed=0, own_reals=60, fakes=60, others=1200):
    """One member knows the source of the fakes, another what is fake there: labels, features, own, groups."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 0], [own_reals, fakes, others])
    own = np.repeat([True, False], [own_reals + fakes, others])
    evidence = [4 * own + rng.normal(size=len(labels)), 2 * labels + rng.normal(size=len(labels))]
    return labels, stack_features([np.stack([-each, each], 1) for each in evidence]), own, np.arange(len(labels))


def spec_of(sources, **changes):
    return SPEC.model_copy(update={"sources": sources} | changes)


def fitted(sources, study, **changes):
    labels, features, own, _ = study
    return fit_stacker(features, labels, spec_of(sources, **changes), FAKE, own)


def of_skill(stacker):
    """Weight of what tells fakes from real images in the fakes' own source, as a share of all weight."""
    weight = np.abs(stacker.weight[1])
    return weight[2:].sum() / weight.sum()


def test_balanced_sources_turn_to_what_helps_within_the_source():
    study = two_sources()
    assert of_skill(fitted("balanced", study)) > of_skill(fitted("as_they_come", study))


def test_own_sources_turn_further_to_what_helps_within_the_source():
    study = two_sources()
    assert of_skill(fitted("own", study)) > of_skill(fitted("balanced", study))


@pytest.mark.parametrize("sources", ["balanced", "own"])
def test_source_aware_stackers_rank_better_within_the_source(sources):
    labels, features, own, _ = two_sources(seed=1, own_reals=2000, fakes=2000)
    plain, aware = (fitted(each, two_sources()) for each in ("as_they_come", sources))
    assert auc(labels[own], aware.logits(features[own])) > auc(labels[own], plain.logits(features[own])) + 0.01


def test_own_stacker_is_that_of_the_own_images():
    labels, features, own, _ = study = two_sources()
    alone = fit_stacker(features[own], labels[own], SPEC, FAKE)
    np.testing.assert_array_equal(fitted("own", study).weight, alone.weight)


@pytest.mark.parametrize("fake_to_real", [None, 0.5])
@pytest.mark.parametrize("class_weights", [None, [2.0, 3.0]])
def test_balanced_reals_weigh_alike_in_own_and_other_sources(fake_to_real, class_weights):
    labels, _, own, _ = two_sources()
    spec = spec_of("balanced", fake_to_real=fake_to_real, class_weights=class_weights)
    weights = image_weights(labels, own, spec, FAKE)
    assert weights[own & (labels == 0)].sum() == pytest.approx(weights[~own].sum())


@pytest.mark.parametrize("fake_to_real", [None, 0.5])
def test_balancing_sources_leaves_the_weight_of_each_class(fake_to_real):
    labels, _, own, _ = two_sources()
    plain, even = (
        image_weights(labels, own, spec_of(sources, fake_to_real=fake_to_real), FAKE)
        for sources in ("as_they_come", "balanced")
    )
    sums = [[weights[labels == label].sum() for label in (0, 1)] for weights in (plain, even)]
    assert sums[0] == pytest.approx(sums[1])


@pytest.mark.parametrize("sources", ["balanced", "own"])
def test_a_single_source_makes_no_difference(sources):
    labels, features = members()
    groups, everywhere = np.arange(len(labels)), np.full(len(labels), fill_value=True)
    plain, aware = (
        out_of_fold(features, labels, groups, spec_of(each), FAKE, everywhere) for each in ("as_they_come", sources)
    )
    np.testing.assert_array_equal(plain, aware)


@pytest.mark.parametrize("sources", ["balanced", "own"])
def test_out_of_fold_scores_images_of_all_sources(sources):
    labels, features, own, groups = two_sources()
    logits = out_of_fold(features, labels, groups, spec_of(sources), FAKE, own)
    assert auc(labels, logits) > 0.9
    assert np.isfinite(logits).all()


def test_every_fold_has_images_of_the_own_sources():
    """Five real images beside the fakes among thousands: strata by class alone would leave a fold without."""
    labels, features, own, groups = two_sources(own_reals=5, fakes=5, others=3000)
    assert np.isfinite(out_of_fold(features, labels, groups, spec_of("own"), FAKE, own)).all()


@pytest.mark.parametrize("sources", ["balanced", "own"])
def test_too_few_images_in_own_sources_for_the_folds_are_named(sources):
    labels, features, own, groups = two_sources(own_reals=4)
    message = r"stack\.folds: 5 folds need .* in the sources that hold fake and others; real has 4 images in 4 groups"
    with pytest.raises(FacesiftError, match=message):
        out_of_fold(features, labels, groups, spec_of(sources), FAKE, own)


@pytest.mark.parametrize("sources", ["balanced", "own"])
def test_no_source_with_both_is_named(sources):
    labels, features, own, _ = two_sources(own_reals=0)
    with pytest.raises(FacesiftError, match=rf"stack\.sources: {sources} needs .* real has none there"):
        fit_stacker(features, labels, spec_of(sources), FAKE, own & False)


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_a_stacker_with_a_flipped_bit_is_refused(tmp_path, place):
    path = tmp_path / "stacker.safetensors"
    save_stacker(path, Stacker(np.ones((2, 4)), np.zeros(2)), ["one", "two"], ("real", "fake"))
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1
    path.write_bytes(content)
    with pytest.raises(FacesiftError, match=r"stacker\.safetensors"):
        load_stacker(path, ["one", "two"], ("real", "fake"))


def test_a_stacker_is_written_as_the_same_bytes_each_time(tmp_path):
    """Safetensors orders several keys of metadata by a hash that differs from call to call."""
    written = set()
    for name in range(20):
        path = tmp_path / f"{name}.safetensors"
        save_stacker(path, Stacker(np.ones((2, 4)), np.zeros(2)), ["one", "two"], ("real", "fake"))
        written.add(path.read_bytes())
    assert len(written) == 1
