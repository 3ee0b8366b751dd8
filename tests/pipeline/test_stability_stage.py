"""The stage stability through the real `dvc`: decisions that flip under damage become review, also in screening."""

import json

import polars as pl
import pytest

RAW = "data/raw/tiny/faces.zip"


def read(repository, name):
    return json.loads((repository.folder / name).read_text())


def decisions(repository):
    return pl.read_parquet(repository.folder / "data/decisions.parquet").sort("image_id")


def test_nothing_is_scored_where_stability_is_ignored(reproduced):
    assert pl.read_parquet(reproduced.folder / "data/stability.parquet").is_empty()
    assert "flipped_by" not in decisions(reproduced).columns


@pytest.fixture(scope="module")
def checked(reproduced, tmp_path_factory):
    """The study with the majority rule, before and after one strong damage that turns some decisions."""
    before = reproduced.copy(tmp_path_factory.mktemp("before"))
    before.change(lambda tree: tree["vote"].update(rule="majority"))
    before.repro("summary")
    after = before.copy(tmp_path_factory.mktemp("after"))
    damage = {"noise60": {"kind": "noise", "strength": 60}, "jpeg90": {"kind": "jpeg", "strength": 90}}
    after.change(lambda tree: tree["vote"].update(stability="review", mild_damage=damage))
    return before, after, after.repro()


def test_switching_it_on_scores_copies_and_trains_nothing(checked):
    assert not [name for name in checked[2] if name.startswith(("sample", "train", "stack"))]
    assert {"stability", "vote", "operate", "audit", "export"} <= set(checked[2])


def test_some_decisions_flip_and_only_these_become_review(checked):
    before, after = decisions(checked[0]), decisions(checked[1])
    flipped = after["flipped_by"].is_not_null()
    assert 0 < flipped.sum() < len(after)
    assert (after["decision"].filter(flipped) == "review").all()
    assert after["decision"].filter(~flipped).equals(before["decision"].filter(~flipped))


def test_a_flip_is_what_the_votes_on_the_copy_say(checked):
    """The majority of three voters, counted from the table of scores by hand."""
    copies = pl.read_parquet(checked[1].folder / "data/stability.parquet")
    votes = copies.with_columns(fake=pl.col("logit_fake") >= pl.col("logit_real"))
    said = votes.group_by("image_id", "damage").agg((pl.col("fake").sum() >= 2).alias("fake"))
    wide = said.pivot("damage", index="image_id", values="fake").sort("image_id")
    before, after = decisions(checked[0]), decisions(checked[1])
    fake = before["decision"] == "fake"
    turned = (wide["noise60"] != fake) | (wide["jpeg90"] != fake)
    assert after["image_id"].equals(wide["image_id"])
    assert after["flipped_by"].is_not_null().equals(turned)


def test_figures_count_flips_as_reviews(checked):
    for split in ("val", "test"):
        rows = decisions(checked[1]).filter(pl.col("split") == split)
        report = read(checked[1], "metrics/vote.json")[split]["majority"]
        assert report["reviewed"] == (rows["decision"] == "review").sum()


def test_operating_points_stay_as_they_are(checked, reproduced):
    points = [read(repository, "metrics/operating.json")["points"] for repository in (reproduced, checked[1])]
    assert points[0] == points[1]


IN_TURN = """
import polars as pl
from facesift.screening.committee import Committee
tables = Committee.load("models/committee").screen(["{raw}"], cascade=True)
pl.concat(tables).write_csv("{name}")
"""


@pytest.mark.parametrize("cascade", [False, True], ids=["at once", "in turn"])
def test_screening_the_raw_images_decides_as_the_pipeline(checked, cascade):
    repository = checked[1]
    name = f"screened{int(cascade)}.csv"
    if cascade:  # the command refuses it for so few members
        repository.run("python", "-c", IN_TURN.format(raw=RAW, name=name))
    else:
        repository.run("python", "-m", "facesift.cli.main", "screen", RAW, "--output", name)
    screened = pl.read_csv(repository.folder / name)
    both = screened.join(decisions(repository).filter(pl.col("split") == "test"), on="image_id", suffix="_right")
    assert len(both) > 30
    assert both["decision"].equals(both["decision_right"])
    flipped = both["flipped_by"].is_not_null()
    assert flipped.any()
    assert both["reason"].is_not_null().equals(flipped)
