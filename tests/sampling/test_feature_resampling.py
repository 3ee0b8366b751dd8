"""Re-sampling of features against imbalanced-learn itself: the same seed must give the same rows, to the bit."""

import numpy as np
import polars as pl
import pytest
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import NearMiss, RandomUnderSampler

from facesift.core.errors import FacesiftError
from facesift.sampling.feature_resampling import MADE, make_feature_plan, original_rows_of, resample_features
from facesift.sampling.plans import count_plan, scope_seed
from facesift.training.heads import plan_rows
from tests.made_config import Resample
from tests.made_features import planted, write_features

SEED = 11
VALUES, LABELS = planted(120, 25, strength=1.0)
FEATURES = VALUES.astype(np.float32)
BY_NAME = {
    "SMOTE": (SMOTE, {"sampling_strategy": 0.8, "k_neighbors": 3}),
    "BorderlineSMOTE": (BorderlineSMOTE, {"m_neighbors": 6}),
    "ADASYN": (ADASYN, {"n_neighbors": 4}),
    "SMOTEENN": (SMOTEENN, {}),
    "RandomUnderSampler": (RandomUnderSampler, {"sampling_strategy": 0.5}),
    "NearMiss": (NearMiss, {"version": 2}),
    "RandomOverSampler": (RandomOverSampler, {"sampling_strategy": 0.7}),
}


def by_name(method, **arguments):
    return Resample(scope="split", method=method, arguments=arguments)


def by_the_library(sampler, arguments, seed):
    given = {} if sampler is NearMiss else {"random_state": seed}  # it draws nothing
    return sampler(**given, **arguments).fit_resample(FEATURES, LABELS)


@pytest.mark.parametrize("seed", [0, SEED, 2**32 - 1])
@pytest.mark.parametrize("name", BY_NAME)
def test_a_sampler_by_name_gives_imbalanced_learns_rows(name, seed):
    sampler, arguments = BY_NAME[name]
    found = resample_features(FEATURES, LABELS, by_name(name, **arguments), seed, "resample")
    values, labels = by_the_library(sampler, arguments, seed)
    assert found.features.tobytes() == values.astype(np.float32).tobytes()
    assert found.labels.tolist() == labels.tolist()


@pytest.mark.parametrize("name", BY_NAME)
def test_every_row_that_was_not_made_is_the_original(name):
    _, arguments = BY_NAME[name]
    found = resample_features(FEATURES, LABELS, by_name(name, **arguments), SEED, "resample")
    own = found.rows != MADE
    assert np.array_equal(found.features[own], FEATURES[found.rows[own]])
    assert (found.labels[own] == LABELS[found.rows[own]]).all()
    made = {row.tobytes() for row in found.features[~own]}
    assert not made & {row.tobytes() for row in FEATURES}


def test_undersampling_makes_no_row():
    found = resample_features(FEATURES, LABELS, by_name("RandomUnderSampler"), SEED, "resample")
    assert len(set(found.rows.tolist())) == len(found.rows) == 50


def test_oversampling_repeats_rows_and_makes_none():
    found = resample_features(FEATURES, LABELS, by_name("RandomOverSampler"), SEED, "resample")
    assert MADE not in found.rows
    assert len(found.rows) == 190


def test_smote_makes_every_row_beyond_the_originals():
    found = resample_features(FEATURES, LABELS, by_name("SMOTE"), SEED, "resample")
    assert (found.rows == MADE).sum() == 95 - 25


@pytest.mark.parametrize(("smote", "undersample"), [(1.0, None), (0.4, 0.5), (None, 0.5)])
@pytest.mark.parametrize("seed", [0, SEED])
def test_plain_ratios_give_imbalanced_learns_rows(smote, undersample, seed):
    found = resample_features(
        FEATURES, LABELS, Resample(scope="split", smote=smote, undersample=undersample), seed, "resample"
    )
    values, labels = FEATURES, LABELS
    if smote:
        values, labels = SMOTE(sampling_strategy=smote, random_state=seed).fit_resample(values, labels)
    if undersample:
        under = RandomUnderSampler(sampling_strategy=undersample, random_state=seed)
        values, labels = under.fit_resample(values, labels)
    assert found.features.tobytes() == values.tobytes()
    assert found.labels.tolist() == labels.tolist()


def test_without_resampling_rows_stay_as_they_are():
    found = resample_features(FEATURES, LABELS, Resample(scope="none"), SEED, "resample")
    assert found.features is FEATURES
    assert found.rows.tolist() == list(range(120))


