"""An hour of kills in miniature: whatever is killed, and whenever, nothing is wrong and nothing is left in the end."""

import os
import time

import numpy as np

from tests.faults.tally import SMALL

SECONDS = 20 if SMALL else 240
HOUR = 3600


def age(folder):
    """Let an hour pass: what a killed process left behind is old enough to be removed by the next."""
    for part in folder.rglob(".*.part"):
        os.utime(part, (time.time() - HOUR,) * 2)


def sizes(folder):
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def test_a_soak_of_kills_leaves_no_wrong_byte_and_no_rubbish(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "a soak: kills at any time, one after another"
    rng, deadline = np.random.default_rng(19), time.monotonic() + SECONDS
    screen = ("screen", "data/raw/tiny/faces.zip", "--no-time", "--output", "decisions.csv")
    command = {"folder": str(copy), "target": "tests.faults.commands:facesift", "arguments": list(screen)}
    assert server.ask_all([command])[0].code == 0
    table, known, killed = (copy / "decisions.csv").read_bytes(), set(sizes(copy)), set()
    while time.monotonic() < deadline:
        stage = whole.stages[str(rng.choice(list(whole.stages)))]
        server.run(copy, stage, fault=("kill_after", float(rng.uniform(0.01, 0.6))))
        killed.add(stage.name)
        age(copy)
        again = server.run(copy, stage)
        wrong = whole.differs(copy, stage)
        tally.add(kind, again.verdict(same=not wrong), f"{stage.name} {wrong}", again.said)
        (copy / "decisions.csv").unlink(missing_ok=True)
        fault = ("kill_after", float(rng.uniform(0.1, 2)))
        server.ask_all([command | {"fault": fault}])
        again = server.ask_all([command | {"arguments": [*screen, "--resume"]}])[0]
        same = (copy / "decisions.csv").read_bytes() == table
        tally.add(kind, again.verdict(same=same), f"screen {fault}", again.said)
    left = [path for path in sizes(copy) if path not in known and ".work" not in path.parts]
    assert not left, (killed, left)
    work = sum(sizes(copy / ".work").values())
    assert work <= sum(sizes(copy / "data").values()) + sum(sizes(copy / "models").values()), work
    tally.check(kind)
