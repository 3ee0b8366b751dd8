"""What the system refuses is said in one line: what, where, what to do."""

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from facesift.core.errors import FacesiftError, in_words
from facesift.core.files import whole_file, whole_folder, write_csv, write_json, write_parquet
from facesift.core.parallel import Workers, parallel_map
from tests.made import ROOT


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "a/b: No space left on device; free space there"),
        (OSError(errno.EROFS, "Read-only file system", "a"), "a: Read-only file system; the disk is read-only"),
        (RuntimeError("polars: No space left on device (os error 28)"), "here: No space left on device"),
        (OSError("Can't write data (file write failed: errno = 28, error message = '...')"), "here: No space left on"),
        (RuntimeError("[enforce fail] PytorchStreamWriter failed writing file data/0"), "here: No space left on dev"),
        (
            RuntimeError("Os { code: 24, kind: TooManyOpenFiles, message: '' }"),
            "here: Too many open files; raise `ulim",
        ),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"), "here: No space left"),
        (RuntimeError("parquet: File out of specification: Invalid thrift: transport error"), "here: No space left"),
        (RuntimeError("can't start new thread"), "here: Cannot allocate memory; not enough memory"),
        (MemoryError(), "here: Cannot allocate memory; not enough memory"),
        (PermissionError(errno.EACCES, "Permission denied", b"raw"), "raw: Permission denied; you may not"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "gone"), "gone: No such file or directory"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_refusal_is_named_with_its_remedy(error, line):
    assert in_words(error, "here").startswith(line)


def test_an_error_that_a_library_wrapped_is_found():
    error = RuntimeError("training failed")
    error.__cause__ = OSError(errno.ENOSPC, "full")
    assert in_words(error, "x").startswith("x: No space left")


def test_a_mistake_of_the_program_is_not_taken_for_a_refusal():
    assert in_words(ValueError("3 is not 4")) is None


FULL = Path("/dev/full")  # every write to it says that the disk is full


@pytest.mark.skipif(not FULL.exists(), reason="a system without /dev/full")
def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path):
    (tmp_path / "a.json").write_text("old")
    refused = pytest.raises(FacesiftError, match=r"a\.json: cannot be written \(No space left on device\); free space")
    with refused, whole_file(tmp_path / "a.json") as part, FULL.open("wb") as file:
        part.write_text("new")
        file.write(b"x" * 100_000)
    assert (tmp_path / "a.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


WRITERS = {
    "parquet": "write_parquet(Path('out'), pl.DataFrame({'a': range(200_000)}))",
    "csv": "write_csv(Path('out'), pl.DataFrame({'a': range(200_000)}))",
    "json": "write_json(Path('out'), list(range(200_000)))",
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_limit_of_file_size_is_one_line(tmp_path, kind):
    code = f"""
import resource, sys
from pathlib import Path
import polars as pl
from facesift.core.files import *
from facesift.core.errors import FacesiftError
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    {WRITERS[kind]}
except FacesiftError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("out: cannot be written (File too large); `ulimit -f`"), done.stderr
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_missing_is_named_and_not_the_one_that_is_written(tmp_path):
    with pytest.raises(FacesiftError, match=r"gone\.txt: No such file"), whole_file(tmp_path / "a"):
        (tmp_path / "gone.txt").read_text()


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "data").write_text("")
    for write in (whole_file, whole_folder):
        refused = pytest.raises(FacesiftError, match=r"data: (cannot be written|File exists|Not a directory)")
        with refused, write(tmp_path / "data/x"):
            pass


def test_tables_of_images_are_for_their_owner_alone(tmp_path):
    frame = pl.DataFrame({"image_id": ["0" * 32]})
    write_parquet(tmp_path / "private.parquet", frame)
    write_csv(tmp_path / "private.csv", frame, private=True)
    write_json(tmp_path / "figures.json", {})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes["private.parquet"] == modes["private.csv"] == 0o600
    assert modes["figures.json"] & 0o600 == 0o600


ORPHANS = """
import os, sys, time
from facesift.core.parallel import Workers, parallel_map
from tests.core.test_refusals import stay
for _ in parallel_map(stay, [sys.argv[1]] * 4, Workers("processes", 2)):
    pass
"""


def stay(folder):
    (Path(folder) / str(os.getpid())).write_text("")
    time.sleep(60)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"


def test_workers_end_soon_after_their_parent_was_killed(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS, str(tmp_path)], cwd=ROOT)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(map(alive, workers))


def test_work_is_done_by_processes_as_before():
    assert list(parallel_map(abs, [-1, -2, -3], Workers("processes", 2))) == [1, 2, 3]
