"""Decisions that flip on a mildly damaged copy go to review; decisions that do not stay."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from facesift.committee.decision import REVIEW, Predictions
from facesift.committee.rules import RULES, Thresholds
from facesift.committee.stability import DamagedCopies, StabilityRule, copies_table, no_copies, read_copies
from facesift.config.committee import Vote
from facesift.config.damage import Corruption
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.files import write_parquet
from facesift.core.scores import LabelledLogits

FAKE = Classes(("real", "fake"), "fake")
DAMAGES = {"jpeg90": Corruption(kind="jpeg", strength=90), "scale90": Corruption(kind="scale", strength=0.9)}
REAL, FAKE_CODE = 0, 1


def predictions(*voters):
    """Predictions of voters that each give a margin an image: fake above zero."""
    margins = {f"voter{number}": np.array(each, np.float32) for number, each in enumerate(voters)}
    return Predictions.of({name: np.stack([-each, each], axis=1) / 2 for name, each in margins.items()}, FAKE)


def check(before, jpeg, scale, must_hold="all", rule=RULES["majority"]):
    copies = DamagedCopies(StabilityRule(DAMAGES, must_hold), {"jpeg90": jpeg, "scale90": scale})
    return copies.check(rule.apply(before), rule)


STEADY = predictions([2, -2, 2, -2])


def test_decisions_that_hold_stay():
    found = check(STEADY, predictions([1, -1, 3, -3]), predictions([0.1, -0.1, 9, -9]))
    assert found.decisions.tolist() == [FAKE_CODE, REAL, FAKE_CODE, REAL]
    assert found.flipped_by == [None] * 4


def test_a_flip_under_any_damage_is_review_and_names_the_first():
    found = check(STEADY, predictions([-1, -1, 3, -3]), predictions([-1, 1, 9, -9]))
    assert found.decisions.tolist() == [REVIEW, REVIEW, FAKE_CODE, REAL]
    assert found.flipped_by == ["jpeg90", "scale90", None, None]


@pytest.mark.parametrize(
    ("must_hold", "expected"),
    [("all", [REVIEW, REVIEW]), ("positive", [REVIEW, REAL]), ("others", [FAKE_CODE, REVIEW])],
)
def test_only_the_decisions_asked_for_must_hold(must_hold, expected):
    turned = predictions([-2, 2, 2, -2])
    assert check(STEADY, turned, turned, must_hold).decisions[:2].tolist() == expected


def test_a_vote_that_flips_without_changing_the_decision_is_no_flip():
    before, after = predictions([2, -2], [2, -2], [2, -2]), predictions([2, -2], [2, 2], [2, -2])
    assert check(before, after, after).flipped_by == [None, None]
    assert check(before, after, after, rule=RULES["unanimous"]).flipped_by == [None, "jpeg90"]


def test_review_stays_review_whatever_the_copies_are():
    before, after = predictions([2, 2], [-2, 2]), predictions([2, 2], [2, 2])
    found = check(before, after, after, rule=RULES["unanimous"])
    assert found.decisions.tolist() == [REVIEW, FAKE_CODE]
    assert found.flipped_by == [None, None]


def test_operating_points_are_not_checked():
    turned = predictions([-2, 2, -2, 2])
    point = Thresholds(-1.0, 1.0)
    assert check(STEADY, turned, turned, rule=point).decisions.tolist() == point.apply(STEADY).tolist()


def test_copies_are_made_of_images_that_are_still_decided_alone():
    asked = []

    def decide(name, rows):
        asked.append((name, rows.tolist()))
        return np.where(rows == 1, FAKE_CODE, REAL)

    found = StabilityRule(DAMAGES).apply(np.array([REAL, REAL, REVIEW, REAL]), FAKE, decide)
    assert asked == [("jpeg90", [0, 1, 3]), ("scale90", [0, 3])]
    assert found.decisions.tolist() == [REAL, REVIEW, REVIEW, REAL]


def vote(**given):
    return Vote(**{"rule": "majority", "stability": "review", "must_hold": "all", "mild_damage": DAMAGES} | given)


def scored(margins):
    """Two voters with the same margins."""
    images = pl.DataFrame({"image_id": ["a", "b", "c"], "split": "val", "source": "s", "label": "real", "group": 0})
    logits = np.stack([np.zeros(3), np.array(margins)], axis=1).astype(np.float32)
    return LabelledLogits(FAKE, images, np.zeros(3, np.int64), {"one": logits, "stacker": logits}, np.zeros(3, bool))


def test_scores_of_copies_come_back_from_their_table(tmp_path):
    table = copies_table({"jpeg90": scored([1, -1, 1]), "scale90": scored([1, 1, -1])})
    other = copies_table({name: with_split(scored([9, 9, 9]), "test") for name in DAMAGES})
    write_parquet(tmp_path / "copies.parquet", pl.concat([other, table[::-1]]))
    copies = read_copies(tmp_path / "copies.parquet", scored([1, -1, -1]), vote())
    assert copies.predictions["jpeg90"].votes.tolist() == [[1, 1], [0, 0], [1, 1]]
    assert copies.predictions["scale90"].votes.tolist() == [[1, 1], [1, 1], [0, 0]]


def with_split(held, split):
    return replace(held, images=held.images.with_columns(split=pl.lit(split)))


def test_nothing_is_read_where_stability_is_ignored(tmp_path):
    assert read_copies(tmp_path / "none.parquet", scored([1, 1, 1]), vote(stability="ignore")) is None


def test_an_empty_table_is_refused_where_copies_are_needed(tmp_path):
    write_parquet(tmp_path / "copies.parquet", no_copies(FAKE))
    with pytest.raises(FacesiftError, match="one has no score of a"):
        read_copies(tmp_path / "copies.parquet", scored([1, 1, 1]), vote())


def test_the_empty_table_has_the_columns_of_a_full_one():
    full = copies_table({"jpeg90": scored([1, -1, 1])})
    assert dict(full.schema) == dict(no_copies(FAKE).schema)
