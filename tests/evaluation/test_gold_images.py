"""What gold images tell of each reviewer, by hand."""

import polars as pl
import pytest

from facesift.core.classes import Classes
from facesift.core.files import write_json
from facesift.core.intervals import clopper_pearson
from facesift.evaluation.gold_images import known_labels, measure_gold
from tests.made_reviews import answer, table

CLASSES = Classes(("real", "fake"), "fake")
IDS = [f"{number:032x}" for number in range(10)]
KNOWN = pl.DataFrame({"image_id": IDS, "group": range(10), "truth": ["fake"] * 4 + ["real"] * 6})


def figures(*said, who="anna"):
    rows = [answer(image, each, who) for image, each in zip(IDS, said, strict=False)]
    return measure_gold(table(*rows), KNOWN, CLASSES)["reviewers"][who]


def test_recall_and_false_alarms_have_their_exact_intervals():
    found = figures("fake", "fake", "fake", "real", "fake", "real", "real", "real", "real", "unsure")
    assert (found["fakes"], found["found"], found["reals"], found["false_alarms"], found["unsure"]) == (4, 3, 6, 1, 1)
    assert (found["recall"], found["recall_interval"]) == (3 / 4, clopper_pearson(3, 4))
    assert found["false_alarm_rate"] == pytest.approx(1 / 6)
    assert found["false_alarm_interval"] == clopper_pearson(1, 6)


def test_unsure_finds_no_fake_and_is_no_false_alarm():
    found = figures("unsure", "fake", "fake", "fake", "unsure")
    assert (found["recall"], found["false_alarm_rate"]) == (3 / 4, 0)


def test_without_a_fake_recall_is_unknown(tmp_path):
    rows = [answer(IDS[9], "real")]
    found = measure_gold(table(*rows), KNOWN, CLASSES)["reviewers"]["anna"]
    assert (found["recall"], found["recall_interval"]) == (None, None)
    write_json(tmp_path / "gold.json", found)  # no NaN


def test_each_reviewer_has_figures_of_their_own():
    rows = [answer(IDS[0], "fake"), answer(IDS[0], "real", "ben")]
    found = measure_gold(table(*rows), KNOWN, CLASSES)["reviewers"]
    assert [(name, each["recall"]) for name, each in found.items()] == [("anna", 1), ("ben", 0)]


def test_an_answer_on_an_image_that_is_not_known_any_more_is_only_counted():
    found = measure_gold(table(answer("f" * 32, "fake")), KNOWN, CLASSES)
    assert found == {"reviewers": {}, "unknown": 1}


def test_only_held_out_images_with_the_label_of_their_files_are_known():
    decisions = pl.DataFrame({"image_id": IDS[:4], "split": ["val", "test", "train", "test"], "group": [7, 8, 9, 8]})
    labels = {"label": ["real", "fake", "fake", "fake"], "original_label": ["real", "fake", "fake", "real"]}
    manifest = pl.DataFrame({"image_id": IDS[:4]} | labels)
    assert known_labels(decisions, manifest).rows() == [(IDS[0], 7, "real"), (IDS[1], 8, "fake")]


def test_of_near_duplicates_the_image_answered_first_counts_for_each_reviewer():
    twins = KNOWN.with_columns(group=pl.Series([0, 0, 0, *range(3, 10)]))
    said = [("fake", 3), ("real", 1), ("fake", 2)]
    rows = [answer(IDS[row], each, at=f"2026-11-23T09:30:0{second}Z") for row, (each, second) in enumerate(said)]
    rows += [answer(IDS[0], "fake", "ben")]
    found = measure_gold(table(*rows), twins, CLASSES)
    assert {name: (each["fakes"], each["found"]) for name, each in found["reviewers"].items()} == {
        "anna": (1, 0), "ben": (1, 1),
    }  # fmt: skip
    assert found["unknown"] == 0
