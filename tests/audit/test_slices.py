import json

import numpy as np
import polars as pl
import pytest

from facesift.audit.slices import slices, thirds
from facesift.core.classes import Classes

CLASSES = Classes(("real", "fake"), "fake")
SCHEMA = ["label", "decision", "difficulty", "nose", "width", "brightness", "source"]


def images(*rows: tuple) -> pl.DataFrame:
    known = pl.DataFrame(rows, SCHEMA, orient="row", schema_overrides={"nose": pl.Boolean, "difficulty": pl.String})
    others = dict.fromkeys(("left_eye", "right_eye", "mouth"), pl.lit(None, pl.Boolean))
    return known.with_columns(image_id=pl.int_range(pl.len()).cast(pl.String), height=pl.lit(10), **others)


ROWS = images(
    ("fake", "fake", "easy", True, 10, 50.0, "rff"),
    ("fake", "review", "easy", False, 10, 150.0, "rff"),
    ("fake", "real", "hard", True, 60, 250.0, "rff"),
    ("real", "fake", None, None, 60, 50.0, "rff"),
    ("real", "real", None, None, 30, 50.0, "celeba"),
)
TRAIN = pl.DataFrame({"width": [10, 30, 60], "height": 10, "brightness": [90.0, 180.0, 240.0]})


def sliced(name: str, rows: pl.DataFrame = ROWS) -> dict[str, dict]:
    return {row["value"]: row for row in slices(rows, TRAIN, CLASSES) if row["slice"] == name}


def figures(name: str, *keys: str) -> dict[str, tuple]:
    return {value: tuple(row[key] for key in keys) for value, row in sliced(name).items()}


def test_fakes_are_counted_by_difficulty():
    assert figures("difficulty", "images", "recall", "caught") == {"easy": (2, 1, 1), "hard": (1, 0, 0)}


def test_fakes_are_counted_by_edited_part():
    assert figures("nose", "images", "recall", "caught") == {"untouched": (1, None, 1), "edited": (2, 0.5, 0.5)}


def test_among_fakes_alone_precision_is_unknown():
    assert figures("difficulty", "precision", "f1") == {"easy": (None, None), "hard": (None, None)}


def test_parts_that_no_name_tells_have_no_rows():
    assert sliced("mouth") == {}


def test_bad_photos_are_counted_by_each_reason_and_the_good_ones_beside_them():
    rows = ROWS.with_columns(quality=pl.Series(["blurred; face covered", None, "blurred", None, None]))
    counted = {value: each["images"] for value, each in sliced("quality", rows).items()}
    assert counted == {"blurred": 2, "face covered": 1, "none of these": 3}
    assert sliced("quality") == sliced("quality", rows.with_columns(quality=pl.lit(None, pl.String))) == {}


def test_a_data_set_without_difficulties_has_no_such_rows():
    assert sliced("difficulty", ROWS.with_columns(difficulty=pl.lit(None, pl.String))) == {}


def test_sizes_are_cut_at_the_thirds_of_the_training_images():
    assert figures("size", "images") == {"up to 100": (2,), "above 100 to 300": (1,), "above 300": (2,)}


def test_sizes_of_reals_and_fakes_are_counted_together():
    assert figures("size", "fakes", "fp", "precision", "reviewed") == {
        "up to 100": (1, 0, 1, 1),
        "above 100 to 300": (0, 0, None, 0),
        "above 300": (1, 1, 0, 0),
    }


def test_brightness_is_cut_at_the_thirds_of_the_training_images():
    assert figures("brightness", "images") == {
        "up to 90.0": (3,),
        "above 90.0 to 180.0": (1,),
        "above 180.0": (1,),
    }


def test_sources_are_counted():
    assert figures("source", "images", "reals", "fp") == {"celeba": (1, 1, 0), "rff": (4, 1, 1)}


def test_every_image_is_in_one_band():
    assert sum(row["images"] for row in sliced("size").values()) == ROWS.height


def test_images_of_one_size_are_one_slice():
    alike = ROWS.with_columns(width=pl.lit(5))
    rows = slices(alike, TRAIN.with_columns(width=pl.lit(5)), CLASSES)
    assert [row["value"] for row in rows if row["slice"] == "size"] == ["all"]


def test_rows_are_ready_for_json():
    assert json.loads(json.dumps(slices(ROWS, TRAIN, CLASSES), allow_nan=False))


def test_the_positive_class_may_have_any_name_and_company():
    classes = Classes(("camera", "painted", "edited"), "edited")
    names = {"fake": "edited", "real": "painted", "review": "review"}
    renamed = ROWS.with_columns(pl.col("label", "decision").replace_strict(names))
    found = {row["value"]: row for row in slices(renamed, TRAIN, classes) if row["slice"] == "difficulty"}
    assert found["easy"]["caught"] == 1


def test_thirds_hold_a_third_each():
    values = pl.Series(np.random.default_rng(0).permutation(3000))
    low, high = thirds(values)
    assert [(values <= low).sum(), ((values > low) & (values <= high)).sum()] == pytest.approx([1000, 1000], abs=1)


def test_of_no_values_there_are_no_thirds():
    assert thirds(pl.Series([], dtype=pl.Float64)) == []
