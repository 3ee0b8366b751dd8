"""Train the members side by side, then bring the rest up to date: `python -m workflow.train --jobs 2 [TARGET ...]`.

One `dvc repro` trains one member after the other. Here the stages before them run first; then `dvc repro -s train@NAME`
runs for several members at once, which DVC allows since no member reads what another writes; then `dvc repro` finishes.
The bytes are those of a plain `dvc repro` with the same OMP_NUM_THREADS: sums are added up in another order by another
number of threads, and DVC does not know of it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from facesift.config.params import load_params
from facesift.core.errors import FacesiftError
from workflow.dvc_command import dvc, environment, executable, run, threads_for

PATIENCE = 10.0  # seconds that a member has to end by itself when it is told to


class Crew:
    """The members that train now: starts them, passes on what they say, and ends them all."""

    def __init__(self, threads: int) -> None:
        self._environment = environment(threads)
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()
        self._ending = False

    def train(self, name: str) -> bool:
        """Run `dvc repro -s train@NAME` with each line of its output after the name; True if it worked."""
        with self._lock:
            if self._ending:
                return False
            # A session of its own, so that Ctrl-C reaches it through `end` alone and with all its children.
            process = subprocess.Popen(
                [executable(), "--wait-for-lock", "repro", "-s", f"train@{name}"], env=self._environment,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
            self._running[name] = process
        for line in process.stdout or ():
            print(f"{name} | {line.rstrip()}", flush=True)
        return process.wait() == 0

    def end(self) -> None:
        """Start no further member and end all that run, with their children."""
        with self._lock:
            self._ending = True
            running = [process for process in self._running.values() if process.poll() is None]
        for kind in (signal.SIGINT, signal.SIGKILL):
            for process in running:
                _send(process, kind)
            for process in running:
                _wait(process)


def _send(process: subprocess.Popen[str], kind: signal.Signals) -> None:
    """Signal the process' whole group, which may outlive the process itself."""
    try:
        os.killpg(process.pid, kind)
    except ProcessLookupError:
        return


def _wait(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return


def train_members(names: list[str], jobs: int, threads: int) -> list[str]:
    """Train all, `jobs` at a time, whatever becomes of the others; return the names of those that failed."""
    crew = Crew(threads)
    pool = ThreadPoolExecutor(jobs)
    try:
        return [name for name, worked in zip(names, pool.map(crew.train, names), strict=True) if not worked]
    except KeyboardInterrupt:
        crew.end()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def main(arguments: list[str]) -> None:
    """Read the command line and run it."""
    parser = argparse.ArgumentParser(prog="python -m workflow.train", description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2, help="members at a time")
    parser.add_argument("--threads", type=int, help="of each member; else OMP_NUM_THREADS, else the cores shared out")
    parser.add_argument("targets", nargs="*", help="what to bring up to date afterwards; all if left out")
    asked = parser.parse_args(arguments)
    if asked.jobs < 1:
        raise FacesiftError(f"--jobs is {asked.jobs}: at least 1")
    names, threads = list(load_params().members), threads_for(asked.jobs, asked.threads)
    print(
        f"{len(names)} members, {asked.jobs} at a time; same bytes as: OMP_NUM_THREADS={threads} dvc repro", flush=True
    )
    dvc("repro", "sample", threads=threads)
    if failed := train_members(names, asked.jobs, threads):
        raise FacesiftError(f"not trained: {', '.join(failed)}; their lines above say why. The other members are done")
    dvc("repro", *asked.targets, threads=threads)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` does what Ctrl-C does
    run(lambda: main(sys.argv[1:]))
