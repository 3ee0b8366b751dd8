"""Kills at named boundaries and at any time, in every stage, in `screen` and inside DVC's own writing."""

import os
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from tests.faults.tally import SMALL
from tests.made import ROOT

FILES = (
    "when the file is begun", "while the file is synced", "between write and rename", "after the rename",
)  # fmt: skip
FOLDERS = (
    "when the folder is begun", "before the folder is exchanged", "after the folder is exchanged",
    "before the old folder is removed",
)  # fmt: skip
WITH_FOLDERS = ("shard", "embed", "export", "pictures")
KILLED = -9


def plan(whole):
    """Which stage is killed where: every stage at every boundary; of the small size, a part that is drawn once."""
    rng = np.random.default_rng(17)
    cases = []
    for name in whole.stages:
        places = FILES + (FOLDERS if name.partition("@")[0] in WITH_FOLDERS else ())
        for place in places:
            calls = [1] if place in FOLDERS else [1, 2, int(rng.integers(3, 9))][: 1 if place.startswith("when") else 3]
            cases += [(name, ("kill", place, call)) for call in calls]
        cases.append((name, ("kill_after", float(rng.uniform(0.02, 0.5)))))
    training = [("train@network", ("kill", "inside a checkpoint", call)) for call in (1, 2)]
    if not SMALL:
        return [*training, *cases]
    kept = rng.permutation(len(cases))[:22]
    return [training[0], *(cases[number] for number in sorted(kept))]


