"""Screening on two real workers of Ray or Dask: the same rows as one process."""

import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.images.test_decoding import noise, stored
from tests.made import ROOT
from tests.made_bundle import make_study


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A bundle, and 80 images, one of them broken: three tasks of 32, with batches of 4."""
    folder = tmp_path_factory.mktemp("screening")
    make_study(folder / "study").export(folder / "committee")
    with zipfile.ZipFile(folder / "faces.zip", "w") as archive:
        for number in range(79):
            archive.writestr(f"{number:02d}.png", stored(noise(30 + number, 40)))
        archive.writestr("79.png", b"no image")
    return folder


def screened(room: Path, output: Path, *options: str) -> bytes:
    arguments = (
        "faces.zip",
        "--bundle",
        "committee",
        "--output",
        str(output),
        "--batch-size",
        "4",
        "--no-time",
        *options,
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "facesift.cli.main", "screen", *arguments]
    done = subprocess.run(command, cwd=room, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr  # the broken one
    return output.read_bytes()


@pytest.mark.parametrize(("backend", "module"), [("ray", "ray"), ("dask", "distributed")])
def test_two_workers_write_the_rows_of_one_process(room, tmp_path, backend, module):
    if not find_spec(module):
        pytest.skip(f"pip install -e '.[{backend}]'")
    alone = screened(room, tmp_path / "alone.csv", "--threads", "1")
    assert alone.count(b"\n") == 81
    assert screened(room, tmp_path / "two.csv", "--backend", backend, "--jobs", "2") == alone
