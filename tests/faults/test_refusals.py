"""Full and read-only disks and limits, in every stage and command: one line that says what, where, and what to do."""

import os
import shutil
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest

from tests.faults.study import remove
from tests.faults.tally import SMALL
from tests.faults.test_damage import drawn

REFUSALS = [
    ("refuse", "while the file is synced", 1, "ENOSPC"),
    ("refuse", "between write and rename", 1, "ENOSPC"),
    ("refuse", "when the file is begun", 1, "EROFS"),
    ("refuse", "while the file is synced", 2, "EIO"),
    ("refuse", "between write and rename", 2, "EDQUOT"),
    ("limit", "FSIZE", 512),
    ("limit", "FSIZE", 6000),
    ("limit", "NOFILE", 9),
]


def test_every_stage_says_what_the_system_refuses(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "the system refuses a write, or a limit is reached"
    cases = [(stage, fault) for stage in whole.stages.values() for fault in REFUSALS]
    for stage, fault in drawn(cases, 20):
        done = server.run(copy, stage, fault=fault)
        wrong = done.code == 0 and whole.differs(copy, stage)
        tally.add(kind, done.verdict(same=not wrong), f"{stage.name}: {fault}", done.said)
        left = [path for path in copy.rglob(".*.part") if fault[0] == "refuse"]
        assert not left, (stage.name, fault, left)
        whole.restore(copy, stage.outs)
    tally.check(kind)


@contextmanager
def small_disk(place, megabytes):
    """A disk of its own; for root, where mounting is allowed."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    if os.getuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk, and not everywhere")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place, leave):
    """Fill a disk but for some bytes."""
    remove(place / "filler")
    free = shutil.disk_usage(place).free
    with (place / "filler").open("wb") as file:
        file.write(bytes(max(0, free - leave)))


def test_every_stage_says_that_the_disk_is_full(whole, server, tally, tmp_path):
    kind, used = "the disk is full", sum(path.stat().st_size for path in whole.folder.rglob("*") if path.is_file())
    with small_disk(tmp_path / "disk", 40 + (used >> 20)) as disk:
        copy = whole.copy(disk / "project")
        cases = [(stage, leave) for stage in whole.stages.values() for leave in (0, 8192, 200_000)]
        for stage, leave in drawn(cases, 14):
            for path in stage.outs:
                remove(copy / path)
            fill(disk, leave)
            done = server.run(copy, stage)
            wrong = done.code == 0 and whole.differs(copy, stage)
            tally.add(kind, done.verdict(same=not wrong), f"{stage.name} with {leave} bytes left", done.said)
            remove(disk / "filler")
            whole.restore(copy, stage.outs)
    tally.check(kind)


def test_every_stage_says_that_the_disk_is_read_only(whole, server, tally, tmp_path):
    kind = "the disk is read-only"
    with small_disk(tmp_path / "disk", 500) as disk:
        copy = whole.copy(disk / "project")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for stage in drawn(list(whole.stages.values()), 8):
            done = server.ask(copy, stage.module, stage.arguments)
            tally.add(kind, done.verdict(same=False), stage.name, done.said)
        commands = {
            "screen": ("screen", "data/raw/tiny/faces.zip", "--output", "out.csv"),
            "screen.parquet": ("screen", "data/raw/tiny/faces.zip", "--output", "out.parquet"),
            "study": ("study", "portraits"),
            "review": ("review", "data/decisions.parquet", "--reviewer", "anna"),
        }
        for name, command in commands.items():
            done = server.ask(copy, "tests.faults.commands:facesift", command, limit=60)
            tally.add(kind, done.verdict(same=False), name, done.said)
    tally.check(kind)


def test_commands_say_what_the_system_refuses(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "the system refuses a write, or a limit is reached"
    screen = ("screen", "data/raw/tiny/faces.zip", "--no-time", "--output")
    for fault in [("limit", "FSIZE", 700), ("refuse", "while the file is synced", 1, "ENOSPC")]:
        for suffix in ("csv", "jsonl", "parquet"):
            output = f"{fault[0]}.{suffix}"
            done = server.ask(copy, "tests.faults.commands:facesift", (*screen, output), fault=fault)
            tally.add(kind, done.verdict(same=False), f"screen {output}", done.said)
            again = server.ask(copy, "tests.faults.commands:facesift", (*screen, output, "--resume"))
            finished = again.code == 0 or "takes no more rows" in again.said
            tally.add(kind, "same" if finished else again.verdict(same=False), f"resumed {output}", again.said)
    tally.check(kind)


@pytest.mark.skipif(SMALL, reason="memory runs short in many places: the full size tries them")
def test_too_little_memory_is_one_line(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "too little memory"
    ended = "so little memory that a library ended the process, and run again"
    rng = np.random.default_rng(1)
    for stage in whole.stages.values():
        done = server.run(copy, stage, fault=("more_memory", int(rng.integers(1, 40))), limit=60)
        wrong = done.code == 0 and whole.differs(copy, stage)
        if done.code < 0 or "terminate called" in done.said:  # a library ends the process, or waits for ever
            again = server.run(copy, stage)
            verdict = again.verdict(same=not whole.differs(copy, stage))
            tally.add(ended, verdict, f"{stage.name} again", again.said)
        else:
            tally.add(kind, done.verdict(same=not wrong), stage.name, done.said)
        whole.restore(copy, stage.outs)
    tally.check(kind)
    tally.check(ended)
