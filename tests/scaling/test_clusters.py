"""Ray and Dask, each with two real workers: the same bytes as one process, and clear words when something is amiss."""

import io
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from facesift.committee.stacking import Stacker, save_stacker
from facesift.core.files import write_parquet
from facesift.core.fingerprint import sha256
from facesift.core.scores import score_table
from facesift.networks.architectures import build_network
from facesift.networks.weights import save_weights
from tests.made import ROOT
from tests.made_config import Architecture
from tests.pipeline.conftest import tiny_study

FAKES, REALS = 60, 540
BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(not find_spec(module), reason=f"pip install -e '.[{name}]'"))
    for name, module in (("ray", "ray"), ("dask", "distributed"))
]


def write_faces(path: Path) -> None:
    """600 images, more than a task of ingest examines at once, and a broken one."""
    rng = np.random.default_rng(0)
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(FAKES + REALS):
            data = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(data, "PNG")
            archive.writestr(f"{'fake' if number < FAKES else 'real'}/{number:04d}.png", data.getvalue())
        archive.writestr("real/broken.png", b"no image")


def write_committee(folder: Path, tree: dict) -> None:
    """Untrained members and a stacker: what robustness scores with."""
    for number, (name, member) in enumerate(tree["members"].items()):
        weights, scores = folder / f"models/{name}.safetensors", folder / f"data/scores/{name}.parquet"
        architecture = Architecture(**member["architecture"])
        header = {
            "architecture": architecture.model_dump(),
            "classes": tree["classes"],
            "preprocessing": {"image_size": 32, "resize": "squish", "normalise": {"name": "per_image"}},
        }
        save_weights(weights, build_network(architecture, 2, number), header)
        table = score_table(["0"], "test", np.zeros((1, 2)), tree["classes"])
        write_parquet(scores, table, {"weights_sha256": sha256(weights)})
    stacker = Stacker(np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]), np.zeros(2))
    save_stacker(folder / "models/stacker.safetensors", stacker, list(tree["members"]), tuple(tree["classes"]))


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    write_faces(folder / "tiny/faces.zip")
    return folder


def make_project(folder: Path, raw: Path, **parallel) -> Path:
    tree = tiny_study()
    tree["parallel"] |= parallel
    tree["ingest"]["max_bad_fraction"] = 0.5
    tree["robustness"]["corruptions"] = {"jpeg50": {"kind": "jpeg", "strength": 50}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    (folder / "data").mkdir()
    (folder / "data/raw").symlink_to(raw)
    write_committee(folder, tree)
    return folder


RUN = """
import importlib, sys
from facesift.config.stage import run
for name in sys.argv[1:]:
    sys.argv[1:] = []
    run(importlib.import_module(f"stages.{name}").main)
"""


def run_stages(folder: Path, *names: str, check: bool = True) -> str:
    """Run stages in one new process, as they start themselves, and return what was printed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RUN, *names]
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


ALL = ("ingest", "split", "shard", "robustness")


@pytest.fixture(scope="module")
def alone(tmp_path_factory, raw):
    folder = make_project(tmp_path_factory.mktemp("alone"), raw, backend="processes", jobs=1)
    run_stages(folder, *ALL)
    return folder


def outputs(folder: Path) -> dict[str, bytes]:
    paths = [path for top in ("data", "metrics") for path in sorted((folder / top).rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if "raw" not in path.parts}


@pytest.mark.parametrize("backend", [*BACKENDS, "processes"])
def test_two_workers_write_the_same_bytes_as_one_process(alone, raw, tmp_path, backend):
    folder = make_project(tmp_path, raw, backend=backend, jobs=2)
    run_stages(folder, *ALL)
    assert outputs(folder) == outputs(alone)


def test_outputs_compared_are_all_there(alone):
    names = set(outputs(alone))
    assert {"data/manifest.parquet", "data/quarantine.csv", "data/figures/robustness.json"} <= names
    assert sum(name.endswith(".h5") for name in names) > 2
    assert json.loads(outputs(alone)["data/figures/ingest.json"])["quarantined"] == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_cluster_that_does_not_answer_is_named(raw, tmp_path, backend):
    folder = make_project(tmp_path, raw, backend=backend, address="127.0.0.1:9")
    said = run_stages(folder, "ingest", check=False)
    assert f"error: parallel.address: no {backend} cluster answers at '127.0.0.1:9'" in said
    assert "Traceback" not in said


@contextmanager
def running_dask(room: Path, code: Path) -> Iterator[str]:
    """A scheduler and two workers that somebody else started, with the package below `code`; gives their address."""
    file, environment = room / "scheduler.json", os.environ | {"PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
    commands = (
        ("dask_scheduler", "--scheduler-file", file, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
        ("dask_worker", "--scheduler-file", file, "--nworkers", "2", "--nthreads", "1", "--no-dashboard"),
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{command}", *map(str, rest)],
            env=environment, cwd=room, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for command, *rest in commands
    ]  # fmt: skip
    try:
        limit = time.monotonic() + 60
        while not file.exists() and time.monotonic() < limit:
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(30)


needs_dask = pytest.mark.skipif(not find_spec("distributed"), reason="pip install -e '.[dask]'")


@needs_dask
def test_workers_of_a_running_cluster_do_the_work(alone, raw, tmp_path):
    with running_dask(tmp_path, ROOT) as address:
        folder = make_project(tmp_path, raw, backend="dask", address=address)
        run_stages(folder, "ingest")
    assert (folder / "data/manifest.parquet").read_bytes() == (alone / "data/manifest.parquet").read_bytes()


@needs_dask
def test_worker_with_other_code_is_refused(raw, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(ROOT / "facesift", other / "facesift")
    with (other / "facesift/core/errors.py").open("a") as file:
        file.write("# changed\n")
    with running_dask(tmp_path, other) as address:
        said = run_stages(make_project(tmp_path, raw, backend="dask", address=address), "ingest", check=False)
    assert f"runs other code ({other}/facesift)" in said
    assert "Traceback" not in said
