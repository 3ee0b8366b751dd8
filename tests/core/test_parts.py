"""What is being written when a process is killed: never seen by a reader, and removed by the next process."""

import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from facesift.core import parts
from facesift.core.files import whole_file, whole_folder
from facesift.core.parts import remove_abandoned_parts, replace_folder
from tests.made import ROOT

WRITER = """
import os, signal, sys
from pathlib import Path
from facesift.core.files import whole_file, whole_folder
with whole_file(Path(sys.argv[1], "table")) as part, whole_folder(Path(sys.argv[1], "shards")) as folder:
    part.write_text("half")
    (folder / "a").write_text("half")
    print("writing", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def writer(tmp_path):
    """A process in the middle of writing a file and a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.wait()


def age(folder):
    """Make every part in `folder` an hour old."""
    for part in folder.glob(".*.part"):
        os.utime(part, (time.time() - 3600,) * 2)


def parts_in(folder):
    return sorted(path.name.split(".")[1] for path in folder.glob(".*.part"))


@pytest.fixture(autouse=True)
def _forget():
    remove_abandoned_parts.cache_clear()


def test_parts_of_a_killed_process_are_removed_by_the_next(tmp_path, writer):
    writer.kill()
    writer.wait()
    age(tmp_path)
    assert parts_in(tmp_path) == ["shards", "table"]
    with whole_file(tmp_path / "other") as part:
        part.touch()
    assert parts_in(tmp_path) == []


@pytest.mark.usefixtures("writer")
def test_git_ignores_what_is_being_written(tmp_path):
    """A part may show faces: `git add .` would commit what a kill has left."""
    shutil.copy(ROOT / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    said = subprocess.run(["git", "status", "--short"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert parts_in(tmp_path) == ["shards", "table"]
    assert said.stdout == "?? .gitignore\n"


def test_parts_of_a_living_process_stay(tmp_path, writer):
    age(tmp_path)
    with whole_file(tmp_path / "other") as part:
        part.touch()
    assert parts_in(tmp_path) == ["shards", "table"]
    writer.communicate("go on\n")
    assert (tmp_path / "table").read_text() == (tmp_path / "shards/a").read_text() == "half"


def test_young_parts_stay_since_their_writer_may_not_have_locked_them_yet(tmp_path):
    (tmp_path / ".table.abc.part").touch()
    remove_abandoned_parts(tmp_path)
    assert parts_in(tmp_path) == ["table"]


def test_a_reader_always_finds_a_whole_folder(tmp_path):
    done, missing = threading.Event(), []

    def read():
        while not done.is_set():
            if not (tmp_path / "bundle/card").exists():
                missing.append(1)

    with whole_folder(tmp_path / "bundle") as part:
        (part / "card").touch()
    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(200):
        with whole_folder(tmp_path / "bundle") as part:
            (part / "card").touch()
    done.set()
    reader.join()
    assert not missing


def test_where_folders_cannot_be_exchanged_the_new_one_still_replaces_the_old(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_exchange", lambda *_: False)
    for name in ("old", "new.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "new.part", tmp_path / "old")
    assert [path.name for path in tmp_path.rglob("*")] == ["old", "new.part"]


@pytest.mark.parametrize(("umask", "file", "folder"), [("077", "600", "700"), ("022", "644", "755")])
def test_who_may_read_an_output_follows_from_the_umask(tmp_path, umask, file, folder):
    code = WRITER.replace("sys.stdin.readline()", "")
    subprocess.run(
        ["sh", "-c", f'umask {umask}; exec "$@"', "sh", sys.executable, "-c", code, str(tmp_path)], check=True
    )
    modes = [f"{(tmp_path / name).stat().st_mode & 0o777:o}" for name in ("table", "shards")]
    assert modes == [file, folder]


def test_without_locks_and_open_folders_as_on_windows_files_and_folders_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "fcntl", None)
    with whole_file(tmp_path / "table") as part, whole_folder(tmp_path / "shards") as folder:
        part.write_text("whole")
        (folder / "a").write_text("whole")
    assert (tmp_path / "table").read_text() == (tmp_path / "shards/a").read_text() == "whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shards", "table"]
