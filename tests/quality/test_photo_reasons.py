"""Reasons of bad photos: named where a figure is beyond its limit, in words, and switched by their action."""

from dataclasses import replace

import polars as pl
import pytest

from facesift.quality.photo_figures import PhotoFigures
from facesift.quality.photo_reasons import (
    QUALITY_COLUMNS,
    REASONS,
    count_reasons,
    has_reason,
    in_words,
    judge,
    quality_values,
    tell_reasons,
)
from tests.made_config import Quality

GOOD = PhotoFigures(
    faces=1, second_face=0.0, face_side=200.0, turn=0.05, eyes=0.7, mouth=0.3, dark=0.01, bright=0.0, blur=0.4, bars=0.0
)
BAD = {
    "several_faces": {"second_face": 0.5}, "small_face": {"face_side": 30.0}, "covered": {"eyes": 0.2},
    "turned": {"turn": 0.8}, "dark": {"dark": 0.9}, "bright": {"bright": 0.5}, "blurred": {"blur": 0.8},
    "bars": {"bars": 0.2},
}  # fmt: skip


def test_a_good_photo_has_no_reason():
    assert judge(GOOD, Quality()) == []
    assert in_words([]) is None


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_told_by_its_own_figure_and_can_be_switched_off(reason):
    photo = replace(GOOD, **BAD[reason])
    assert judge(photo, Quality()) == [reason]
    assert judge(photo, Quality(**{reason: "off"})) == []


def test_a_photo_without_a_face_has_the_figures_of_its_middle():
    nothing = dict.fromkeys(("second_face", "face_side", "turn", "eyes", "mouth"))
    assert judge(replace(GOOD, faces=0, blur=0.9, **nothing), Quality()) == ["no_face", "blurred"]
    assert judge(replace(GOOD, faces=None, **nothing), Quality()) == []


def test_tables_hold_reasons_in_words_and_all_figures():
    photo = replace(GOOD, blur=0.8, dark=0.9)
    row = pl.DataFrame([quality_values(photo, judge(photo, Quality()))], QUALITY_COLUMNS, orient="row")
    assert row["quality"].to_list() == ["underexposed; blurred"]
    assert row["photo_blur"].to_list() == [0.8]
    assert row.filter(has_reason(["blurred"])).height == 1
    assert row.filter(has_reason(["bars"])).height == row.filter(has_reason([])).height == 0


def test_reasons_are_counted_by_source_and_label():
    images = pl.DataFrame(
        {
            "source": ["a", "a", "b"],
            "label": ["fake", "fake", None],
            "quality": ["blurred; underexposed", "blurred", None],
        },
        {"source": pl.String, "label": pl.String, "quality": pl.String},
    )
    counts = count_reasons(images, "unlabelled")
    assert counts == {"a": {"fake": {"blurred": 2, "underexposed": 1}}}
    assert tell_reasons(counts) == "a fake: 2 x blurred, 1 x underexposed"
