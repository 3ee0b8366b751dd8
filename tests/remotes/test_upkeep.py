"""The housekeeping targets of the Makefile, and what a `dvc repro` costs that has nothing to do."""

import hashlib
import re
import statistics
import time
from pathlib import Path

import pytest

from tests.pipeline.conftest import Repository
from tests.remotes.conftest import MODEL, commit

KEPT = ("commit", "branch", "tag", "experiment", "worktree")


def cached(repository: Repository, name: str) -> Path:
    """Where the cache holds the archive of this name."""
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    return repository.folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]


def track(repository: Repository, name: str) -> None:
    """Add an archive to DVC's cache, and its .dvc file to the work tree."""
    path = repository.folder / f"data/raw/{name}/faces.zip"
    path.parent.mkdir()
    path.write_text(name)
    repository.run("dvc", "add", str(path.parent))


def forget(repository: Repository, name: str) -> None:
    (repository.folder / f"data/raw/{name}.dvc").unlink()


@pytest.fixture
def reproduced(trained, tmp_path) -> Repository:
    return trained.repository.copy(tmp_path)


@pytest.fixture
def full(reproduced) -> Repository:
    """A repository whose cache has one archive for each thing that may refer to it, and one of no use."""
    repository = reproduced
    commit(repository, "trained")
    track(repository, "commit")
    commit(repository, "the archive")
    forget(repository, "commit")
    commit(repository, "without the archive")
    for name in ("branch", "tag"):
        repository.run("git", "checkout", "-qb", f"on-{name}")
        track(repository, name)
        commit(repository, name)
        repository.run("git", *(("tag", "kept") if name == "tag" else ("branch", "kept")))
        repository.run("git", "checkout", "-q", "-")
        repository.run("git", "branch", "-qD", f"on-{name}")
    track(repository, "experiment")
    saved = "data/raw/experiment.dvc"
    repository.run("dvc", "exp", "save", "--name", "trial", "--include-untracked", saved, saved)
    forget(repository, "experiment")
    track(repository, "nothing")
    forget(repository, "nothing")
    track(repository, "worktree")
    return repository


def test_clean_cache_keeps_what_something_refers_to_and_nothing_else(full):
    assert all(cached(full, name).exists() for name in (*KEPT, "nothing"))
    full.run("make", "clean-cache", "FORCE=1")
    assert [name for name in (*KEPT, "nothing") if cached(full, name).exists()] == list(KEPT)


def test_clean_cache_asks_first(full):
    output = full.run("sh", "-c", "echo n | make clean-cache", check=False)
    assert "Are you sure" in output
    assert cached(full, "nothing").exists()


def test_status_names_what_would_run_is_not_pushed_and_not_committed(reproduced):
    reproduced.change(lambda tree: tree["vote"].update(rule="majority"))
    would_run, rest = reproduced.run("make", "status").split("Not pushed:\n")
    not_pushed, not_committed = rest.split("Not committed:\n")
    assert set(re.findall(r"^(\w+):$", would_run, re.MULTILINE)) == {"summary", "export", "figures", "report"}
    # The same object is in the bundle, and DVC names one of its places.
    assert re.search(rf"new: +(models/committee/members/)?({MODEL}|{Path(MODEL).name})\n", not_pushed)
    assert " M params.yaml\n" in not_committed


def test_repro_with_nothing_to_do_takes_less_than_twice_a_status(reproduced, capsys):
    seconds: dict[str, list[float]] = {"repro": [], "status": []}
    for command in ("repro", "status") * 6:
        started = time.monotonic()
        reproduced.run("dvc", command)
        seconds[command].append(time.monotonic() - started)
    repro, status = (statistics.median(times[1:]) for times in seconds.values())
    with capsys.disabled():
        print(f"\ndvc repro with nothing to do: {repro / status:.2f} of dvc status")  # noqa: T201 - for who runs it
    assert repro < 2 * status
