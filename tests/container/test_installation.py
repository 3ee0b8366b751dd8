"""What the Dockerfile builds, in an environment of its own: it serves without torch, as an unprivileged user."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.images.test_decoding import noise, stored
from tests.made import ROOT

COPIED = re.findall(r"^COPY ([^-\n]+) \./", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
LARGEST_MB = 650


@pytest.fixture(scope="module")
def room():
    """A folder that other users may enter."""
    with tempfile.TemporaryDirectory(prefix="facesift-container-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def environment(room):
    source = room / "source"
    source.mkdir()
    for name in " ".join(COPIED).split():
        path = ROOT / name
        shutil.copytree(path, source / name) if path.is_dir() else shutil.copy(path, source)
    subprocess.run([sys.executable, "-m", "venv", room / "venv"], check=True)
    command = [room / "venv/bin/pip", "install", "-q", "-c", "constraints.txt", ".[serve]"]
    subprocess.run(command, check=True, cwd=source)
    return room / "venv/bin"


def test_it_has_neither_torch_nor_dvc_and_is_small(environment):
    names = subprocess.run([environment / "pip", "freeze"], check=True, capture_output=True, text=True).stdout.lower()
    assert not re.search(r"^(torch|dvc|scikit-learn|matplotlib|timm)\b", names, re.MULTILINE)
    megabytes = sum(path.stat().st_size for path in environment.parent.rglob("*") if path.is_file()) / 1e6
    print(f"{megabytes:.0f} MB, {len(names.splitlines())} packages")  # noqa: T201  docs/serving.md says it
    assert megabytes < LARGEST_MB


def open_to_all(path):
    """Whether other users may run a program: not one below the home of root."""
    return all(folder.stat().st_mode & 0o001 for folder in path.parents)


def test_it_serves_as_an_unprivileged_user(environment, room, exported):
    import http.client
    import signal

    bundle = shutil.copytree(exported, room / "bundle")
    log = room / "log"
    log.mkdir()
    other = {"user": 65534, "group": 65534} if os.getuid() == 0 and open_to_all(Path(sys.executable).resolve()) else {}
    if other:
        shutil.chown(log, 65534, 65534)
    command = [environment / "facesift", "serve", "--bundle", bundle, "--log", log, "--port", "0", "--threads", "1"]
    clean = {"PATH": str(environment), "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=room, env=clean, **other)
    try:
        process.stdout.readline()
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/v1/decisions", stored(noise(40, 40), "JPEG"), {"Content-Type": "image/jpeg"})
        assert connection.getresponse().status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert [len(path.read_text().splitlines()) for path in log.iterdir()] == [1]
