"""Training members side by side, with a `dvc` that only pretends."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from tests.made import ROOT
from workflow import dvc_command, train
from workflow.dvc_command import threads_for
from workflow.train import AFTER_STACK, StageProcesses, run_side_by_side

WORKS = 'echo "training $*"; touch "done-${@: -1}"'


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Let a shell script of our own be `dvc`, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def be(script):
        path = tmp_path / "dvc"
        path.write_text(f"#!/usr/bin/env bash\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(train, "executable", lambda: str(path))

    return be


def test_members_train_at_the_same_time(pretend):
    wait = "for _ in {1..100}; do [ -e here-train@a ] && [ -e here-train@b ] && exit; sleep 0.1; done"
    pretend(f'touch "here-${{@: -1}}"; {wait}; exit 1')
    assert run_side_by_side(["train@a", "train@b"], jobs=2, threads=1) == []


def test_a_member_that_fails_is_named_and_the_others_finish(pretend, tmp_path):
    pretend(f'[ "${{@: -1}}" = train@b ] && exit 3; {WORKS}')
    assert run_side_by_side(["train@a", "train@b", "train@c"], jobs=1, threads=1) == ["train@b"]
    assert sorted(path.name for path in tmp_path.glob("done-*")) == ["done-train@a", "done-train@c"]


def test_each_line_stands_after_its_members_name(pretend, capsys):
    pretend(WORKS)
    run_side_by_side(["train@a"], jobs=1, threads=1)
    assert capsys.readouterr().out == "a | training --wait-for-lock repro -s train@a\n"


def test_the_stages_after_the_stack_read_nothing_of_each_other():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    made = {name: {str(next(iter(each), "")) if isinstance(each, dict) else each
                   for kind in ("outs", "metrics", "plots") for each in stages[name].get(kind, [])}
            for name in AFTER_STACK}  # fmt: skip
    read = {name: set(stages[name]["deps"]) for name in AFTER_STACK}
    assert not [(a, b) for a in AFTER_STACK for b in AFTER_STACK if a != b and read[a] & made[b]]


def test_every_member_gets_the_number_of_threads(pretend, capsys):
    pretend("echo $OMP_NUM_THREADS $MKL_NUM_THREADS")
    run_side_by_side(["train@a"], jobs=1, threads=3)
    assert capsys.readouterr().out == "a | 3 3\n"


def ends(pid):
    """Wait until a process has ended, ten seconds at most; a killed one needs a moment, and may await its parent."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    "script", ["sleep 60 & echo $! > pid; wait", "trap '' INT; sleep 60 & echo $! > pid; wait; wait"]
)
def test_the_end_reaches_the_children_of_a_member(pretend, tmp_path, monkeypatch, script):
    monkeypatch.setattr(train, "PATIENCE", 0.5)
    pretend(script)
    processes = StageProcesses(threads=1)
    member = threading.Thread(target=processes.run, args=("a",))
    member.start()
    child = int(wait_for(tmp_path / "pid"))
    processes.end()
    member.join(10)
    assert ends(child)


def wait_for(path):
    """Wait until a file has text, ten seconds at most, and return it."""
    for _ in range(200):
        if path.is_file() and path.read_text().strip():
            break
        time.sleep(0.05)
    return path.read_text()


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_members_and_the_program(pretend, tmp_path, kind):
    pretend("sleep 60 & echo $! > pid; wait")
    code = (
        "import signal; from workflow import train; from workflow.dvc_command import run_script;"
        "signal.signal(signal.SIGTERM, signal.default_int_handler);"
        f"train.executable = lambda: {str(tmp_path / 'dvc')!r};"
        "run_script(lambda: train.run_side_by_side(['a', 'b'], 1, 1))"
    )
    program = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)})
    member = int(wait_for(tmp_path / "pid"))
    program.send_signal(kind)
    assert (program.wait(20), ends(member)) == (130, True)


def test_no_member_starts_after_the_end(pretend, tmp_path):
    pretend(WORKS)
    processes = StageProcesses(threads=1)
    processes.end()
    assert (processes.run("a"), list(tmp_path.glob("done-*"))) == (False, [])


def test_the_cores_are_shared_out_among_the_jobs(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(dvc_command.os, "cpu_count", lambda: 9)
    assert (threads_for(2), threads_for(20), threads_for(2, 7)) == (4, 1, 7)


def test_a_number_of_threads_in_the_environment_holds(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads_for(2) == 3
