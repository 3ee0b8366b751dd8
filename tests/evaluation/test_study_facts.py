"""What pages say of a study is what its parameters and figures say, in the bundle and in the report alike."""

import pytest

from facesift.config.compose import compose
from facesift.config.params import parse_params
from facesift.evaluation.study_facts import division, kept_together, left_out, members_see, stacker_fit, thresholds_fit

INGEST = {"quarantined": 2, "exact_duplicates": 1, "ignored": 0}
SPLIT = {
    "near_duplicates": {"images": 5, "groups": 2, "largest": 3}, "known_groups": {"images": 7, "groups": 3},
    "removed_leaks": 4,
}  # fmt: skip


def study(name, *settings):
    return parse_params(compose(name, settings), name)


def test_the_stacker_is_fitted_where_the_study_says():
    assert "fitted on re-sampled training images" in stacker_fit(study("deepfake_5class"))
    assert "validation images; its validation figures are out of fold" in stacker_fit(study("rff_balanced"))
    own = study("rff_balanced", "stack.sources=own", "operating.sources=own")
    for told in (stacker_fit(own), thresholds_fit(own)):
        assert "validation images of the sources that hold fakes and others" in told


@pytest.mark.parametrize("name", ["cifake", "deepfake_faces"])
def test_a_predefined_split_has_no_shares(name):
    params = study(name)
    assert division(params).startswith("The folders train, val and test of the data gave the parts.")
    assert "Images of one group with an image in a later part of the data's own split: 4." in left_out(
        params, INGEST, SPLIT
    )


def test_a_drawn_split_has_its_shares_and_its_limits():
    params = study("rff_balanced", "split.limit={fake: 90}")
    assert "train 80 %, val 10 %, test 10 %; drawn with seed" in division(params)
    assert division(params).endswith("At most so many images of a class were used: 90 fake.")
    assert not any("later part" in each for each in left_out(params, INGEST, SPLIT))


def test_the_rule_of_near_duplicates_is_told_whole():
    told = " ".join(kept_together(study("rff_balanced"), SPLIT))
    assert "5 images in 2 groups, the largest of 3" in told
    assert "at most 48 of 256 bits and thumbnails agree to at least 0.6" in told
    assert "no group holds two images whose hashes are more than 96 bits apart" in told
    assert "thumbnails" not in " ".join(kept_together(study("rff_balanced", "split.near_duplicate_agreement=0"), SPLIT))


def test_groups_that_the_user_named_are_told():
    assert len(kept_together(study("rff_balanced"), SPLIT)) == 1
    told = kept_together(study("rff_balanced", "data.sources.rff.group={by: folder}"), SPLIT)[1]
    assert "data.sources (rff by folder)" in told
    assert "7 images in 3 groups" in told


def test_what_members_see_follows_the_crop():
    assert "the whole image, made square" in members_see(study("rff_balanced", "data.resize=squish").data)
    face = study("rff_balanced", "data.crop.method=face", "data.crop.unfound=review")
    assert "an image without one is cut at the centre, and a person decides it" in members_see(face.data)
