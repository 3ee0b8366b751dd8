"""The training loop through its front door: real shards, a real plan, real Lightning."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import roc_auc_score

from facesift.core.errors import FacesiftError
from facesift.networks.initialisation import initialise_network
from facesift.networks.package_weights import PackagedFile
from facesift.networks.scoring import network_scorer, score_splits
from facesift.sampling.pairs import with_pairs
from facesift.sampling.plans import make_plan
from facesift.training.data_module import MemberDataModule
from facesift.training.fit import checkpoint_key, fit_member
from facesift.training.lightning_module import MemberModule
from tests.made import ROOT, default_params, make_shards
from tests.made_config import Architecture, Resample, Schedule, Tune

PARAMS = default_params()
CLASSES = PARAMS.class_names
RECIPE = PARAMS.members["convnext1"].model_copy(update={"epochs": 3, "batch_size": 16})


def make_data_module(room: Path, *, visible: bool = True, recipe=RECIPE):
    train = make_shards(room / "train", 64, 16, visible=visible)
    val = make_shards(room / "val", 64, 16, seed=50, visible=visible)
    plan = make_plan(train, recipe.resample, recipe.seed)
    if recipe.resample.draw == "pairs":
        plan = with_pairs(plan, train, neighbours(train), CLASSES.number)
    return MemberDataModule(train, val, plan, recipe, CLASSES, window=1)


def neighbours(shards):
    """Groups of three images that follow each other."""
    ids = [image_id for shard in range(len(shards.sizes)) for image_id in shards.image_ids(shard)]
    return pl.DataFrame({"image_id": ids, "group": np.arange(len(ids)) // 3})


def fit(room: Path, name: str = "m", recipe=RECIPE, *, visible: bool = True):
    data_module = make_data_module(room, visible=visible, recipe=recipe)
    module = MemberModule(
        initialise_network(recipe.architecture, 2, recipe.seed, data_module.train.image_size),
        recipe, data_module.steps_per_epoch, CLASSES, name,
    )  # fmt: skip
    return fit_member(name, module, PARAMS.trainer, data_module, room / "running"), data_module


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def area(fitted, data_module):
    table = score_splits(
        network_scorer(fitted.module, torch.device("cpu")), {"val": data_module.val}, 16, CLASSES.names
    )
    known = {}
    for shard in range(len(data_module.val.sizes)):
        known |= dict(zip(data_module.val.image_ids(shard), data_module.val.labels(shard), strict=True))
    labels = np.array([known[image_id] for image_id in table["image_id"]])
    return roc_auc_score(labels, (table["logit_fake"] - table["logit_real"]).to_numpy())


def test_training_finds_a_visible_difference(tmp_path):
    assert area(*fit(tmp_path, recipe=RECIPE.model_copy(update={"epochs": 6}))) > 0.9


def test_training_finds_nothing_where_there_is_nothing(tmp_path):
    """The labels have no connection with the pixels: anything but chance would come from a leak."""
    assert area(*fit(tmp_path, visible=False)) == pytest.approx(0.5, abs=0.15)


def test_same_inputs_give_the_same_weights(tmp_path):
    assert same_weights(fit(tmp_path / "a")[0].module, fit(tmp_path / "b")[0].module)


def test_last_epoch_is_kept_where_asked(tmp_path):
    recipe = RECIPE.model_copy(update={"keep": "last", "optimizer": RECIPE.optimizer.model_copy(update={"lr": 0.05})})
    fitted, _ = fit(tmp_path, recipe=recipe)
    last = torch.load(tmp_path / "running/last.ckpt", weights_only=True)["state_dict"]
    assert fitted.best_epoch == len(fitted.epochs) == 3
    assert all(torch.equal(last[name], tensor) for name, tensor in fitted.module.state_dict().items())


def test_layout_in_memory_changes_no_more_than_the_last_digits(tmp_path):
    rows, columns = (
        fit(tmp_path / "a")[0],
        fit(tmp_path / "b", recipe=RECIPE.model_copy(update={"channels_last": True}))[0],
    )
    assert columns.epochs[0]["val_loss"] == pytest.approx(rows.epochs[0]["val_loss"], rel=1e-3)


def test_epoch_of_lowest_validation_loss_is_kept(tmp_path):
    fitted, data_module = fit(tmp_path)
    assert fitted.best_epoch == 1 + int(np.argmin([figures["val_loss"] for figures in fitted.epochs]))
    losses = []
    with torch.inference_mode():
        for images, labels in data_module.val_dataloader():
            losses += [fitted.module.loss(fitted.module(images), labels).item()] * len(labels)
    assert np.mean(losses) == pytest.approx(fitted.epochs[fitted.best_epoch - 1]["val_loss"], rel=1e-5)


WAYS = {
    "cosine": {},
    "one_cycle": {"epochs": 4, "schedule": Schedule(name="one_cycle", head_epochs=2)},
    # Steps too small to change a vote: the accuracy stands still, after the third epoch for too long.
    "plateau": {
        "epochs": 4,
        "schedule": Schedule(name="plateau", watch="val_accuracy", patience=1),
        "optimizer": RECIPE.optimizer.model_copy(update={"name": "sgd", "lr": 1e-7}),
    },
    "averaged": {
        "epochs": 4,
        "architecture": RECIPE.architecture.model_copy(update={"name": "timm:test_resnet"}),
        "optimizer": RECIPE.optimizer.model_copy(update={"body_lr": 0.5, "layer_decay": 0.8, "decay_norms": False}),
        "resample": RECIPE.resample.model_copy(update={"draw": "sources", "epoch_images": 70}),
        "ema": 0.9,
    },
    "lora": {"architecture": Architecture(name="timm:test_vit", tune=Tune("lora")), "ema": 0.9},
    "pairs": {"resample": Resample(scope="none", draw="pairs", epoch_images=70)},
}


def kill_in_third_epoch(programs, way, room):
    threads = str(torch.get_num_threads())  # sums are added up in another order by another number
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": threads}
    command = [programs / "python", "-m", "tests.training.killed", room, way]
    done = subprocess.run(command, check=False, capture_output=True, env=environment, cwd=ROOT)
    assert done.returncode == 128 + signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("way", WAYS)
def test_killed_training_goes_on_and_ends_with_the_same_weights(programs, tmp_path, capsys, way):
    recipe = RECIPE.model_copy(update=WAYS[way])
    whole = fit(tmp_path / "whole", recipe=recipe)[0]
    kill_in_third_epoch(programs, way, tmp_path / "cut")
    resumed = fit(tmp_path / "cut", recipe=recipe)[0]
    assert "going on from" in capsys.readouterr().out
    assert resumed.epochs == whole.epochs
    assert same_weights(resumed.module, whole.module)


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_a_damaged_checkpoint_is_set_aside_and_training_begins_anew(tmp_path, capsys, name):
    whole = fit(tmp_path / "whole")[0]
    fit(tmp_path / "cut")
    path = tmp_path / "cut/running" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    capsys.readouterr()
    again = fit(tmp_path / "cut")[0]
    assert f"{name}: damaged, set aside" in capsys.readouterr().out
    assert path.with_name(f"{name}.damaged").read_bytes() == bytes(content)
    assert again.epochs == whole.epochs
    assert same_weights(again.module, whole.module)


KILLED_WHILE_SAVING = """
import os, signal, sys
from pathlib import Path
import torch
sys.path.insert(0, {root!r})
from facesift.training.checkpoint_files import WholeCheckpointIO
def half(checkpoint, path):
    Path(path).write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
