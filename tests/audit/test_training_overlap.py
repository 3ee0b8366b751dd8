"""Copies of training images in another data set are found, and nothing else."""

import numpy as np
import polars as pl
import pytest

from facesift.audit.training_overlap import find_overlap
from facesift.datasets.near_duplicates import LinkRule

RNG = np.random.default_rng(0)
RULE = LinkRule(bits=48, agreement=0.0)  # hashes alone decide


def table(names, hashes, **columns):
    looks = {"image_id": names, "phash": hashes, "thumbnail": pl.Series([None] * len(names), dtype=pl.Binary)}
    return pl.DataFrame(looks | columns)


def flipped(text, bits):
    """The hash with so many of its lowest bits turned over."""
    return f"{int(text, 16) ^ ((1 << bits) - 1):064x}"


HASHES = [RNG.bytes(32).hex() for _ in range(9)]
STUDY = table(["a", "b", "c"], HASHES[:3], split=["train", "val", "test"])


def other(*hashes):
    return table([f"x{number}" for number in range(len(hashes))], list(hashes))


def test_copies_of_training_and_validation_images_are_named_with_them():
    found = find_overlap(other(HASHES[0], flipped(HASHES[1], 20), HASHES[5]), STUDY, RULE)
    assert found.pairs.rows() == [("x0", "a", "train", 0), ("x1", "b", "val", 20)]
    assert found.report() == {
        "images": 3, "excluded": 2, "bits": 48, "examples": [["x0", "a", "train", 0], ["x1", "b", "val", 20]]
    }  # fmt: skip


def test_copies_of_test_images_were_never_learned_from():
    assert find_overlap(other(HASHES[2]), STUDY, RULE).pairs.is_empty()


@pytest.mark.parametrize(("bits", "copies"), [(48, 1), (49, 0)])
def test_the_limit_of_the_split_decides(bits, copies):
    assert find_overlap(other(flipped(HASHES[0], bits)), STUDY, RULE).pairs.height == copies


def test_an_image_near_several_is_counted_once_with_the_closest():
    near = STUDY.with_columns(phash=pl.Series([HASHES[0], flipped(HASHES[0], 3), HASHES[2]]))
    assert find_overlap(other(flipped(HASHES[0], 4)), near, RULE).pairs.rows() == [("x0", "b", "val", 1)]


def test_copies_inside_the_other_data_set_are_none_of_ours():
    assert find_overlap(other(HASHES[5], HASHES[5]), STUDY, RULE).pairs.is_empty()
