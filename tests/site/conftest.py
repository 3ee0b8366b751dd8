"""A folder as the pages expect it: a bundle, images in a folder, in a zip and alone."""

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.images.test_decoding import noise, stored
from tests.made import ROOT


@dataclass(frozen=True)
class Shell:
    """A shell in a folder, where `facesift` is the one under test."""

    folder: Path

    def run(self, commands: str) -> str:
        """Run commands, stop at the first that fails, and return what they printed."""
        environment = os.environ | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["bash", "-ec", commands], cwd=self.folder, env=environment, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"{commands}\n{done.stdout}"
        return done.stdout


@pytest.fixture(scope="session")
def shell(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    (folder / "bin").mkdir()
    command = folder / "bin/facesift"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m facesift.cli.main "$@"\n')
    command.chmod(0o755)
    shutil.copytree(exported, folder / "models/committee")
    (folder / "inbox").mkdir()
    for number in range(20):
        (folder / f"inbox/{number:02d}.png").write_bytes(stored(noise(30 + number, 40)))
    with zipfile.ZipFile(folder / "march.zip", "w") as archive:
        for number in range(20, 30):
            archive.writestr(f"{number}.png", stored(noise(30 + number, 40)))
    noise(70, 40).save(folder / "one.jpg")
    return Shell(folder)
