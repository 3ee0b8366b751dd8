"""Cross-fitting: no image is judged by a committee that saw it or its group, and figures are those of such images."""

import numpy as np
import polars as pl
import pytest

from facesift.committee import cross_fit as module
from facesift.committee.cross_fit import FeatureTable, assign_folds, cross_fit
from facesift.core.errors import FacesiftError
from facesift.core.scores import STACKER
from facesift.evaluation.cross_fit_report import report_cross_fit
from tests.made import default_params
from tests.made_features import card, head_recipe, planted, write_splits
from tests.made_predictions import facts_of

IMAGES, FAKES, FOLDS = 240, 80, 4
PLACE = "features/made"


def params(**recipes):
    recipes = recipes or {"linear": {}, "smote": {"resample": {"scope": "split", "method": "SMOTE"}, "seed": 2}}
    members = {name: head_recipe(**given) for name, given in recipes.items()}
    return default_params().model_copy(update={"members": members, "positive": "fake", "classes": ["real", "fake"]})


def truth_of(labels, groups=None):
    count = len(labels)
    return pl.DataFrame(
        {
            "image_id": [f"{row:032x}" for row in range(count)],
            "split": np.array(["train", "train", "val", "test"])[np.arange(count) % 4],
            "source": "made",
            "label": np.array(["real", "fake"])[labels],
            "group": np.arange(count) if groups is None else groups,
        }
    )


def table_of(values, truth, copies=None):
    every = values[:, None] if copies is None else np.stack([values, copies], axis=1)
    return {PLACE: FeatureTable(truth["image_id"].to_list(), every, card(values.shape[1], copies=every.shape[1] - 1))}


def marked(values):
    """Put the row's number into the last feature, by which the images of a fit are known again."""
    values = values.astype(np.float16)
    values[:, -1] = np.arange(len(values))
    return values


@pytest.fixture
def spied(monkeypatch):
    """List, of every fit, the rows that it learned from, their copies, and its validation rows."""
    fits, fit = [], module.fit_head

    def spy(*given):
        *_, rows, val = given
        fits.append([set(part.features[:, -1].round().int().tolist()) for part in (*rows, val)])
        return fit(*given)

    monkeypatch.setattr(module, "fit_head", spy)
    return fits


def run(values, labels, *, groups=None, copies=None, given=None):
    truth = truth_of(labels, groups)
    return cross_fit(table_of(values, truth, copies), truth, given or params(), FOLDS)


def test_no_image_is_judged_by_a_committee_that_saw_it(spied):
    values, labels = planted(IMAGES, FAKES)
    fitted = run(marked(values), labels, copies=marked(values), given=params(linear={}))
    assert len(spied) == FOLDS
    for fold, (learned, copies, val) in enumerate(spied):
        judged = set(np.flatnonzero(fitted.folds == fold).tolist())
        assert not judged & (learned | copies | val)


def test_no_image_is_judged_by_a_committee_that_saw_a_near_duplicate(spied):
    values, labels = planted(IMAGES, FAKES)
    groups = np.random.default_rng(0).integers(0, 90, IMAGES)
    fitted = run(marked(values), labels, groups=groups, copies=marked(values), given=params(linear={}))
    for fold, (learned, copies, val) in enumerate(spied):
        judged = set(groups[fitted.folds == fold].tolist())
        assert not judged & set(groups[list(learned | copies | val)].tolist())


def test_thresholds_are_chosen_on_images_that_no_head_learned_from(spied):
    values, labels = planted(IMAGES, FAKES)
    run(marked(values), labels, given=params(linear={}))
    assert all(not val & (learned | copies) for learned, copies, val in spied)


def test_every_image_is_learned_from_by_some_committee(spied):
    values, labels = planted(IMAGES, FAKES)
    run(marked(values), labels, given=params(linear={}))
    assert set().union(*(learned for learned, _, _ in spied)) == set(range(IMAGES))


def test_the_copies_are_those_of_the_images_that_are_learned_from(spied):
    values, labels = planted(IMAGES, FAKES)
    run(marked(values), labels, copies=marked(values), given=params(linear={}))
    assert all(copies == learned for learned, copies, _ in spied)


def test_the_decision_is_made_without_the_labels_of_the_fold(monkeypatch):
    """Wrong labels of one fold change what others say of theirs, never what is said of this fold."""
    values, labels = planted(IMAGES, FAKES)
    numbers = assign_folds(labels, np.arange(IMAGES), FOLDS, 20)
    monkeypatch.setattr(module, "assign_folds", lambda *_: numbers)
    first = run(values, labels)
    wrong = np.where(numbers == 2, 1 - labels, labels)
    second = run(values, wrong)
    rows = numbers == 2
    assert np.array_equal(first.held.logits[STACKER][rows], second.held.logits[STACKER][rows])
    assert not np.array_equal(first.held.logits[STACKER][~rows], second.held.logits[STACKER][~rows])


def test_what_is_left_out_is_judged_but_never_learned_from(spied):
    values, labels = planted(IMAGES, FAKES)
    truth, kind = truth_of(labels), (labels == 1) & (np.arange(IMAGES) % 3 == 0)
    tables = table_of(marked(values), truth, marked(values))
    fitted = cross_fit(tables, truth, params(linear={}), FOLDS, kind)
    assert not set(np.flatnonzero(kind).tolist()) & set().union(*(part for fit in spied for part in fit))
    assert len(fitted.held.labels) == IMAGES


