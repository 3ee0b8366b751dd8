"""Studies unlike the tiny one through the real `dvc`: five classes from a table, and folders that say the split."""

import json

import polars as pl
import pytest
import yaml
from sklearn.metrics import classification_report

from bench.toy import EVEN, compose_study, shrink
from bench.toy_images import write_study
from facesift.config.rendering import render
from tests.pipeline.conftest import create

FIVE = ["class0", "class1", "class2", "class3", "class4"]
MEMBERS = ["svm", "deepfakenet2"]


def read(repository, name):
    return json.loads((repository.folder / name).read_text())


@pytest.fixture(scope="module")
def five(programs, tmp_path_factory):
    """The five-class study with two of its members after one `dvc repro`, and the stages that ran."""
    tree = shrink(compose_study("study=deepfake_5class"))
    tree["members"] = {name: tree["members"][name] for name in MEMBERS}
    repository = create(tmp_path_factory.mktemp("five"), tree, lambda raw: write_study(raw, tree), (programs,))
    return repository, repository.repro()


def test_five_classes_run_through_every_stage(five):
    each = [f"{stage}@{name}" for stage in ("sample", "train") for name in MEMBERS]
    last = ["members", "stack", "stability", "vote", "operate", "summary", "export", "robustness", "audit", "review"]
    assert sorted(five[1]) == sorted(["ingest", "split", "shard", *each, *last, "pictures", "figures", "report"])


def test_every_image_of_the_table_is_in_the_manifest(five):
    counts = read(five[0], "metrics/ingest.json")["images"]["deepfake_5class"]
    assert counts == dict.fromkeys(FIVE, EVEN)


def test_stack_over_five_classes_is_fitted_on_the_training_plan(five):
    assert read(five[0], "metrics/stack.json")["fit_on"] == "train_plan"


@pytest.mark.parametrize("voter", [*MEMBERS, "stacker"])
def test_class_report_is_that_of_the_votes(five, voter):
    rows = pl.read_parquet(five[0].folder / "data/decisions.parquet").filter(pl.col("split") == "test")
    report = read(five[0], "metrics/classes.json")["test"][voter]
    expected = classification_report(rows["label"], rows[f"vote_{voter}"], output_dict=True, zero_division=0)
    assert report["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-6)
    for name in FIVE:
        for ours, theirs in (("recall", "recall"), ("precision", "precision"), ("images", "support")):
            known = report["classes"][name][ours]
            assert (known or 0) == pytest.approx(expected[name][theirs], abs=1e-6), name
    for figure in ("recall", "precision", "f1"):  # the mean over the classes for which it is known
        known = [row[figure] for row in report["classes"].values() if row[figure] is not None]
        assert report["macro"][figure] == pytest.approx(sum(known) / len(known), abs=2e-6)


def test_decisions_name_the_five_classes_or_review(five):
    decisions = pl.read_parquet(five[0].folder / "data/decisions.parquet")
    assert set(decisions["decision"]) <= {*FIVE, "review"}


@pytest.fixture(scope="module")
def switched(reproduced, tmp_path_factory):
    """The tiny study, then one whose folders say the split, then back and forth; and the stages that each step ran."""
    repository = reproduced.copy(tmp_path_factory.mktemp("switched"))
    tiny, folds = yaml.safe_load((repository.folder / "params.yaml").read_text()), shrink(compose_study("study=cifake"))
    write_study(repository.folder / "data/raw", folds)
    ran = []
    for tree in (folds, tiny, folds):
        (repository.folder / "params.yaml").write_text(render(tree))
        ran.append(repository.ran(repository.run("dvc", "exp", "run", "vote")))
    return repository, ran


def test_other_study_runs_its_own_stages(switched):
    assert {"ingest", "split", "shard", "sample@lenet", "train@lenet", "vote"} <= set(switched[1][0])


@pytest.mark.parametrize("step", [1, 2], ids=["back", "forth"])
def test_going_back_to_a_study_trains_nothing(switched, step):
    heavy = ("ingest", "split", "shard", "sample", "train")
    assert [name for name in switched[1][step] if name.startswith(heavy)] == []


def test_figures_of_a_study_are_the_same_after_going_there_again(switched):
    repository = switched[0]
    assert repository.repro("vote") == []
    assert set(read(repository, "metrics/voters.json")["test"]) == {"lenet", "stacker"}


def test_images_stay_in_the_folders_split(switched):
    folder = switched[0].folder
    places = pl.read_parquet(folder / "data/manifest.parquet", columns=["image_id", "fold"])
    split = pl.read_parquet(folder / "data/split.parquet")
    assert split.join(places, on="image_id").filter(pl.col("fold") != pl.col("split")).is_empty()
    assert dict(split.group_by("split").len().rows()) == {"train": EVEN, "val": EVEN // 2, "test": EVEN // 2}
