"""A repository of its own for each test, with the real `dvc`, a tiny study and an empty home."""

import copy
import io
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from filelock import FileLock
from PIL import Image

from tests.made import ROOT
from tests.made_config import whole, whole_member

COPIED = (
    "dvc.yaml",
    ".dvcignore",
    ".gitignore",
    "data/reviews/README.md",
    "metrics/stability.json",
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvc/plots.html",
)
COPIED_FOLDERS = ("facesift", "stages", "conf", "workflow", ".dvc/plots")
RECIPE = whole_member({
    "seed": 1,
    "architecture": {"name": "timm:test_convnext", "arguments": {}},
    "resample": {"scope": "shard", "smote": 0.5, "undersample": None, "neighbours": 3},
    "loss": {"name": "focal", "gamma": 2.0, "alpha": 0.25},
    "optimizer": {"name": "adamw", "lr": 0.001, "weight_decay": 0.05, "momentum": 0.9},
    "schedule": {"name": "constant", "warmup_epochs": 0},
    "epochs": 1,
    "batch_size": 16,
    "augment": {"flip": 0.5, "rotate": 0.0, "shift": 0.0, "jitter": 0.0},
})  # fmt: skip


@dataclass(frozen=True)
class Repository:
    """A project folder, with an empty home beside it.

    Attributes:
        folder: the project.
        programs: folders that come first in its PATH, see `tests.fork_server`.
    """

    folder: Path
    programs: tuple[Path, ...] = ()

    def environment(self) -> dict[str, str]:
        """Return the environment of its commands: nothing of the person's who runs the tests but the path."""
        return {
            "PATH": os.pathsep.join(map(str, [*self.programs, Path(sys.executable).parent, os.environ["PATH"]])),
            "HOME": str(self.folder.parent / "home"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t",
        }  # fmt: skip

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in the repository and return all it printed."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def copy(self, room: Path) -> "Repository":
        """Copy the repository, and an empty home beside it, into `room`."""
        shutil.copytree(self.folder, room / "project", symlinks=True)
        (room / "home").mkdir()
        return replace(self, folder=room / "project")

    def repro(self, *arguments: str, check: bool = True) -> list[str]:
        """Run `dvc repro` and return the names of the stages that really ran, in order."""
        return self.ran(self.run("dvc", "repro", *arguments, check=check))

    @staticmethod
    def ran(output: str) -> list[str]:
        """Names of the stages that really ran, out of what dvc printed."""
        return [line.split("'")[1].split(":")[-1] for line in output.splitlines() if line.startswith("Running stage")]

    def change(self, edit) -> None:
        """Edit `params.yaml` as a tree."""
        path = self.folder / "params.yaml"
        tree = yaml.safe_load(path.read_text())
        edit(tree)
        path.write_text(yaml.safe_dump(tree, sort_keys=False))


def tiny_study() -> dict:
    """The default parameters, cut down to two members that train in seconds."""
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    second = RECIPE | {"seed": 2, "resample": {"scope": "split", "smote": 0.4, "undersample": 0.5, "neighbours": 3}}
    study = tree | {
        "study": "tiny",
        "drawn": {},
        "parallel": {"backend": "processes", "jobs": 1, "address": None},
        "data": {
            "raw": "tiny",
            "sources": {"made": {"layout": "class_folders", "within": "*", "folder": None, "label": None}},
            "image_size": 32,
            "resize": "squish",
            "crop": tree["data"]["crop"],
        },
        "split": tree["split"] | {"fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
        "shard": {"images": 40},
        "members": {"one": RECIPE, "two": copy.deepcopy(second)},
        "stack": tree["stack"] | {"c": 1.0, "folds": 3, "epochs": 1, "resample": dict(RECIPE["resample"])},
    }
    return whole(study)


def write_faces(path: Path, reals: int = 120, fakes: int = 24) -> None:
    """A zip of noise with a broad pattern each; fakes have a bright patch."""
    rng = np.random.default_rng(0)
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(reals + fakes):
            broad = rng.integers(0, 150, (5, 5, 3), dtype=np.uint8)
            pixels = np.asarray(Image.fromarray(broad).resize((40, 40), Image.Resampling.NEAREST)).copy()
            if number < fakes:
                pixels[10:30, 10:30] += 90
            data = io.BytesIO()
            Image.fromarray(pixels).save(data, "PNG")
            archive.writestr(f"{'fake' if number < fakes else 'real'}/{number:04d}.png", data.getvalue())


def create(room: Path, tree: dict, write_raw, programs: tuple[Path, ...] = ()) -> Repository:
    """Make a repository of a study in `room` and commit it; `write_raw` gets the folder data/raw."""
    folder = room / "project"
    (room / "home").mkdir()
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for name in COPIED_FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    write_raw(folder / "data/raw")
    repository = Repository(folder, programs)
    repository.run("git", "init", "-q")
    repository.run("git", "add", ".")
    repository.run("git", "commit", "-qm", "start")
    return repository


@pytest.fixture(scope="session")
def reproduced(programs: Path, tmp_path_factory) -> Repository:
    """The tiny study after one `dvc repro`, committed; shared by all test processes. Tests take a copy."""
    shared = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    room = (base.parent if shared else base) / "reproduced"
    with FileLock(f"{room}.lock"):
        if not room.exists():
            _reproduce(room.with_name("reproducing"), programs).rename(room)
    return Repository(room / "project", (programs,))


def _reproduce(room: Path, programs: Path) -> Path:
    shutil.rmtree(room, ignore_errors=True)  # of a process that failed: the next one says why, too
    room.mkdir()
    repository = create(room, tiny_study(), lambda raw: write_faces(raw / "tiny/faces.zip"), (programs,))
    repository.run("dvc", "repro")
    repository.run("git", "add", ".")
    repository.run("git", "commit", "-qm", "reproduced")
    return room


@pytest.fixture
def repository(reproduced, tmp_path) -> Repository:
    return reproduced.copy(tmp_path)
