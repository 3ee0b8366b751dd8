"""`make status` and the first failing `make pull` say that the remote is a folder of one clone alone."""

import os
import subprocess
import sys

import pytest
from dvc.repo import Repo

from tests.made import ROOT
from workflow.store import sentence

CONFIG = """[core]
    no_scm = true
    remote = store
['remote "store"']
    url = {}
"""
PIPELINE = "stages:\n  made: {cmd: echo one > one, outs: [one]}\n"
LOCK = """schema: '2.0'
stages:
  made:
    cmd: echo one > one
    outs: [{path: one, hash: md5, md5: 5bbf5a52328e7439ae6e719dfe712200, size: 4}]
"""


@pytest.fixture
def repository(tmp_path):
    """What a clone holds of a pipeline that somebody else has run."""
    for name, text in (("dvc.yaml", PIPELINE), ("dvc.lock", LOCK), (".dvc/config", CONFIG.format("../.store"))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def at(repository, url):
    (repository / ".dvc/config").write_text(CONFIG.format(url))
    return sentence(Repo(str(repository)))


def test_a_remote_in_the_clone_is_said_to_share_nothing(repository):
    said = at(repository, "../.store")
    assert said.startswith("The remote store is the folder .store/ of this clone")
    assert "docs/sharing.md" in said


@pytest.mark.parametrize("url", ["/srv/facesift", "s3://bucket/facesift", "ssh://faces.example.org/srv"])
def test_a_remote_elsewhere_is_named(repository, url):
    assert at(repository, url) == f"The remote store is {url}."


def test_a_pull_that_fails_says_why_there_is_nothing(repository):
    done = subprocess.run(
        [sys.executable, "-m", "workflow.store", "--pull"],
        cwd=repository, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "no other clone can pull it" in done.stderr.splitlines()[-1]
