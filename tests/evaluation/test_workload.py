"""What people add: counted by hand on ten images."""

import polars as pl
import pytest

from facesift.core.classes import Classes
from facesift.core.counts import Confusion, DecisionCounts
from facesift.core.errors import FacesiftError
from facesift.core.files import write_json
from facesift.core.intervals import clopper_pearson
from facesift.evaluation.prevalence import project
from facesift.evaluation.workload import measure_reviews
from tests.made_reviews import answer, table

CLASSES = Classes(("real", "fake"), "fake")
IDS = [f"{number:032x}" for number in range(12)]
TRUTH = ["real", "real", "real", "real", "fake", "fake", "real", "real", "fake", "fake"]
DECIDED = ["real", "real", "real", "fake", "fake", "real", "review", "review", "review", "review"]
SPLIT = ["test"] * 10
MANIFEST = pl.DataFrame({"image_id": IDS[:10], "original_label": TRUTH})
DECISIONS = pl.DataFrame({"image_id": IDS[:10], "split": SPLIT, "decision": DECIDED})


def measured(*answers, manifest=MANIFEST, decisions=DECISIONS):
    return measure_reviews(decisions, manifest, table(*answers), CLASSES, [1000])


RIGHT = [answer(image, truth) for image, truth in zip(IDS[6:10], TRUTH[6:], strict=True)]


def test_without_answers_what_tells_of_people_is_unknown(tmp_path):
    report = measured()
    assert report["test"]["after"] is None
    assert report["time"]["median_seconds"] is None
    assert report["time"]["hours_per_100k"] == {"1000": None}
    assert "nobody has reviewed" in report["sentence"]
    write_json(tmp_path / "review.json", report)  # no NaN


def test_the_queue_is_counted():
    rows = [answer(IDS[6], "real"), answer(IDS[7], "unsure"), answer(IDS[8], "fake"), answer(IDS[8], "real", "ben")]
    assert measured(*rows)["queue"]["test"] == {
        "images": 10, "queue": 4, "share": 0.4, "interval": clopper_pearson(4, 10),
        "answered": 3, "decided": 1, "unsure": 1, "waiting": 0, "disagreements": 1, "left": 3,
    }  # fmt: skip


def test_for_two_persons_one_answer_leaves_the_image_in_the_queue():
    rows = [answer(IDS[6], "real"), answer(IDS[8], "fake"), answer(IDS[8], "fake", "ben")]
    report = measure_reviews(DECISIONS, MANIFEST, table(*rows), CLASSES, [1000], two_persons=True)
    queue = report["queue"]["test"]
    assert (queue["answered"], queue["decided"], queue["waiting"], queue["left"]) == (2, 1, 1, 3)
    assert report["test"]["after"]["reviewed"] == 3


def test_right_answers_reach_the_upper_bound():
    report = measured(*RIGHT)
    assert report["test"]["after"] == report["test"]["upper_bound"]
    assert report["test"]["after"]["reviewed"] == 0


def test_figures_after_people_are_those_of_the_decisions_with_their_answers():
    report = measured(answer(IDS[6], "fake"), answer(IDS[7], "real"), answer(IDS[8], "fake"), answer(IDS[9], "real"))
    expected = DecisionCounts(Confusion(tp=2, fp=2, fn=2, tn=4), 0, 0).report()
    assert {key: report["test"]["after"][key] for key in expected} == expected
    assert report["test"]["after"]["found_interval"] == clopper_pearson(2, 4)


def test_what_people_leave_open_stays_in_the_queue():
    after = measured(answer(IDS[8], "fake"), answer(IDS[9], "unsure"))["test"]["after"]
    assert (after["tp"], after["review_fake"], after["review_real"]) == (2, 1, 2)
    assert after["found"] == 2 / 4


def test_answers_on_images_outside_the_queue_change_no_decision():
    report = measured(answer(IDS[5], "fake"), answer(IDS[8], "fake"))
    assert report["test"]["after"]["fn"] == 1


def test_truth_is_the_original_label_and_images_without_one_count_in_no_figure():
    unknown = MANIFEST.with_columns(original_label=pl.Series([*TRUTH[:8], None, None]))
    report = measured(*RIGHT, manifest=unknown)
    assert report["test"]["after"]["fakes"] == 2
    assert report["queue"]["test"]["queue"] == 4


def test_validation_images_count_in_no_figure_of_the_test_split():
    val = DECISIONS.with_columns(split=pl.Series(["test"] * 8 + ["val"] * 2))
    report = measured(*RIGHT, decisions=val)
    assert report["test"]["upper_bound"]["fakes"] == 2
    assert report["queue"]["val"]["decided"] == 2


def test_answers_on_images_that_are_not_held_out_are_counted():
    assert measured(*RIGHT, answer(IDS[11], "fake"))["elsewhere"] == 1


def test_hours_are_the_projected_queue_at_the_median_of_seconds():
    queue = project(DecisionCounts(Confusion(tp=1, fp=1, fn=1, tn=3), 2, 2), 1000).report()["reviews_per_100k"]
    rows = [answer(image, "fake", seconds=seconds) for image, seconds in zip(IDS[6:9], (2.0, 9.0, 400.0), strict=True)]
    found = measured(*rows)["time"]
    assert found["median_seconds"] == 9
    assert found["hours"] == pytest.approx(411 / 3600)
    assert found["hours_per_100k"]["1000"] == pytest.approx({end: each * 9 / 3600 for end, each in queue.items()})


def test_an_answer_of_no_class_is_refused():
    with pytest.raises(FacesiftError, match="is called 'cat'"):
        measured(answer(IDS[0], "cat"))
