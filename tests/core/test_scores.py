"""Scores are joined on image_id: order means nothing, and a missing score is an error with a name."""

import numpy as np
import polars as pl
import pytest

from facesift.committee.predictions import Ballot
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.scores import class_probabilities, join_scores, labels_from, score_table, votes_of

CLASSES = Classes(("real", "fake"), "fake")


def truth(images=40, seed=0):
    rng = np.random.default_rng(seed)
    ids = [f"{number:032x}" for number in rng.permutation(images)]
    labels = ["fake" if number % 4 == 0 else "real" for number in range(images)]
    return pl.DataFrame({"image_id": ids, "split": "test", "source": "made", "label": labels, "group": range(images)})


def scores(frame, seed=1):
    noise = np.random.default_rng(seed).normal(size=(len(frame), 2))
    noise[:, 1] += 2 * (frame["label"].to_numpy() == "fake")
    return score_table(frame["image_id"].to_numpy(), "test", noise, CLASSES.names)


def test_shuffled_score_tables_give_the_same_metrics():
    images = truth()
    tables = {"a": scores(images, 1), "b": scores(images, 2)}
    shuffled = {name: table.sample(fraction=1, shuffle=True, seed=5) for name, table in tables.items()}
    report = [Ballot.of(join_scores(images, each), ["a", "b"], CLASSES).report_voters() for each in (tables, shuffled)]
    assert report[0] == report[1]


def test_missing_score_is_named():
    images = truth()
    with pytest.raises(FacesiftError, match=f"a has no score of {'0' * 31}3 "):
        join_scores(images, {"a": scores(images).filter(pl.col("image_id") != f"{3:032x}")})


def test_score_of_a_foreign_image_is_named():
    images = truth()
    with pytest.raises(FacesiftError, match=f"a scored an image that is not in the split: {'0' * 31}3 "):
        join_scores(images.filter(pl.col("image_id") != f"{3:032x}"), {"a": scores(images)})


def test_image_scored_twice_is_named():
    table = scores(truth())
    with pytest.raises(FacesiftError, match=f"a scored {table['image_id'][0]} twice"):
        join_scores(truth(), {"a": pl.concat([table, table[:1]])})


def test_score_that_is_not_a_number_is_named():
    with pytest.raises(ValueError, match=r"image b: logits \[0.0, nan\] are not finite"):
        score_table(["a", "b"], "test", np.array([[0, 1], [0, np.nan]]), CLASSES.names)


def test_probability_is_the_softmax_share_of_fake():
    logits = np.array([[0.0, 0.0], [0.0, np.log(3)]])
    np.testing.assert_allclose(class_probabilities(logits)[:, 1], [0.5, 0.75])


def test_vote_agrees_with_probability_of_one_half():
    logits = np.random.default_rng(0).normal(size=(500, 2))
    assert (votes_of(logits, CLASSES) == (class_probabilities(logits)[:, 1] >= 0.5)).all()


def test_label_is_numbered_by_its_class():
    table = pl.DataFrame({"label": ["b", "c", "a"]})
    assert labels_from(table, Classes(("a", "b", "c"), "b")).tolist() == [1, 2, 0]


def test_tie_among_three_classes_goes_to_the_positive_one():
    logits = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    assert votes_of(logits, Classes(("a", "b", "c"), "b")).tolist() == [1, 0, 1]
