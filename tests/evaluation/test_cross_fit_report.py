"""Figures of a cross-fitted committee, by numbers that were counted by hand."""

import numpy as np
import polars as pl
import pytest

from facesift.committee.cross_fit import CrossFitted
from facesift.core.classes import BINARY, PARTS, Classes
from facesift.core.intervals import clopper_pearson
from facesift.core.scores import STACKER, LabelledLogits
from facesift.evaluation.cross_fit_report import count_pairs, report_cross_fit

REVIEW = -1


def test_pairs_are_fakes_and_others_of_one_group():
    groups, fakes = np.array([0, 0, 0, 1, 1, 2, 3]), np.array([0, 1, 1, 0, 1, 1, 0])
    scores = np.array([0.5, 0.6, 0.4, 0.7, 0.2, 0.9, 0.1])
    found = count_pairs(groups, fakes, scores)
    assert (found["pairs"], found["fake_above"], found["share"]) == (3, 1, 1 / 3)
    assert found["share_interval"] == clopper_pearson(1, 3, design_effect=5 / 3)  # two pairs share an original


def test_a_tie_in_a_pair_is_not_above():
    assert count_pairs(np.zeros(2, int), np.array([0, 1]), np.array([0.5, 0.5]))["fake_above"] == 0


def test_without_pairs_the_share_is_unknown():
    found = count_pairs(np.arange(2), np.array([0, 1]), np.array([0.1, 0.5]))
    assert found == {"pairs": 0, "fake_above": 0, "share": None, "share_interval": None}


# image, source, label, score of being fake, difficulty
IMAGES = [
    ("a", "rff", 1, 0.9, "easy"),
    ("b", "rff", 1, 0.8, "easy"),
    ("c", "rff", 1, 0.3, "hard"),
    ("d", "rff", 1, 0.1, "hard"),
    ("e", "rff", 0, 0.2, None),
    ("f", "rff", 0, 0.4, None),
    ("g", "celeba", 0, 0.95, None),
    ("h", "celeba", 0, 0.99, None),
]


@pytest.fixture(scope="module")
def report():
    names, sources, labels, scores, difficulty = map(list, zip(*IMAGES, strict=True))
    log_odds = np.log(np.array(scores) / (1 - np.array(scores)))
    logits = np.stack([-log_odds / 2, log_odds / 2], axis=1).astype(np.float32)
    images = pl.DataFrame(
        {"image_id": names, "split": "test", "source": sources, "label": np.array(BINARY)[labels], "group": range(8)}
    )
    held = LabelledLogits(
        Classes(BINARY, "fake"), images, np.array(labels), {"one": -logits, STACKER: logits}, np.zeros(8, bool)
    )
    decisions = {"majority": np.array([1, 1, REVIEW, 0, 0, 1, 1, REVIEW])}
    parts = [pl.lit(None, pl.Boolean).alias(part) for part in PARTS]
    facts = pl.DataFrame({"image_id": names[::-1], "difficulty": difficulty[::-1]}).with_columns(*parts)
    return report_cross_fit(CrossFitted(held, decisions, np.arange(8) % 3), facts)


def test_all_images_are_counted(report):
    assert (report["images"], report["fakes"], report["folds"]) == (8, 4, 3)


def test_every_voter_has_its_own_figures(report):
    """The member scores the other way round."""
    assert report["voters"][STACKER]["auc"] == pytest.approx(5 / 16)
    assert report["voters"]["one"]["auc"] == pytest.approx(11 / 16)


def test_within_a_source_only_its_images_count(report):
    assert list(report["within"]) == ["rff"]
    assert report["within"]["rff"]["auc"] == pytest.approx(5 / 8)


def test_a_difficulty_is_its_fakes_against_the_others_of_their_sources(report):
    found = report["kinds"]["difficulty"]
    assert {name: figures["auc"] for name, figures in found.items()} == {"easy": 1.0, "hard": 0.25}


def test_standard_figures_stand_beside_the_areas(report):
    easy = report["kinds"]["difficulty"]["easy"]
    assert (easy["fakes"], easy["reals"], easy["standard"]["eer"]["value"]) == (2, 2, 0.0)
    assert report["voters"][STACKER]["standard"]["tpr_at_fpr_0.1"]["reason"] == "needs at least 10 reals, not 4"


def test_rules_are_counted_with_the_images_sent_to_a_person(report):
    found = report["rules"]["majority"]
    assert (found["tp"], found["fn"], found["fp"], found["tn"]) == (2, 1, 2, 1)
    assert (found["review_fake"], found["review_real"]) == (1, 1)
