"""Two processes that train one member together, through the stage's front door: gloo on the CPU."""

import os
import signal
import socket
import time

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from facesift.core.files import read_json
from tests.scaling.rooms import make_room, start, train, written

# No chance in a step, and steps whose size follows the gradient: what is left is the order of floating point sums.
STEADY = {
    "resample": {"scope": "none"},
    "augment": {"flip": 0.0, "rotate": 0.0, "shift": 0.0, "jitter": 0.0},
    "optimizer": {"name": "sgd", "lr": 0.01, "weight_decay": 0.0, "momentum": 0.9},
    "loss": {"name": "cross_entropy", "class_weights": [1.0, 4.0]},
    "epochs": 3,
    "batch_size": 13,  # 122 images: uneven shares, a last batch of 5; and 4 validation batches, the last of one image
}
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = make_room(tmp_path_factory.mktemp("one"), devices=1, **STEADY)
    train(folder)
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = make_room(tmp_path_factory.mktemp("two"), devices=2, **STEADY)
    folder.joinpath("said").write_text(train(folder))
    return folder


def curves(folder):
    epochs = read_json(folder / "data/training/one.json")["epochs"]
    return {name: np.array([figures[name] for figures in epochs]) for name in epochs[0]}


def test_two_processes_learn_the_same_weights_as_one(one, two):
    alone, together = (load_file(folder / "models/one.safetensors") for folder in (one, two))
    for name, weights in alone.items():
        np.testing.assert_allclose(together[name], weights, atol=TOLERANCE, err_msg=name)


def test_training_moves_the_weights_by_far_more_than_the_tolerance(one):
    from facesift.networks.weights import load_network

    network, header = load_network(one / "models/one.safetensors")
    from facesift.networks.architectures import build_network

    start_of = build_network(header.architecture, 2, 1, 32).state_dict()
    moved = max(float((start_of[name] - weights).abs().max()) for name, weights in network.state_dict().items())
    assert moved > 100 * TOLERANCE


def test_figures_of_every_epoch_are_those_of_one_process(one, two):
    alone, together = curves(one), curves(two)
    assert set(alone) == set(together)
    for name, values in alone.items():
        np.testing.assert_allclose(together[name], values, atol=TOLERANCE, err_msg=name)


def test_every_held_out_image_is_scored_once_and_alike(one, two):
    alone, together = (pl.read_parquet(folder / "data/scores/one.parquet") for folder in (one, two))
    assert together.select("image_id", "split").equals(alone.select("image_id", "split"))
    for column in ("logit_real", "logit_fake"):
        np.testing.assert_allclose(together[column], alone[column], atol=20 * TOLERANCE)


def test_only_the_first_process_speaks(two):
    said = two.joinpath("said").read_text().splitlines()
    assert [line[:13] for line in said] == [f"one epoch {epoch}/3" for epoch in (1, 2, 3)]


def test_nothing_running_is_left(two):
    assert not list((two / ".work/train/one").iterdir())


def test_torchrun_gives_the_same_bytes(two, tmp_path):
    folder = make_room(tmp_path, devices=2, **STEADY)
    train(folder, "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "stages.train")
    assert written(folder) == written(two)


def test_two_machines_find_each_other_and_give_the_same_bytes(two, tmp_path):
    """Two agents of torchrun, as on two machines, that see the same folder."""
    folder = make_room(tmp_path, devices=1, num_nodes=2, **STEADY)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = f"127.0.0.1:{free.getsockname()[1]}"
    nodes = ("--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-endpoint", meeting)
    agents = [start(folder, "torch.distributed.run", *nodes, "-m", "stages.train") for _ in range(2)]
    said = [agent.communicate(timeout=180)[0] for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], said
    assert written(folder) == written(two)


def test_killed_training_of_two_goes_on_and_ends_with_the_same_bytes(two, tmp_path):
    folder = make_room(tmp_path, devices=2, **STEADY)
    process = start(folder)
    for line in process.stdout:
        if "epoch 1/3" in line:
            break
    limit = time.monotonic() + 60
    while not list(folder.glob(".work/train/one/*/last.ckpt")) and time.monotonic() < limit:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert "one: going on from" in train(folder)
    assert written(folder) == written(two)


def test_batch_norms_and_a_head_that_learns_first_train_on_two(tmp_path):
    recipe = {
        "architecture": {"name": "timm:test_resnet", "arguments": {}},
        "schedule": {"name": "plateau", "watch": "val_accuracy", "head_epochs": 1, "warmup_epochs": 0},
        "epochs": 2,
    }
    folder = make_room(tmp_path, devices=2, **STEADY | recipe)
    train(folder)
    assert all(np.isfinite(values).all() for values in curves(folder).values())


def test_averaged_weights_of_two_processes_are_those_of_one(tmp_path):
    recipe = {"ema": 0.9, "optimizer": STEADY["optimizer"] | {"body_lr": 0.5}, "epochs": 2}
    folders = [make_room(tmp_path / str(devices), devices=devices, **STEADY | recipe) for devices in (1, 2)]
    for folder in folders:
        train(folder)
    alone, together = (load_file(folder / "models/one.safetensors") for folder in folders)
    for name, weights in alone.items():
        np.testing.assert_allclose(together[name], weights, atol=TOLERANCE, err_msg=name)
    alone, together = map(curves, folders)
    for name, values in alone.items():
        np.testing.assert_allclose(together[name], values, atol=TOLERANCE, err_msg=name)
