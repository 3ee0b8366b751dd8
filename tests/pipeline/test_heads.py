"""Heads on a frozen backbone through the real `dvc`: beside a network, up to the vote, and cross-fitted."""

import hashlib
import json

import numpy as np
import polars as pl
import pytest

from facesift.shards.reading import ShardFolder
from tests.made_config import whole
from tests.pipeline.conftest import RECIPE, create, tiny_study, write_faces

MEMBERS = ["network", "linear", "borderline"]
HEAD = {
    "seed": 1,
    "input": "features/vit",
    "architecture": {"name": "head", "views": ["whole", "tiles"]},
    "resample": {"scope": "none"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"name": "lbfgs", "lr": 1.0, "weight_decay": 0.05},
    "schedule": {"name": "constant"},
    "epochs": 100,
    "batch_size": 16,
    "keep": "last",
}


def study_of_heads() -> dict:
    borderline = HEAD | {
        "seed": 2,
        "resample": {"scope": "split", "method": "BorderlineSMOTE", "arguments": {"sampling_strategy": 0.8}},
        "architecture": {"name": "head", "views": ["whole"], "hidden": 8},
        "optimizer": {"name": "adamw", "lr": 0.01},
        "epochs": 5,
    }
    backbone = {
        "name": "timm:test_vit",
        "views": ["whole", "tiles"],
        "copies": {"count": 1, "noise": [1.0, 3.0]},
    }
    return whole(
        tiny_study()
        | {"backbones": {"vit": backbone}, "members": {"network": RECIPE, "linear": HEAD, "borderline": borderline}}
    )


def read(repository, name):
    return json.loads((repository.folder / name).read_text())


@pytest.fixture(scope="module")
def voted(programs, tmp_path_factory):
    """The study after `dvc repro summary`, and the stages that ran. Do not change it: tests take a copy."""
    room = tmp_path_factory.mktemp("heads")
    repository = create(room, study_of_heads(), lambda raw: write_faces(raw / "tiny/faces.zip"), (programs,))
    return repository, repository.repro("summary")


@pytest.fixture
def copied(voted, tmp_path):
    return voted[0].copy(tmp_path)


def test_heads_and_networks_run_up_to_the_vote(voted):
    each = [f"{stage}@{name}" for stage in ("sample", "train") for name in MEMBERS]
    others = ["ingest", "split", "shard", "embed@vit", "members", "stack", "stability", "vote", "operate", "summary"]
    assert sorted(voted[1]) == sorted([*each, *others])


def test_every_member_scores_the_same_images(voted):
    scored = [pl.read_parquet(voted[0].folder / f"data/scores/{name}.parquet")["image_id"].sort() for name in MEMBERS]
    assert all(ids.equals(scored[0]) for ids in scored)


def test_decisions_have_the_vote_of_every_member(voted):
    decisions = pl.read_parquet(voted[0].folder / "data/decisions.parquet")
    assert {f"vote_{name}" for name in (*MEMBERS, "stacker")} <= set(decisions.columns)


def test_a_head_has_figures_like_a_network(voted):
    report = read(voted[0], "metrics/members.json")
    assert set(report["linear"]) == set(report["network"])


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_features_have_the_rows_of_the_images(voted, split):
    folders = [ShardFolder(voted[0].folder / name / split) for name in ("data/shards", "data/features/vit")]
    for shard in range(len(folders[0].sizes)):
        first, second = ((each.image_ids(shard), each.labels(shard).tolist()) for each in folders)
        assert first == second


def test_training_images_alone_have_copies(voted):
    folder = voted[0].folder / "data/features/vit"
    copies = [ShardFolder(folder / split).index.features.copies for split in ("train", "val", "test")]
    assert copies == [1, 0, 0]


def test_the_plan_holds_the_features_that_the_sampler_made(voted):
    plan = pl.read_parquet(voted[0].folder / "data/plans/borderline.parquet")
    assert plan.filter("synthetic")["vector"].is_not_null().all()
    counts = read(voted[0], "metrics/sampling.json")["borderline"]
    assert counts["fake"]["synthetic"] == plan.filter("synthetic").height > 0


def test_a_second_repro_does_nothing(copied):
    assert copied.repro("summary") == []


def test_another_penalty_of_a_head_retrains_this_head_alone(copied):
    copied.change(lambda tree: tree["members"]["linear"]["optimizer"].update(weight_decay=1.0))
    assert copied.repro("summary") == ["train@linear", "members", "stack", "stability", "vote", "operate", "summary"]


def test_embedding_again_writes_the_same_bytes_out_of_the_store(copied):
    folder = copied.folder / "data/features/vit"

    def hashes():
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.*")
        }

    before = hashes()
    copied.repro("--force", "--single-item", "embed@vit")
    assert hashes() == before


@pytest.fixture(scope="module")
def cross_fitted(voted, tmp_path_factory):
    """The study with cross-fitting, in which the network has no vote; and the stages that ran."""
    repository = voted[0].copy(tmp_path_factory.mktemp("cross_fitted"))

    def edit(tree):
        tree["members"]["network"]["votes"] = False
        tree["evaluation"]["cross_fit"] = {"three": 3}

    repository.change(edit)
    return repository, repository.repro("cross_fit@three")


def test_cross_fitting_needs_no_training(cross_fitted):
    assert cross_fitted[1] == ["embed@vit", "cross_fit@three"]


def test_cross_fitted_figures_are_of_all_images(cross_fitted):
    report = read(cross_fitted[0], "data/figures/cross_fit/three.json")
    assert (report["images"], report["fakes"], report["folds"]) == (144, 24, 3)
    assert set(report["voters"]) == {"linear", "borderline", "stacker"}


def test_the_only_source_is_not_left_out_and_the_figures_say_why(cross_fitted):
    repository = cross_fitted[0]
    repository.change(lambda tree: tree["evaluation"].update(leave_out={"sources": {"by": "source", "folds": 3}}))
    repository.run("dvc", "repro", "-s", "leave_out@sources")
    (kind,) = read(repository, "data/figures/leave_out/sources.json")["kinds"].values()
    assert "groups of other fakes" in kind["reason"]


def test_cross_fitting_sees_what_the_heads_see(cross_fitted):
    report = read(cross_fitted[0], "data/figures/cross_fit/three.json")
    assert report["voters"]["linear"]["auc"] > 0.9


def test_all_images_have_copies_once_all_are_learned_from(cross_fitted):
    folder = cross_fitted[0].folder / "data/features/vit"
    copies = [ShardFolder(folder / split).index.features.copies for split in ("train", "val", "test")]
    assert copies == [1, 1, 1]


def test_the_features_of_images_stay_when_more_copies_are_made(voted, cross_fitted):
    before, after = (ShardFolder(each[0].folder / "data/features/vit/test") for each in (voted, cross_fitted))
    assert np.array_equal(before.values(0), after.values(0))


def test_cross_fitted_scores_of_all_images_are_kept_for_the_search_of_label_errors(cross_fitted):
    folder = cross_fitted[0].folder / "data"
    scores, split = (pl.read_parquet(folder / name) for name in ("figures/cross_fit/three.parquet", "split.parquet"))
    assert scores.columns == ["image_id", "logit_real", "logit_fake"]
    assert scores["image_id"].to_list() == split["image_id"].sort().to_list()
