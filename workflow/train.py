"""Run stages side by side that do not depend on each other: `python -m workflow.train --jobs 2 [TARGET ...]`.

`dvc repro` runs one stage after the other. Here the stages before the members run first; then `dvc repro -s train@NAME`
runs for several members at once, which DVC allows since no member reads what another writes; then the same with the
slow stages after the stack; then `dvc repro` finishes.
The bytes are those of a plain `dvc repro` with the same OMP_NUM_THREADS: another number of threads adds numbers up in
another order, and DVC does not know of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer

from facesift.config.params import load_params
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted
from workflow.dvc_command import dvc, environment, executable, run_script, threads_for

TRAIN = "train@"
AFTER_STACK = ("pictures", "vote", "robustness", "audit")  # the slow ones, of which none reads what another writes
PATIENCE = 10.0  # seconds that a stage has to end by itself after it was told to


class StageProcesses:
    """The stages that run at the moment: starts them, prints their output, and ends them all."""

    def __init__(self, threads: int) -> None:
        self._environment = environment(threads)
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()
        self._ending = False

    def run(self, stage: str) -> bool:
        """Run `dvc repro -s STAGE`, print its output with the name before each line; True if it worked."""
        with self._lock:
            if self._ending:
                return False
            # A session of its own, so that Ctrl-C reaches it through `end` alone and with all its children.
            process = subprocess.Popen(
                [executable(), "--wait-for-lock", "repro", "-s", stage], env=self._environment,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
            self._running[stage] = process
        for line in process.stdout or ():
            print(f"{stage.removeprefix(TRAIN)} | {line.rstrip()}", flush=True)
        return process.wait() == 0

    def end(self) -> None:
        """End all stages that run, with their children, and start no other."""
        with self._lock:
            self._ending = True
            running = [process for process in self._running.values() if process.poll() is None]
        for kind in (signal.SIGINT, getattr(signal, "SIGKILL", signal.SIGTERM)):
            for process in running:
                _send(process, kind)
            for process in running:
                _wait(process)


def _send(process: subprocess.Popen[str], kind: signal.Signals) -> None:
    """Signal the process' whole group, which may outlive the process itself."""
    if not hasattr(os, "killpg"):  # Windows
        process.terminate()
        return
    try:
        os.killpg(process.pid, kind)
    except ProcessLookupError:
        return


def _wait(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return


def run_side_by_side(stages: Sequence[str], jobs: int, threads: int) -> list[str]:
    """Run stages that do not depend on each other, also those after one that failed.

    Args:
        stages: names, as in dvc.yaml; what they depend on is up to date.
        jobs: how many run at a time.
        threads: of each.

    Returns:
        The names of the stages that failed.
    """
    processes = StageProcesses(threads)
    pool = ThreadPoolExecutor(jobs)
    try:
        return [name for name, worked in zip(stages, pool.map(processes.run, stages), strict=True) if not worked]
    except KeyboardInterrupt:
        processes.end()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def main(
    targets: Annotated[
        list[str] | None, typer.Argument(help="stages to bring up to date afterwards", show_default="all")
    ] = None,
    *,
    jobs: Annotated[int, typer.Option(min=1, help="members at a time")] = 2,
    threads: Annotated[
        int | None, typer.Option(min=1, help="of each", show_default="OMP_NUM_THREADS, or a share of the cores")
    ] = None,
) -> None:
    """Train the members side by side, then bring the rest of the pipeline up to date."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` does what Ctrl-C does
    members, each = list(load_params().members), threads_for(jobs, threads)
    print(
        f"{counted(len(members), 'member')}, {jobs} at a time; same bytes as: OMP_NUM_THREADS={each} dvc repro",
        flush=True,
    )
    dvc("repro", "sample", threads=each)
    if failed := run_side_by_side([TRAIN + name for name in members], jobs, each):
        names = ", ".join(name.removeprefix(TRAIN) for name in failed)
        raise FacesiftError(f"not trained: {names}; their lines above say why. The other members are done")
    if not targets and jobs > 1:
        dvc("repro", "stability", threads=each)
        if failed := run_side_by_side(AFTER_STACK, jobs, each):
            raise FacesiftError(f"{', '.join(failed)} failed; the lines above that begin with the name say why")
    dvc("repro", *(targets or []), threads=each)


if __name__ == "__main__":
    run_script(main)
