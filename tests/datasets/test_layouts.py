import pytest
from pydantic import ValidationError

from facesift.config.data import ByColumn, ByFolder, ByPath
from facesift.core.errors import FacesiftError
from facesift.datasets.layouts import Layout, PathLabel, find_source, recognise
from facesift.images.archives import RawFile
from tests.made_config import Source

RFF = Layout(Source(layout="rff"))
CELEBA = Layout(Source(layout="one_class", folder="img_align_celeba", label="real"))
FOLDERS = Layout(Source(layout="class_folders"))
UNKNOWN = (None, None, None, None)


@pytest.mark.parametrize("difficulty", ["easy", "mid", "hard"])
def test_rff_difficulty_is_in_the_name(difficulty: str):
    assert recognise(RFF, f"training_fake/{difficulty}_7_0001.jpg").difficulty == difficulty


def test_rff_digits_are_left_eye_right_eye_nose_mouth():
    assert recognise(RFF, "training_fake/mid_12_0110.jpg").edited == (False, True, True, False)


@pytest.mark.parametrize("name", ["easy_116_111", "easy_116_11101", "easy_116", "easy_116_1121", "easy_116_1110x"])
def test_odd_rff_names_keep_the_difficulty_and_leave_the_parts_unknown(name: str):
    assert recognise(RFF, f"training_fake/{name}.jpg") == PathLabel("fake", difficulty="easy", edited=UNKNOWN)


def test_rff_names_without_a_difficulty_are_still_fakes():
    assert recognise(RFF, "training_fake/photo.jpg") == PathLabel("fake")


def test_rff_reals_say_nothing_of_edits():
    assert recognise(RFF, "a/training_real/easy_1_1110.jpg") == PathLabel("real")


@pytest.mark.parametrize("path", ["readme.txt", "training_real", "training_reals/1.jpg", "other/1.jpg"])
def test_rff_leaves_other_files_alone(path: str):
    assert recognise(RFF, path) is None


def test_one_class_takes_its_label_from_the_parameters():
    assert recognise(CELEBA, "x/img_align_celeba/img_align_celeba/000001.jpg") == PathLabel("real")


def test_one_class_leaves_other_folders_alone():
    assert recognise(CELEBA, "list_attr_celeba.csv") is None


@pytest.mark.parametrize("folder", ["real", "REAL", "Real"])
def test_class_folders_are_known_in_any_case(folder: str):
    assert recognise(FOLDERS, f"{folder}/1.jpg") == PathLabel("real")


@pytest.mark.parametrize(
    ("folder", "fold"),
    [("train", "train"), ("TEST", "test"), ("val", "val"), ("Validation", "val"), ("valid", "val")],
)
def test_the_folder_above_the_class_is_the_fold(folder: str, fold: str):
    assert recognise(FOLDERS, f"{folder}/FAKE/1.jpg") == PathLabel("fake", fold=fold)


def test_a_file_named_like_a_class_is_not_in_it():
    assert recognise(FOLDERS, "other/fake") is None


def test_backslashes_in_a_zip_separate_folders():
    assert recognise(FOLDERS, "test\\REAL\\1.jpg") == PathLabel("real", fold="test")


def test_the_first_source_that_recognises_a_file_gets_it():
    sources = {"a": RFF, "b": FOLDERS, "c": FOLDERS}
    assert find_source(sources, RawFile(".", "real/1.jpg")) == ("b", PathLabel("real"))


@pytest.mark.parametrize("file", [RawFile("faces.zip", "real/1.jpg"), RawFile("faces.d/a.zip", "real/1.jpg")])
def test_within_is_matched_against_the_top_entry(file: RawFile):
    assert find_source({"a": Layout(Source(layout="class_folders", within="faces.*"))}, file) == (
        "a",
        PathLabel("real"),
    )


def test_within_keeps_a_source_out_of_other_entries():
    assert (
        find_source(
            {"a": Layout(Source(layout="class_folders", within="faces*"))}, RawFile("b.zip", "faces/real/1.jpg")
        )
        is None
    )


def test_within_is_matched_against_the_top_folder_of_loose_files():
    assert find_source({"a": Layout(Source(layout="class_folders", within="faces"))}, RawFile(".", "faces/real/1.jpg"))


def test_class_folders_are_those_of_the_study():
    layout = Layout(Source(layout="class_folders"), ("Cat", "dog"))
    assert recognise(layout, "train/CAT/1.jpg") == PathLabel("Cat", fold="train")
    assert recognise(layout, "train/real/1.jpg") is None


def test_reviewed_images_have_no_label_and_the_fold_of_their_folder():
    layout = Layout(Source(layout="reviewed", folder="Queue"))
    assert recognise(layout, "queue/test/1.jpg") == PathLabel(None, fold="test")
    assert recognise(layout, "other/1.jpg") is None


def group_of(rule: ByFolder | ByPath | None, path: str, container: str = ".") -> str | None:
    found = find_source({"s": Layout(Source(layout="class_folders", group=rule))}, RawFile(container, path))
    assert found
    return found[1].group


def by_path(pattern: str) -> ByPath:
    return ByPath(by="path", pattern=pattern)


def test_without_a_rule_no_group_is_known():
    assert group_of(None, "real/clip7/1.jpg") is None


def test_a_folder_of_one_zip_is_a_group():
    rule = ByFolder(by="folder")
    assert group_of(rule, "real/clip7/1.jpg", "a.zip") == group_of(rule, "real/clip7/2.jpg", "a.zip")
    assert group_of(rule, "real/clip7/1.jpg", "a.zip") != group_of(rule, "real/clip7/1.jpg", "b.zip")


def test_what_the_expression_finds_in_brackets_is_the_group_across_folders():
    rule = by_path(r"person_(\d+)")
    assert group_of(rule, "real/person_7_a.jpg") == group_of(rule, "fake/person_7_b.jpg") == "7"


def test_all_that_an_expression_without_brackets_finds_is_the_group():
    assert group_of(by_path(r"clip\d+"), "real/clip7/1.jpg") == "clip7"


def test_a_file_that_the_expression_does_not_match_is_named_with_the_expression():
    with pytest.raises(
        FacesiftError, match=r"\.:real/1\.jpg: the expression 'clip\\\\d\+' .*data\.sources\.s\.group\.pattern"
    ):
        group_of(by_path(r"clip\d+"), "real/1.jpg")


def test_a_broken_expression_is_refused():
    with pytest.raises(ValidationError, match="is no regular expression"):
        by_path("(")


def test_only_a_source_with_a_table_takes_groups_from_a_column():
    with pytest.raises(ValidationError, match="needs `layout: csv`"):
        Source(layout="class_folders", group=ByColumn(by="column", column="person"))
