"""Every published system trains, is saved, loaded, and scores as before: at toy size (`bench/toy.py`)."""

import json

import numpy as np
import pytest

from bench.published import PAGE, distinct_runs, published_systems
from bench.toy import BATCH, ROOT, chosen, compose_study, is_resampled, shrink, shrink_recipe
from facesift.networks.weights import load_scorer, save_tensors
from facesift.networks.weights_header import views_entry
from facesift.sampling.batches import shard_batches
from facesift.sampling.plans import make_plan
from facesift.training.member import TrainingData, train_member
from tests.made import make_shards
from tests.made_config import parse_params

RUNS = distinct_runs(published_systems())
TREES = {overrides: compose_study(*overrides) for overrides in RUNS}
MEMBERS = {
    "-".join([*(word.split("=")[-1] for word in overrides if word[0] != "+"), name]): (overrides, name)
    for overrides, tree in TREES.items()
    for name, recipe in tree["members"].items()
    if recipe["input"] == "shards"  # heads learn from features: `make studies` runs them, backbone and all
    if not any(word.startswith("+cross_test") for word in overrides)
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Logits of a toy member before saving and after loading; a recipe that several studies share is trained once."""
    scratch, kept, folders = tmp_path_factory.mktemp("studies"), {}, {}

    def shards_for(params, *, rare):
        size, classes = params.data.image_size, params.class_names.names
        if (size, classes, rare) not in folders:
            folder = scratch / f"shards{len(folders)}"
            images, fakes = (81, 6) if rare else (2 * BATCH, 2 * BATCH // len(classes))
            folders[size, classes, rare] = [
                make_shards(folder / split, images, fakes, shards=1, seed=seed, size=size, classes=classes)
                for seed, split in enumerate(("train", "val"))
            ]
        return folders[size, classes, rare]

    def train(overrides, name):
        params = parse_params(shrink(TREES[overrides]))
        member = params.members[name]
        key = json.dumps([member.model_dump(), params.data.image_size, params.classes])
        if key not in kept:
            train, val = shards_for(params, rare=member.resample.scope != "none")
            plan = make_plan(train, member.resample, member.seed, name)
            material = TrainingData(train, val, plan, params.class_names)
            fitted = train_member(name, member, params.trainer, material, scratch / f"work{len(kept)}")
            kept[key] = logits_before_and_after(fitted, member, params, val, scratch / "member.safetensors")
        return kept[key]

    return train


def logits_before_and_after(fitted, member, params, shards, path):
    header = {
        "architecture": member.architecture.model_dump(),
        "classes": params.classes,
        "preprocessing": {
            "image_size": params.data.image_size,
            "resize": params.data.resize,
            "normalise": member.normalise.model_dump(),
            **views_entry(member.views),
        },
    }
    save_tensors(path, fitted.tensors, header)
    _, pixels, _ = next(shard_batches(shards, BATCH))
    logits = fitted.scorer(pixels), load_scorer(path)(pixels)
    path.unlink()
    return logits


@pytest.mark.parametrize("case", MEMBERS)
def test_member_scores_as_before_when_loaded(trained, case):
    before, after = trained(*MEMBERS[case])
    assert np.isfinite(before).all()
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("group", ["study", "members"])
def test_every_file_of_conf_is_run_by_a_command_of_the_table(group):
    files = {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}
    assert {chosen(group, *overrides) for overrides in RUNS} == files


def test_every_voter_of_the_table_is_one_of_its_study():
    rules = {"stacker", "any_fake", "majority", "soft", "unanimous"}
    for system in published_systems():
        data_set, _, voter = system.voter.rpartition("/")
        tree = TREES[system.overrides]
        assert voter in rules | set(tree["members"]), system
        assert data_set in {"", *tree["cross_test"]}, system


def test_every_study_of_the_table_has_its_data_said():
    above = PAGE.read_text().partition("## Systems")[0]
    for overrides, tree in TREES.items():
        row = next(line for line in above.splitlines() if line.startswith("| ") and f"`{tree['study']}`" in line)
        if tree["data"]["raw"] not in tree["drawn"]:
            assert f"`{tree['data']['raw']}/" in row, overrides


def test_toy_recipe_keeps_all_but_size():
    tree = compose_study("study=rff_celeba")["members"]["convnext2"]
    toy = shrink_recipe(tree)
    assert {key for key in tree if tree[key] != toy[key]} == {"architecture", "epochs", "batch_size"}
    assert toy["schedule"] == tree["schedule"] | {"head_epochs": 0}


def test_fakes_are_rare_where_they_are_resampled():
    assert is_resampled(TREES["study=folders",])
    assert not is_resampled(TREES["study=cifake",])
