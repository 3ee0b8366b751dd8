"""Two colleagues and one remote: what one has trained, the other pulls."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from tests.pipeline.conftest import Repository
from tests.remotes.conftest import ARCHIVE, MODEL, RAW, Remote, commit, found_team, join, publish, pull, use

AFTER = {
    "members",
    "stack",
    "stability",
    "vote",
    "operate",
    "summary",
    "export",
    "robustness",
    "audit",
    "review",
    "pictures",
    "figures",
    "report",
}  # what follows a member
TABLES = ("data/decisions.parquet", "data/calibrated.parquet", "metrics/vote.json", "data/figures/audit.json")


@dataclass
class Story:
    """Anna trains and shares; Ben takes, changes a member, shares; Anna takes that."""

    anna: Repository
    ben: Repository
    ran: dict[str, list[str]]  # stages that ran, by step
    seconds: dict[str, float]  # that a step took
    tables: dict[str, dict[str, bytes]]  # content of the tables after a step


def tables(repository: Repository) -> dict[str, bytes]:
    return {name: (repository.folder / name).read_bytes() for name in TABLES}


def take(repository: Repository) -> tuple[list[str], float]:
    """Pull and reproduce; return what ran and how long both took."""
    started = time.monotonic()
    pull(repository)
    return repository.repro(), time.monotonic() - started


@pytest.fixture(scope="session")
def story(trained, remote, tmp_path_factory) -> Story:
    room = tmp_path_factory.mktemp("story")
    anna = found_team(trained, room)
    use(anna, remote)
    publish(anna, "trained")
    ben = join(anna, remote, room / "ben")
    story = Story(anna, ben, {}, {"train all": trained.seconds}, {"anna trained": tables(anna)})
    story.ran["ben takes"], story.seconds["ben takes"] = take(ben)
    story.tables["ben takes"] = tables(ben)

    ben.change(lambda tree: tree["members"]["two"]["optimizer"].update(lr=0.002))
    started = time.monotonic()
    story.ran["ben changes"] = ben.repro()
    story.seconds["train one"] = time.monotonic() - started
    story.tables["ben changes"] = tables(ben)
    publish(ben, "another learning rate")

    anna.run("git", "pull", "-q")
    story.ran["anna takes"], story.seconds["anna takes"] = take(anna)
    story.tables["anna takes"] = tables(anna)
    return story


def test_who_pulls_what_was_trained_runs_nothing(story):
    assert story.ran["ben takes"] == []


def test_who_pulls_has_the_tables_of_who_trained(story):
    assert story.tables["ben takes"] == story.tables["anna trained"]


def test_changing_one_member_runs_that_member_and_what_follows_it(story):
    assert set(story.ran["ben changes"]) == {"train@two", *AFTER}


def test_a_colleagues_changed_member_is_pulled_without_training(story):
    assert story.ran["anna takes"] == []
    assert story.tables["anna takes"] == story.tables["ben changes"] != story.tables["anna trained"]


def test_pulling_takes_less_time_than_training(story, remote, capsys):
    seconds = story.seconds
    all_of_it, one = seconds["ben takes"] / seconds["train all"], seconds["anna takes"] / seconds["train one"]
    said = f"pulling takes {all_of_it:.3f} of the time of training all, {one:.3f} of changing a member"
    with capsys.disabled():
        print(f"\n{remote.kind}: {said}")  # noqa: T201 - what was measured is for who runs the tests
    assert max(all_of_it, one) < 1


@pytest.fixture(scope="session")
def trainer(story, remote, tmp_path_factory) -> Repository:
    """A colleague who pulled nothing but the archives."""
    trainer = join(story.anna, remote, tmp_path_factory.mktemp("trainer") / "colleague")
    pull(trainer, RAW)
    return trainer


def test_archives_are_shared_and_not_in_git(story, trainer):
    assert (trainer.folder / ARCHIVE).read_bytes() == (story.anna.folder / ARCHIVE).read_bytes()
    assert trainer.run("git", "ls-files", "data/raw") == f"{RAW}.dvc\n"
    assert trainer.run("git", "status", "--porcelain") == ""


def test_who_pulls_the_archives_alone_trains_on_them(story, trainer):
    assert trainer.repro("train@one") == ["ingest", "split", "shard", "sample@one", "train@one"]
    assert (trainer.folder / MODEL).read_bytes() == (story.anna.folder / MODEL).read_bytes()


@contextmanager
def damaged(anna: Repository, remote: Remote) -> Iterator[dict[str, str]]:
    """Change a byte of the network's and of the archive's object; yield where these lie; make them whole again."""
    contents = {name: (anna.folder / name).read_bytes() for name in (MODEL, ARCHIVE)}
    paths = {name: remote.path(content) for name, content in contents.items()}
    for name, content in contents.items():
        remote.write(paths[name], content[:100] + bytes([content[100] ^ 1]) + content[101:])
    try:
        yield paths
    finally:
        for name, content in contents.items():
            remote.write(paths[name], content)


@dataclass
class Refusal:
    """What a colleague meets when two objects in the remote are damaged."""

    colleague: Repository
    pulled: str
    reproduced: str
    would_run: list[str]


@pytest.fixture(scope="session")
def refusal(story, remote, tmp_path_factory) -> Refusal:
    colleague = join(story.anna, remote, tmp_path_factory.mktemp("refusal") / "colleague")
    with damaged(story.anna, remote):
        pulled = pull(colleague, check=False)
        reproduced = colleague.run("dvc", "repro", check=False)
        would_run = colleague.repro("--dry", "--single-item", "train@one")
    return Refusal(colleague, pulled, reproduced, would_run)


def test_damaged_objects_are_refused_by_name(refusal):
    _, told, rest = refusal.pulled.partition("Checkout failed for following targets:\n")
    assert told
    assert set(rest.partition("Is your cache")[0].splitlines()) >= {MODEL, RAW}
    assert [name for name in (MODEL, ARCHIVE) if (refusal.colleague.folder / name).exists()] == []


def test_pipeline_stops_where_archives_were_refused(refusal):
    assert refusal.colleague.ran(refusal.reproduced) == []
    assert f"ERROR: failed to reproduce '{RAW}.dvc': missing data 'source': {RAW}\n" in refusal.reproduced


def test_pipeline_trains_anew_what_was_refused(refusal):
    assert refusal.would_run == ["train@one"]


@dataclass
class Mending:
    """What `make check-remote` said of two damaged objects, and who pulled after they were pushed again."""

    paths: dict[str, str]
    checked: str
    deleted: str
    left: list[str]
    colleague: Repository


@pytest.fixture(scope="session")
def mending(story, remote, tmp_path_factory) -> Mending:
    colleague = join(story.anna, remote, tmp_path_factory.mktemp("mending") / "colleague")
    with damaged(story.anna, remote) as paths:
        checked = colleague.run("make", "check-remote", check=False)
        deleted = colleague.run("make", "check-remote", "FORCE=1")
        left = remote.objects()
        story.anna.run("dvc", "push")
        pull(colleague, MODEL, RAW)
    return Mending(paths, checked, deleted, left, colleague)


def test_check_names_the_damaged_objects(mending):
    named = [line.removeprefix("damaged: ") for line in mending.checked.splitlines() if line.startswith("damaged: ")]
    assert named == sorted(mending.paths.values())
    assert "Error 1" in mending.checked


def test_check_deletes_the_damaged_objects_only_when_told(mending):
    assert "deleted: " not in mending.checked
    assert all(f"deleted: {path}\n" in mending.deleted for path in mending.paths.values())
    assert set(mending.paths.values()) & set(mending.left) == set()


@pytest.mark.parametrize("name", [MODEL, ARCHIVE], ids=["network", "archive"])
def test_deleted_object_is_pushed_again(story, mending, name):
    assert (mending.colleague.folder / name).read_bytes() == (story.anna.folder / name).read_bytes()


LOAD, PARTS = 2**21, 40  # bytes of a file and files: enough to be caught in the middle


def test_interrupted_push_is_completed_by_the_next(trained, remote, tmp_path):
    anna, elsewhere = found_team(trained, tmp_path / "team"), remote.beside("interrupted")
    use(anna, elsewhere)
    load = anna.folder / "data/raw/load"
    load.mkdir()
    for number in range(PARTS):
        (load / f"{number}.zip").write_bytes(np.random.default_rng(number).bytes(LOAD))
    anna.run("dvc", "add", str(load))
    commit(anna, "load")
    interrupt(anna, elsewhere)
    before = len(elsewhere.objects())
    anna.run("dvc", "push", "--run-cache")
    anna.run("git", "push", "-q")
    assert 0 < before < PARTS
    ben = join(anna, elsewhere, tmp_path / "ben")
    pull(ben, "data/raw/load")
    assert all(
        (ben.folder / path.relative_to(anna.folder)).read_bytes() == path.read_bytes() for path in load.iterdir()
    )


def interrupt(repository: Repository, remote: Remote) -> None:
    """Begin to push one file at a time, and kill that as soon as something has arrived."""
    push = subprocess.Popen(
        ["dvc", "push", "--quiet", "--jobs", "1"],
        cwd=repository.folder, env=repository.environment(), start_new_session=True,
    )  # fmt: skip
    while push.poll() is None and not remote.objects():
        time.sleep(0.01)
    os.killpg(push.pid, signal.SIGKILL)
    assert push.wait() == -signal.SIGKILL
