"""A folder with shards, plan and parameters of one member: all that `python -m stages.train one` reads."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import yaml

from facesift.audit.cross_data_set import truth_of
from facesift.core.files import write_parquet
from facesift.sampling.plans import make_plan
from tests.made import ROOT, make_shards
from tests.made_config import parse_params, whole_member
from tests.pipeline.conftest import RECIPE, tiny_study

SPLITS = {"train": (61, 12, 2, 0), "val": (40, 10, 1, 50), "test": (20, 5, 1, 70)}  # images, fakes, shards, seed


def make_room(folder: Path, *, devices: int, num_nodes: int = 1, **recipe) -> Path:
    tree = tiny_study()
    tree["members"] = {"one": whole_member(RECIPE | recipe)}
    tree["trainer"] |= {"accelerator": "cpu", "devices": devices, "num_nodes": num_nodes}
    params = parse_params(tree)
    shards = {}
    for split, (images, fakes, number, seed) in SPLITS.items():
        shards[split] = make_shards(folder / "data/shards" / split, images, fakes, shards=number, seed=seed)
    member = params.members["one"]
    write_parquet(folder / "data/plans/one.parquet", make_plan(shards["train"], member.resample, member.seed))
    ids = shards["val"].image_ids(0)
    truth = truth_of(shards["val"], pl.DataFrame({"image_id": ids, "group": range(len(ids))}))
    write_parquet(folder / "data/split.parquet", truth.with_columns(split=pl.lit("val")))
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return folder


def start(folder: Path, *launcher: str) -> subprocess.Popen:
    """Start the stage in a process group of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *(launcher or ("stages.train",)), "one"]
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip


def train(folder: Path, *launcher: str) -> str:
    """Run the stage to its end and return what it printed."""
    process = start(folder, *launcher)
    said, _ = process.communicate(timeout=180)
    assert process.returncode == 0, said
    return said


def written(folder: Path) -> dict[str, bytes]:
    """The outputs of the stage by name."""
    files = [folder / "models/one.safetensors", folder / "data/scores/one.parquet", folder / "data/training/one.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
