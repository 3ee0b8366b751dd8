"""A tiny study in a repository where `make` finds everything installed, reproduced once."""

import shutil

import pytest

from tests.made import ROOT
from tests.pipeline.conftest import Repository, create, tiny_study, write_faces

MADE = ("Makefile", "pyproject.toml", "constraints.txt")


def study() -> dict:
    """The tiny study with two members named as in the default one."""
    tree = tiny_study()
    tree["members"] = dict(zip(("convnext1", "convnext2"), tree["members"].values(), strict=True))
    return tree


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory) -> Repository:
    """The tiny study after one `dvc repro summary`, committed, with one thread as in all these tests."""
    repository = create(
        tmp_path_factory.mktemp("experiments"), study(), lambda raw: write_faces(raw / "tiny/faces.zip")
    )
    for name in MADE:
        shutil.copyfile(ROOT / name, repository.folder / name)
    (repository.folder / ".venv").mkdir()
    (repository.folder / ".venv/.ready").touch()  # newer than what it is made from: `make install` has nothing to do
    with_one_thread(repository, "dvc", "repro", "summary")
    repository.run("git", "add", ".")
    repository.run("git", "commit", "-qm", "reproduced")
    return repository


@pytest.fixture
def repository(reproduced, tmp_path) -> Repository:
    return reproduced.copy(tmp_path)


def with_one_thread(repository: Repository, *command: str, check: bool = True) -> str:
    """Run a command in the repository with OMP_NUM_THREADS=1."""
    return repository.run("env", "OMP_NUM_THREADS=1", *command, check=check)