torch.save = half
WholeCheckpointIO().save_checkpoint(dict(), {path!r})
"""


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"before")
    code = KILLED_WHILE_SAVING.format(root=str(ROOT), path=str(tmp_path / "last.ckpt"))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert (tmp_path / "last.ckpt").read_bytes() == b"before"


def test_plateau_of_the_resumed_training_is_reached(tmp_path):
    """Without it the test above would resume a schedule that does nothing."""
    recipe = RECIPE.model_copy(update=WAYS["plateau"])
    module = fit(tmp_path, recipe=recipe)[0].module
    rates = [group["lr"] for group in module.trainer.optimizers[0].param_groups]
    assert rates == [pytest.approx(recipe.optimizer.lr * recipe.schedule.factor)]


def test_changed_first_weights_are_another_training(tmp_path):
    start = tmp_path / "start.pth"
    architecture = RECIPE.architecture.model_copy(update={"checkpoint": str(start)})
    recipe = RECIPE.model_copy(update={"architecture": architecture})
    keys = [checkpoint_key(recipe, PARAMS.trainer, [])]  # without the file: reading it is what fails
    for content in (b"first", b"second"):
        start.write_bytes(content)
        keys.append(checkpoint_key(recipe, PARAMS.trainer, []))
    assert len(set(keys)) == 3


def test_first_weights_of_a_package_are_part_of_the_training(monkeypatch, tmp_path):
    """Another version, or another file in it, is another training."""
    architecture = RECIPE.architecture.model_copy(update={"package": "made-up-weights"})
    recipe = RECIPE.model_copy(update={"architecture": architecture})
    keys = []
    for version, content in (("1.0", "a"), ("1.1", "a"), ("1.1", "b")):
        found = PackagedFile("made-up-weights", version, tmp_path, content)
        monkeypatch.setattr("facesift.training.fit.find_weights", lambda _, found=found: found)
        keys.append(checkpoint_key(recipe, PARAMS.trainer, []))
    assert len(set(keys)) == 3


def test_checkpoint_is_used_for_the_same_training_only(tmp_path):
    shards = make_shards(tmp_path / "train", 16, 4, shards=1)
    inputs = [shards.folder / "index.json"]
    key = checkpoint_key(RECIPE, PARAMS.trainer, inputs)
    other_recipe = checkpoint_key(RECIPE.model_copy(update={"epochs": 4}), PARAMS.trainer, inputs)
    inputs[0].write_text(inputs[0].read_text() + " ")
    assert len({key, other_recipe, checkpoint_key(RECIPE, PARAMS.trainer, inputs)}) == 3


def test_diverged_training_names_the_learning_rate(tmp_path):
    optimizer = RECIPE.optimizer.model_copy(update={"name": "sgd", "lr": 1e30})
    with pytest.raises(FacesiftError, match=r"m: the loss is not a number.*members\.m\.optimizer\.lr"):
        fit(tmp_path, recipe=RECIPE.model_copy(update={"optimizer": optimizer}))
