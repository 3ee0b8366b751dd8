"""Forks a process for each run that a line of the standard input asks for, and injects the fault that it names.

A line is a list of runs that go on at once: `folder`, `target` (a stage's module, or `module:function`), `arguments`,
`stage` (its name for DVC), `fault` (a function of `tests.faults.injected` and its arguments), `log`, `limit` (seconds).
The answer is a list of `code`, `said`, `seconds`.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

STAGES = (
    "audit", "cross", "cross_fit", "draw", "embed", "export", "figures", "ingest", "leave_out", "members", "operate",
    "pictures", "report", "review", "robustness", "sample", "shard", "split", "stability", "stack", "summary", "train",
    "vote",
)  # fmt: skip
HEAVY = (
    "torch", "timm", "h5py", "sklearn.manifold", "sklearn.svm", "imblearn.over_sampling", "onnx", "onnxruntime",
    "matplotlib.figure", "pytorch_lightning", "scipy.stats", "joblib", "typer", "imagehash", "torch.onnx", "onnxscript",
)  # fmt: skip
# What the commands import, so that no run does it again.
OURS = (
    *(f"stages.{stage}" for stage in STAGES), "facesift.cli.main", "facesift.cli.screen", "facesift.cli.drift",
    "facesift.cli.explain", "facesift.cli.verify", "facesift.screening.committee", "facesift.screening.tables",
    "facesift.screening.distributed", "facesift.screening.drift", "facesift.screening.decision_explanation",
    "facesift.datasets.reviews", "tests.faults.bombs", "tests.faults.commands", "tests.faults.injected",
)  # fmt: skip
LIMIT, STEP = 300.0, 0.02  # seconds


def start(run: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 99
    try:
        status = _child(run)
    except BaseException:  # noqa: BLE001 - a test wants to see it
        with suppress(OSError):
            traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # a limit on the size of files holds for the log, too
                stream.flush()
        os._exit(status)


def _child(run: dict[str, Any]) -> int:
    log = os.open(run["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, handle in enumerate((nothing, log, log)):
        os.dup2(handle, number)
    os.chdir(run["folder"])
    os.setsid()
    if run.get("stage"):
        os.environ["DVC_STAGE"] = run["stage"]
    module, _, function = run["target"].partition(":")
    target = importlib.import_module(module)
    if run.get("fault"):
        from tests.faults import injected

        name, *arguments = run["fault"]
        getattr(injected, name)(*arguments)
    sys.argv = [module, *run["arguments"]]
    try:
        if function:
            getattr(target, function)(*run["arguments"])
        else:
            from facesift.config.stage import run as run_stage

            run_stage(target.main)
    except SystemExit as error:
        if isinstance(error.code, str):
            sys.stderr.write(error.code + "\n")
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 0


def finish(pid: int, run: dict[str, Any], began: float) -> dict[str, Any]:
    limit = run.get("limit", LIMIT)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() - began > limit:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            break
        time.sleep(STEP)
    said = Path(run["log"]).read_text(errors="replace")[-6000:]
    return {"code": os.waitstatus_to_exitcode(status), "said": said, "seconds": time.monotonic() - began}


def main() -> None:
    for name in (*HEAVY, *OURS):
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.monotonic()
        pids = [start(each) for each in asked]
        answers = [finish(pid, each, began) for pid, each in zip(pids, asked, strict=True)]
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
