"""Every published study runs from its files to a vote, with its own networks and recipes, at toy size."""

import polars as pl
import pytest

from bench.studies import arrangements, run_study
from bench.toy import compose_study, cut_down


@pytest.mark.parametrize("arrangement", arrangements(), ids=lambda each: " ".join([each[0], *each[1]]))
def test_study_runs_and_votes_on_every_held_out_image(arrangement, tmp_path):
    ran = run_study(*arrangement, tmp_path)
    split = pl.read_parquet(tmp_path / "data/split.parquet")
    held = split.filter(pl.col("split") != "train")["image_id"].sort()
    assert split.height == ran.images
    for member in ran.params.members:
        scores = pl.read_parquet(tmp_path / f"data/scores/{member}.parquet")
        assert scores["image_id"].sort().equals(held), member
    decisions = pl.read_parquet(tmp_path / "data/decisions.parquet")
    assert decisions["image_id"].sort().equals(held)
    assert set(ran.voters) == {*ran.params.voting, "stacker"}


def test_cutting_down_keeps_the_recipe():
    tree = compose_study("deepfake_5class")
    toy = cut_down(tree)
    kept = ("loss", "optimizer", "augment", "resample")
    for name, member in tree["members"].items():
        assert {key: toy["members"][name][key] for key in kept} == {key: member[key] for key in kept}
        assert toy["members"][name]["architecture"]["name"] == member["architecture"]["name"]


def test_the_published_five_class_ensemble_is_of_two_networks():
    members = compose_study("deepfake_5class")["members"]
    assert [name for name, member in members.items() if member.get("votes", True)] == ["deepfakenet2", "vgg16"]
