"""`make check` names each file whose bytes changed behind DVC's back."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from facesift.core.files import write_parquet
from tests.made import ROOT

PIPELINE = """
stages:
  made:
    cmd: mkdir -p data/shards && echo one > data/shards/a && echo two > data/shards/b && echo three > data/split
    outs: [data/shards, data/split]
"""


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    for command in (["init", "--no-scm", "-q"], ["repro", "-q"]):
        subprocess.run([Path(sys.executable).with_name("dvc"), *command], cwd=tmp_path, check=True)
    return tmp_path


def check(folder):
    done = subprocess.run(
        [sys.executable, "-m", "workflow.check"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def rot(path):
    """Change a byte, and leave size, time and mode as they were."""
    state = path.stat()
    path.chmod(0o644)
    path.write_bytes(b"X" + path.read_bytes()[1:])
    path.chmod(state.st_mode)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_a_whole_repository_is_good(repository):
    code, said = check(repository)
    assert (code, said) == (0, "7 files good, 0 not\n")


@pytest.mark.parametrize("name", ["data/split", "data/shards/b"])
def test_a_rotten_output_is_named(repository, name):
    rot(repository / name)
    code, said = check(repository)
    assert code == 1
    assert f"{name}: differs from dvc.lock" in said
    assert said.endswith("6 files good, 1 not\n")


def test_every_rotten_object_of_the_cache_is_named(repository):
    objects = [path for path in (repository / ".dvc/cache/files/md5").rglob("*") if path.is_file()]
    for path in objects:
        rot(path)
    code, said = check(repository)
    assert code == 1
    assert len(objects) == 4
    assert all(f"{path}: damaged object" in said for path in objects)


def test_a_missing_output_of_a_folder_is_named(repository):
    (repository / "data/shards/a").unlink()
    code, said = check(repository)
    assert code == 1
    assert "data/shards/a: missing" in said


def test_a_torn_lock_of_dvc_is_named(repository):
    (repository / ".dvc/tmp/rwlock").write_text('{"data/split": {"wri')
    code, said = check(repository)
    assert code == 1
    assert "rwlock: torn" in said
    assert "delete it while no `dvc` is running" in said


def test_an_answer_that_cannot_be_read_is_named(repository):
    (repository / "data/reviews").mkdir()
    (repository / "data/reviews/ann.csv").write_text("nonsense\n")
    code, said = check(repository)
    assert code == 1
    assert "data/reviews/ann.csv" in said


def test_an_answer_whose_id_lost_a_digit_is_named(repository):
    from tests.made_reviews import answer, write

    write_parquet(repository / "data/manifest.parquet", pl.DataFrame({"image_id": ["a" * 32]}))
    write(repository / "data/reviews", answer("a" * 31 + "b", "fake"))
    code, said = check(repository)
    assert code == 1
    assert f"the answer on {'a' * 31}b is probably on {'a' * 32}, and damaged" in said