def test_a_killed_stage_ends_with_the_same_bytes_when_it_runs_again(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "a stage killed (SIGKILL), and run again"
    for name, fault in plan(whole):
        stage = whole.stages[name]
        first = server.run(copy, stage, fault=fault)
        if first.code == 0:
            continue  # it does not come to this boundary so often
        assert first.code == KILLED, (name, fault, first.said)
        again = server.run(copy, stage)
        wrong = whole.differs(copy, stage)
        tally.add(kind, again.verdict(same=not wrong), f"{name} {fault} {wrong}", again.said)
        if wrong:
            whole.restore(copy, stage.outs)
    tally.check(kind)


@pytest.mark.parametrize("damage", ["half of it", "a flipped byte", "empty"])
def test_a_training_whose_checkpoint_was_damaged_begins_anew(whole, server, tally, tmp_path, damage):
    copy, stage = whole.copy(tmp_path / "project"), whole.stages["train@network"]
    first = server.run(copy, stage, fault=("kill", "between write and rename", 4))
    assert first.code == KILLED, first.said
    found = sorted((copy / ".work").rglob("*.ckpt"))
    assert found
    for path in found:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.write_bytes({"half of it": data[: len(data) // 2], "a flipped byte": data, "empty": b""}[damage])
    again = server.run(copy, stage)
    verdict = again.verdict(same=not whole.differs(copy, stage))
    assert "set aside" in again.said
    tally.add("a training's checkpoint damaged", verdict, damage, again.said)
    tally.check("a training's checkpoint damaged")


JOBS = [(), ("--jobs", "2")]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_killed_screening_is_resumed_to_the_same_bytes(whole, server, tally, tmp_path, kind):
    raw = whole.folder / "data/raw/tiny/faces.zip"
    shared = ("screen", str(raw), "--bundle", str(whole.folder / "models/committee"), "--no-time", "--batch-size", "4")
    said = "`facesift screen` killed, and resumed"
    reference = tmp_path / f"reference.{kind}"
    done = server.ask(tmp_path, "tests.faults.commands:facesift", (*shared, "--output", str(reference)))
    assert done.code == 0, done.said
    for jobs in JOBS:
        for number in range(1 if SMALL else 4):
            output = tmp_path / f"{kind}{len(jobs)}{number}.{kind}"
            command = (*shared, *jobs, "--output", str(output))
            share = (number + 1) / (3 if SMALL else 5)
            fault = ("kill_after", share * done.seconds)
            server.ask(tmp_path, "tests.faults.commands:facesift", command, fault=fault)
            for _ in range(3):
                again = server.ask(tmp_path, "tests.faults.commands:facesift", (*command, "--resume"))
                if again.code == 0:
                    break
            same = output.is_file() and output.read_bytes() == reference.read_bytes()
            finished = "is there, and a Parquet file takes no more rows" in again.said and same
            verdict = "same" if finished else again.verdict(same=same)
            tally.add(said, verdict, f"{kind} {jobs} after {share:.0%}", again.said)
    tally.check(said)


INSIDE_DVC = """
import builtins, os, signal, sys
real, left = builtins.open, [int(sys.argv[2])]
class Half:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *_): self.file.close()
    def __getattr__(self, name): return getattr(self.file, name)
    def write(self, text):
        self.file.write(text[: len(text) // 2]); self.file.flush()
        if len(text) > 1:
            os.kill(os.getpid(), signal.SIGKILL)
def opened(path, mode="r", *more, **keys):
    file = real(path, mode, *more, **keys)
    if "w" in mode and os.fspath(path).endswith(sys.argv[1]) if not isinstance(path, int) else False:
        left[0] -= 1
        if not left[0]:
            return Half(file)
    return file
builtins.open = opened
from dvc.cli import main
sys.exit(main(["repro", "summary"]))
"""
REMEDIES = {"dvc.lock": ["git", "checkout", "dvc.lock"], "rwlock": ["rm", ".dvc/tmp/rwlock"]}


@pytest.mark.parametrize("file", REMEDIES)
@pytest.mark.parametrize("call", [1] if SMALL else [1, 2, 3])
def test_a_kill_while_dvc_writes_its_own_files_is_named_and_mended(whole, tally, tmp_path, file, call):
    """DVC writes these two files in place; docs/reliability.md says what to do."""
    from tests.pipeline.conftest import Repository

    repository = Repository(whole.folder).copy(tmp_path)
    lock = (repository.folder / "dvc.lock").read_bytes()
    repository.change(lambda tree: tree["projections"].append(77))  # quick stages alone run anew
    environment = repository.environment() | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", INSIDE_DVC, file, str(call)]
    killed = subprocess.run(command, cwd=repository.folder, env=environment, capture_output=True, check=False)
    if killed.returncode == 0:
        return  # it does not write it so often
    assert killed.returncode == KILLED, killed.stderr
    said = repository.run("dvc", "repro", "summary", check=False)
    verdict = "refused" if file in said and "Traceback" not in said else "same"
    if verdict == "refused":
        repository.run(*REMEDIES[file])
    repository.run("git", "checkout", "params.yaml")
    repository.run("dvc", "repro", "summary")
    same = (repository.folder / "dvc.lock").read_bytes() == lock
    tally.add("DVC killed inside the writing of its lock files", verdict if same else "silent", f"{file} {call}", said)
    tally.check("DVC killed inside the writing of its lock files")


@pytest.mark.parametrize("seconds", [5] if SMALL else [2, 3, 4, 5, 6, 7, 8, 10, 12, 14])
def test_a_killed_repro_goes_on_to_the_same_lock(whole, tally, tmp_path, seconds):
    """SIGKILL for DVC alone: its stage ends by itself, so that no second one runs beside it."""
    from tests.pipeline.conftest import Repository

    repository, kind = Repository(whole.folder).copy(tmp_path), "`dvc repro` killed, and run again"
    lock = (repository.folder / "dvc.lock").read_bytes()
    process = subprocess.Popen(
        ["dvc", "repro", "--force", "shard"], cwd=repository.folder, env=repository.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    deadline = time.monotonic() + 15
    while _alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    said, verdict = repository.run("dvc", "repro", "shard", check=False), "same"
    for file, remedy in REMEDIES.items():  # DVC was writing it
        if file in said and any(words in said for words in ("ERROR", "validation failed")):
            verdict = "refused"
            repository.run(*remedy)
            repository.run("dvc", "repro", "shard")
    if (repository.folder / "dvc.lock").read_bytes() != lock:  # half of it can be valid, without the last stages
        repository.run("env", "OMP_NUM_THREADS=1", "dvc", "repro")
    same = (repository.folder / "dvc.lock").read_bytes() == lock and not _alive(process.pid)
    tally.add(kind, verdict if same else "silent", f"after {seconds} s", said)
    tally.check(kind)


def _alive(group: int) -> bool:
    """Whether a process of the group is left."""
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return False
