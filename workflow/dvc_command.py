"""Call `dvc` as a user would, each call with the same number of threads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from facesift.core.errors import FacesiftError


def executable() -> str:
    """Path of the `dvc` of this environment, or of the one in PATH; `FacesiftError` if there is none."""
    beside = Path(sys.executable).with_name("dvc")
    found = str(beside) if beside.is_file() else shutil.which("dvc")
    if not found:
        raise FacesiftError("dvc: not installed; `make install` and `. .venv/bin/activate` bring it")
    return found


def threads_for(jobs: int, asked: int | None = None) -> int:
    """Threads for each of `jobs` processes: as asked, else OMP_NUM_THREADS, else the cores shared out."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return asked or (int(given) if given.isdigit() and int(given) else max(1, (os.cpu_count() or 1) // jobs))


def environment(threads: int) -> dict[str, str]:
    """The environment with the number of threads set for all numerical libraries."""
    return os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def dvc(*arguments: str, threads: int | None = None) -> None:
    """Run dvc with its output on the terminal; `FacesiftError` when it fails."""
    where = environment(threads) if threads else None
    if subprocess.run([executable(), *arguments], env=where, check=False).returncode:
        raise FacesiftError(f"`dvc {' '.join(arguments)}` failed; what it said stands above")


def answer_of(*arguments: str) -> str:
    """Run dvc and return what it printed; `FacesiftError` with its complaint when it fails."""
    done = subprocess.run([executable(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise FacesiftError(f"`dvc {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def run(main: Callable[..., None]) -> None:
    """Call `main` with the options of the command line, as typer reads them from its signature.

    A `FacesiftError` ends the program with status 1 and the message alone, Ctrl-C with 130.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except FacesiftError as error:
        sys.exit(f"error: {error}")
