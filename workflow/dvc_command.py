"""Run `dvc` as a user would, with a fixed number of threads; and start the scripts of this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from facesift.core.errors import FacesiftError, in_words


def executable() -> str:
    """Return the path of the `dvc` of this environment, or of the one in PATH.

    Raises:
        FacesiftError: if there is none.
    """
    beside = Path(sys.executable).with_name("dvc")
    found = str(beside) if beside.is_file() else shutil.which("dvc")
    if not found:
        raise FacesiftError("dvc: not installed; `make install` and `. .venv/bin/activate` bring it")
    return found


def threads_for(jobs: int, wanted: int | None = None) -> int:
    """Return the number of threads for each of several processes.

    Args:
        jobs: how many processes run at a time.
        wanted: the user's number; None takes OMP_NUM_THREADS, or else divides the cores among the processes.
    """
    given = os.environ.get("OMP_NUM_THREADS", "")
    return wanted or (int(given) if given.isdigit() and int(given) else max(1, (os.cpu_count() or 1) // jobs))


def environment(threads: int) -> dict[str, str]:
    """Return the environment with the number of threads set for all numerical libraries."""
    return os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def dvc(*arguments: str, threads: int | None = None) -> None:
    """Run dvc with its output on the terminal.

    Args:
        *arguments: what is typed after `dvc`.
        threads: of the stages; None leaves the environment as it is.

    Raises:
        FacesiftError: when dvc fails.
    """
    variables = environment(threads) if threads else None
    if subprocess.run([executable(), *arguments], env=variables, check=False).returncode:
        raise FacesiftError(f"`dvc {' '.join(arguments)}` failed; its message is above")


def dvc_output(*arguments: str) -> str:
    """Run dvc and return what it printed.

    Raises:
        FacesiftError: with dvc's own message when it fails.
    """
    done = subprocess.run([executable(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise FacesiftError(f"`dvc {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def run_script(main: Callable[..., None]) -> None:
    """Call `main` with the options of the command line, which typer reads from its signature.

    A `FacesiftError`, or what the system refuses, ends the program with status 1 and the message, Ctrl-C with 130.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except FacesiftError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {in_words(error) or error}")
