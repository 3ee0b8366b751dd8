import polars as pl
import pytest

from facesift.datasets.relabelling import LISTED, relabel
from tests.made_reviews import AT, answer, table

CLASSES = ("real", "fake")
IDS = [f"{number:032x}" for number in range(200)]


def manifest(*labels):
    return pl.DataFrame({"image_id": IDS[: len(labels)], "label": labels}, {"image_id": pl.String, "label": pl.String})


def labels(found):
    return found.images["label"].to_list()


def test_unanimous_answers_override_the_label():
    found = relabel(manifest("real", "real"), table(answer(IDS[1], "fake"), answer(IDS[1], "fake", "ben")), CLASSES)
    assert labels(found) == ["real", "fake"]
    assert found.report["overridden"] == {"real": {"fake": 1}}


def test_the_original_label_who_and_when_are_kept():
    found = relabel(manifest("real", "real"), table(answer(IDS[1], "fake"), answer(IDS[1], "fake", "ben")), CLASSES)
    assert found.images.drop("image_id", "label").rows() == [("real", "", ""), ("real", "anna+ben", AT)]


@pytest.mark.parametrize(
    ("said", "counted"), [(["unsure"], "unsure"), (["fake", "real"], "disagreements"), (["real"], "confirmed")]
)
def test_what_changes_no_label_is_counted_as_what_it_is(said, counted):
    answers = [answer(IDS[0], each, who) for each, who in zip(said, ("anna", "ben"), strict=False)]
    found = relabel(manifest("real"), table(*answers), CLASSES)
    assert labels(found) == ["real"]
    assert {key: found.report[key] for key in ("unsure", "disagreements", "confirmed")} == {
        "unsure": 0, "disagreements": 0, "confirmed": 0, counted: 1
    }  # fmt: skip


def test_disagreements_are_listed_with_their_answers():
    found = relabel(manifest("real"), table(answer(IDS[0], "fake"), answer(IDS[0], "real", "ben")), CLASSES)
    assert found.report["disagreeing"] == [{"image_id": IDS[0], "answers": {"anna": "fake", "ben": "real"}}]


def test_a_long_list_of_disagreements_is_cut_and_all_are_counted():
    answers = [answer(image, said, who) for image in IDS for said, who in (("fake", "anna"), ("real", "ben"))]
    found = relabel(manifest(*["real"] * len(IDS)), table(*answers), CLASSES)
    assert (found.report["disagreements"], len(found.report["disagreeing"])) == (len(IDS), LISTED)


def test_reviews_of_images_not_in_this_study_are_counted():
    answers = [answer(IDS[9], "fake"), answer(IDS[9], "fake", "ben"), answer(IDS[0], "real")]
    found = relabel(manifest("real"), table(*answers), CLASSES)
    assert (found.report["elsewhere"], found.report["images"]) == (1, 1)


def test_images_without_a_label_take_that_of_the_reviewers_or_are_left_out():
    found = relabel(manifest(None, None, "real"), table(answer(IDS[1], "fake")), CLASSES)
    assert found.images["image_id"].to_list() == [IDS[1], IDS[2]]
    assert found.images.row(0, named=True)["original_label"] is None
    assert (found.report["given"], found.report["undecided"], found.report["overridden"]) == ({"fake": 1}, 1, {})


def test_without_reviews_nothing_changes_and_nothing_is_said():
    found = relabel(manifest("real", "fake"), table(), CLASSES)
    assert labels(found) == ["real", "fake"]
    assert found.sentence() is None


def test_it_is_told_in_one_line():
    answers = [answer(IDS[0], "fake"), answer(IDS[1], "unsure"), answer(IDS[9], "fake")]
    said = relabel(manifest("real", "real", None), table(*answers), CLASSES).sentence()
    assert said == (
        "reviews of 2 images: 1 real -> fake, 0 confirmed, 0 given to images without one; "
        "0 disagreements, 1 unsure, 1 of no image here; "
        "1 image left out: their source has the layout `reviewed`, and nobody has decided them"
    )


def test_for_two_persons_one_answer_is_no_label_yet():
    answers = [answer(IDS[0], "fake"), answer(IDS[1], "fake"), answer(IDS[1], "fake", "ben")]
    found = relabel(manifest("real", "real"), table(*answers), CLASSES, two_persons=True)
    assert labels(found) == ["real", "fake"]
    assert (found.report["waiting"], found.report["unsure"], found.report["disagreements"]) == (1, 0, 0)
    assert "waiting for a second person (review.two_persons): 1 image" in found.sentence()
