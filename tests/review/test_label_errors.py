"""Likely label errors: the rule against hand-computed values and cleanlab's, and the queue made of them."""

import numpy as np
import polars as pl
import pytest
import yaml

from facesift.core.errors import FacesiftError
from facesift.review.label_errors import find_label_errors
from facesift.review.server import load_state
from tests.made_config import whole
from tests.made_features import HEAD
from tests.review.planted_study import change, plant_study, shown, shown_ids, study_request, write


def found(labels, fake):
    fake = np.array(fake)
    return find_label_errors(np.array(labels), np.stack([1 - fake, fake], axis=1)).tolist()


def test_the_rule_by_hand():
    """Ten images: labels, and the probability of class 1.

    Thresholds: class 0: mean of (0.9 0.8 0.7 0.9 0.1 0.2) = 0.6; class 1: mean of (0.9 0.8 0.7 0.05) = 0.6125.
    Confident of 0: images 0 to 3, and 9; of 1: images 4 to 8. Joint: [[4, 2], [1, 3]]: its rows already sum to the
    counts of the labels. So two images labelled 0 and one labelled 1 are doubtful; the lowest probability of the label
    comes first.
    """
    labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    fake = [0.1, 0.2, 0.3, 0.1, 0.9, 0.8, 0.9, 0.8, 0.7, 0.05]
    assert found(labels, fake) == [9, 4, 5]


def test_counts_are_scaled_to_the_number_of_images_of_a_label():
    """Thresholds 0.65 and 0.9: of the labels 0 two are confident of 0, one of 1, and one of neither.

    A third of the four images labelled 0 are of class 1: 1.33, so one image.
    """
    assert found([0, 0, 0, 0, 1, 1], [0.1, 0.1, 0.3, 0.9, 0.9, 0.9]) == [3]


def test_the_label_that_is_the_most_probable_is_not_doubted():
    """Thresholds 0.8 and 0.375: the third image is confident of class 1 and of no other, but class 0 is likelier."""
    assert found([0, 0, 0, 1, 1], [0.1, 0.1, 0.4, 0.45, 0.3]) == []


def test_right_labels_are_not_doubted():
    assert found([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == []


# find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence") of cleanlab 2.9.0
CLEANLAB = {
    0: [29, 32, 18], 1: [24, 51, 29, 25, 45], 2: [19, 36, 54, 50], 3: [46, 44], 4: [50, 21], 5: [1, 16, 21, 36, 18],
}  # fmt: skip


@pytest.mark.parametrize("seed", CLEANLAB)
def test_the_images_are_those_of_cleanlab(seed):
    labels, probabilities = drawn(seed)
    assert find_label_errors(labels, probabilities).tolist() == CLEANLAB[seed]


def drawn(seed):
    """Labels of 60 images of two or three classes, a tenth of them wrong, and noisy probabilities."""
    rng = np.random.default_rng(seed)
    classes = 2 + seed % 2
    true = rng.integers(0, classes, 60)
    labels = np.where(rng.random(60) < 0.1, rng.integers(0, classes, 60), true)
    scores = rng.normal(size=(60, classes)) + 2 * np.eye(classes)[true]
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return labels, probabilities


LABELS = ["real"] * 12 + ["fake"] * 8


@pytest.fixture(name="study")
def study_fixture(tmp_path):
    """A study in which one real image is labelled fake, and one fake image real."""
    ids = plant_study(tmp_path, LABELS)
    wrong = {ids[3]: "fake", ids[15]: "real"}
    label = pl.col("image_id").replace_strict(wrong, default=pl.col("label"))
    change(tmp_path, "split", label=label)
    change(tmp_path, "manifest", label=label, original_label=label)
    return tmp_path, ids


def test_the_queue_holds_the_images_whose_label_is_in_doubt(study):
    folder, ids = study
    state = load_state(study_request(folder, label_errors=True))
    assert set(shown_ids(state)) == {ids[3], ids[15]}
    assert "2 likely label errors among 20 images" in state.queue.notes[0]
    assert state.queue.notes[0].endswith("1 labelled fake, 1 labelled real")


def test_the_second_look_is_blind(study):
    state = load_state(study_request(study[0], label_errors=True))
    for each in shown(state):
        hidden = {name: each[name] for name in ("image", "decision", "probability", "votes", "others")}
        assert hidden == {"image": None, "decision": "", "probability": None, "votes": {}, "others": None}


def test_labels_that_people_gave_are_left_out(study):
    folder, ids = study
    by_ben = pl.when(pl.col("image_id") == ids[3]).then(pl.lit("ben")).otherwise(pl.lit(""))
    change(folder, "manifest", reviewers=by_ben)
    assert shown_ids(load_state(study_request(folder, label_errors=True))) == [ids[15]]


def test_cross_fitted_scores_come_first_and_reach_the_training_images(study):
    folder, ids = study
    params = yaml.safe_load((folder / "params.yaml").read_text())
    backbone = {"name": "timm:test_vit", "views": ["whole", "tiles"], "pool": ["embedding"]}
    params |= {"members": {"head": HEAD}, "backbones": {"made": backbone}}
    params["evaluation"] = {"cross_fit": {"five": 5}, "leave_out": {}}
    (folder / "params.yaml").write_text(yaml.safe_dump(whole(params)))
    change(folder, "split", split=pl.lit("train"))
    with pytest.raises(FacesiftError, match=r"five\.parquet: not found; `dvc repro cross_fit@five`"):
        load_state(study_request(folder, label_errors=True))
    (folder / "data/figures/cross_fit").mkdir(parents=True)
    write(folder, "figures/cross_fit/five", pl.read_parquet(folder / "data/stack.parquet").drop("split"))
    write(folder, "stack", pl.read_parquet(folder / "data/stack.parquet").head(0))
    assert set(shown_ids(load_state(study_request(folder, label_errors=True)))) == {ids[3], ids[15]}


def test_a_study_without_doubt_says_so(tmp_path):
    plant_study(tmp_path, LABELS)
    with pytest.raises(FacesiftError, match="put no label of 20 images in doubt"):
        load_state(study_request(tmp_path, label_errors=True))