def test_leaving_nothing_out_changes_nothing():
    values, labels = planted(IMAGES, FAKES)
    truth = truth_of(labels)
    first, second = (
        cross_fit(table_of(values, truth), truth, params(), FOLDS, left_out)
        for left_out in (None, np.zeros(IMAGES, bool))
    )
    assert np.array_equal(first.held.logits[STACKER], second.held.logits[STACKER])


def test_images_stay_in_the_order_of_the_truth():
    values, labels = planted(IMAGES, FAKES)
    fitted = run(values, labels)
    assert fitted.held.images["image_id"].to_list() == truth_of(labels)["image_id"].to_list()
    assert fitted.held.labels.tolist() == labels.tolist()


def test_scores_are_those_of_their_images():
    """The planted direction by itself ranks alike, so scores that were mixed up would not."""
    values, labels = planted(IMAGES, FAKES, strength=4.0)
    logits = run(values, labels).held.logits["linear"]
    assert np.corrcoef(logits[:, 1] - logits[:, 0], values[:, 0].astype(float))[0, 1] > 0.9


def test_groups_stay_together():
    _, labels = planted(IMAGES, FAKES)
    groups = np.random.default_rng(1).integers(0, 60, IMAGES)
    folds = assign_folds(labels, groups, FOLDS, 1)
    assert all(len(set(folds[groups == group])) == 1 for group in groups)


def test_folds_have_the_share_of_fakes():
    _, labels = planted(IMAGES, FAKES)
    folds = assign_folds(labels, np.arange(IMAGES), FOLDS, 1)
    assert [int(labels[folds == fold].sum()) for fold in range(FOLDS)] == [FAKES // FOLDS] * FOLDS


def test_another_seed_gives_other_folds():
    _, labels = planted(IMAGES, FAKES)
    first, second = (assign_folds(labels, np.arange(IMAGES), FOLDS, seed) for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_too_few_groups_are_named():
    labels = (np.arange(40) < 10).astype(np.int64)
    groups = np.where(labels == 1, np.arange(40) % 3, np.arange(40))
    with pytest.raises(FacesiftError, match=r"evaluation\.cross_fit: 4 folds, but class 1 has 3 groups"):
        assign_folds(labels, groups, FOLDS, 1)


def report(fitted):
    return report_cross_fit(fitted, facts_of(fitted.held.images))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_labels_are_not_found(seed):
    values, _ = planted(IMAGES, FAKES, strength=0.0, seed=seed)
    labels = np.random.default_rng(seed + 100).permutation(np.arange(IMAGES) < FAKES).astype(np.int64)
    low, high = report(run(values, labels))["voters"][STACKER]["auc_interval"]
    assert low < 0.5 < high


def test_many_features_of_noise_are_not_found_either():
    """With as many features as images every head fits its own images without a mistake."""
    values, labels = planted(IMAGES, FAKES, width=IMAGES, strength=0.0, seed=5)
    low, high = report(run(values, labels))["voters"]["linear"]["auc_interval"]
    assert low < 0.5 < high


def test_a_planted_signal_is_found():
    values, labels = planted(IMAGES, FAKES, strength=2.0)
    low, high = report(run(values, labels))["voters"][STACKER]["auc_interval"]
    assert low < 0.921 < high  # two normal distributions that are two deviations apart
    assert low > 0.85


def test_near_duplicates_in_pairs_of_noise_are_not_found():
    """Each image is there twice: a committee that saw its twin would know the label."""
    values, labels = planted(IMAGES // 2, FAKES // 2, width=100, strength=0.0, seed=4)
    fitted = run(np.repeat(values, 2, axis=0), np.repeat(labels, 2), groups=np.repeat(np.arange(IMAGES // 2), 2))
    low, high = report(fitted)["voters"][STACKER]["auc_interval"]
    assert low < 0.5 < high


def test_two_runs_are_the_same():
    values, labels = planted(IMAGES, FAKES)
    first, second = run(values, labels), run(values, labels)
    assert all(np.array_equal(first.held.logits[voter], second.held.logits[voter]) for voter in first.held.logits)
    assert all(np.array_equal(first.decisions[name], second.decisions[name]) for name in first.decisions)


def test_every_member_and_the_stacker_have_scores():
    values, labels = planted(IMAGES, FAKES)
    assert list(run(values, labels).held.logits) == ["linear", "smote", STACKER]


def test_features_of_other_images_are_refused():
    values, labels = planted(IMAGES, FAKES)
    truth = truth_of(labels)
    tables = table_of(values[1:], truth[1:])
    with pytest.raises(FacesiftError, match=r"data/features/made: holds other images than data/split\.parquet"):
        cross_fit(tables, truth, params(), FOLDS)


def test_a_table_joins_all_splits_by_the_images_ids(tmp_path):
    values, labels = planted(IMAGES, FAKES)
    truth = truth_of(labels)
    write_splits(tmp_path / "made", truth, np.stack([values, values + 1], axis=1), labels)
    table = FeatureTable.read(tmp_path / "made")
    assert table.image_ids == truth["image_id"].to_list()
    assert np.array_equal(table.values[:, 0], values)
    assert table.card.copies == 1