@pytest.mark.parametrize(("name", "meant"), [("BorderlineSmote", "BorderlineSMOTE"), ("NearMis", "NearMiss")])
def test_a_misspelt_sampler_gets_the_nearest_name(name, meant):
    with pytest.raises(FacesiftError, match=rf"members\.a\.resample\.method: .* no {name}; did you mean {meant}\?"):
        resample_features(FEATURES, LABELS, by_name(name), SEED, "members.a.resample")


def test_an_argument_that_the_sampler_does_not_take_is_named():
    with pytest.raises(FacesiftError, match=r"members\.a\.resample\.arguments: SMOTE takes .*k_neighbors.*neighbours"):
        resample_features(FEATURES, LABELS, by_name("SMOTE", neighbours=3), SEED, "members.a.resample")


@pytest.mark.parametrize("arguments", [{"k_neighbors": "three"}, {"k_neighbors": 99}, {"sampling_strategy": 0.1},
                                       {"sampling_strategy": "all of them"}])  # fmt: skip
def test_an_argument_that_does_not_fit_the_data_is_named(arguments):
    with pytest.raises(FacesiftError, match=r"members\.a\.resample\.method: SMOTE cannot re-sample this: "):
        resample_features(FEATURES, LABELS, by_name("SMOTE", **arguments), SEED, "members.a.resample")


def test_repeated_rows_are_found_in_turn():
    twice = np.concatenate([FEATURES[:2], FEATURES[:2]])
    assert original_rows_of(twice, twice).tolist() == [0, 1, 2, 3]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    order = np.random.default_rng(5).permutation(120)
    return write_features(
        tmp_path_factory.mktemp("features") / "train", VALUES[order][:, None], LABELS[order], shards=3
    )


def whole(shards):
    numbers = range(3)
    values = np.concatenate([shards.values(number) for number in numbers]).astype(np.float32)
    return values, np.concatenate([shards.labels(number) for number in numbers]).astype(np.int64)


@pytest.mark.parametrize("resample", [by_name("SMOTEENN"), by_name("NearMiss"), by_name("RandomOverSampler"),
                                      by_name("BorderlineSMOTE"), Resample(scope="split", smote=0.9)],
                         ids=["SMOTEENN", "NearMiss", "RandomOverSampler", "BorderlineSMOTE", "smote"])  # fmt: skip
def test_a_plan_gives_the_rows_that_the_sampler_gives(shards, resample):
    plan = make_feature_plan(shards, resample, 3, "a")
    rows, _ = plan_rows(shards, plan)
    found = resample_features(*whole(shards), resample, scope_seed(3, 0), "resample")

    def as_set(values, labels):
        return sorted((row.tobytes(), label) for row, label in zip(values, labels.tolist(), strict=True))

    assert as_set(rows.features.numpy(), rows.labels) == as_set(found.features, found.labels)


def test_a_plan_counts_what_was_made(shards):
    counts = count_plan(make_feature_plan(shards, by_name("SMOTE"), 3, "a"), shards.classes)
    assert counts["real"] == {"original": 95, "synthetic": 0, "bases": 95}
    assert counts["fake"] == {"original": 25, "synthetic": 70, "bases": 25}


def test_a_plan_holds_no_features_of_originals(shards):
    plan = make_feature_plan(shards, by_name("SMOTE"), 3, "a")
    assert plan.filter(~pl.col("synthetic"))["vector"].is_null().all()
    assert plan.filter("synthetic")["row"].unique().to_list() == [MADE]


def test_a_plan_depends_on_the_members_seed(shards):
    assert not make_feature_plan(shards, by_name("SMOTE"), 3, "a").equals(
        make_feature_plan(shards, by_name("SMOTE"), 4, "a")
    )


def test_the_copies_of_originals_alone_are_learned_from(tmp_path):
    values = np.stack([VALUES, VALUES + 100], axis=1)
    shards = write_features(tmp_path / "train", values, LABELS)
    plan = make_feature_plan(shards, by_name("SMOTE"), 3, "a")
    rows, copies = plan_rows(shards, plan)
    assert (len(rows), len(copies)) == (190, 120)
    assert copies.features.min() > 50
    assert copies.labels.sum() == 25


def test_copies_of_images_that_were_left_out_are_left_out(tmp_path):
    values = np.stack([VALUES, VALUES + 100], axis=1)
    shards = write_features(tmp_path / "train", values, LABELS)
    rows, copies = plan_rows(shards, make_feature_plan(shards, by_name("RandomUnderSampler"), 3, "a"))
    kept = {row.tobytes() for row in rows.features.half().numpy() + np.float16(100)}
    assert {row.tobytes() for row in copies.features.half().numpy()} == kept
