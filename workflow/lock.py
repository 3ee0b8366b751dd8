"""Write constraints.txt, the exact version of every library: `make lock`, or `make lock UPGRADE=1` for newer ones.

pip itself chooses the versions, for all extras at once; nothing is installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file
from facesift.core.formatting import counted
from workflow.dvc_command import run_script

LOCK = Path("constraints.txt")
HEADER = """\
# The exact version of every library that facesift needs with all its extras. Written by `make lock`: do not edit.
# `make` and continuous integration install these; `pip install -c constraints.txt '.[screen]'` does the same by hand.
#
# Without hashes: pip wants them for all packages or for none, and neither the project's own folder nor torch has one
# that holds everywhere (torch's wheels differ between indexes and machines).
# Without the CUDA packages that come with torch: each build of torch names its own versions.
"""
CUDA = ("cuda-", "nvidia-", "triton")
# Tested on machines with 64-bit ARM processors; everywhere else the newer versions are.
ON_AARCH64 = {"torch": "2.9.1", "torchvision": "0.24.1"}


def resolve(extras: Iterable[str], constraints: Path | None) -> dict[str, str]:
    """Ask pip which versions it would install.

    Args:
        extras: names of the optional dependencies of the project in the current folder.
        constraints: file of versions to keep; None takes the newest.

    Returns:
        The version by package name, without facesift itself.

    Raises:
        FacesiftError: when the versions to keep, or any at all, do not fit the ranges.
    """
    keep = ["-c", str(constraints)] if constraints else []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--report", str(report), *keep, f".[{','.join(extras)}]"]
        if subprocess.run(command, check=False).returncode:
            remedy = f": edit the line of {constraints}, or `make lock UPGRADE=1`" if constraints else ""
            raise FacesiftError(f"pyproject.toml: pip found no versions that fit, as it says above{remedy}")
        found: Any = json.loads(report.read_text(encoding="utf-8"))["install"]
    packages = {each["metadata"]["name"]: each["metadata"]["version"] for each in found}
    return {name: version for name, version in packages.items() if name != "facesift"}


def lock_text(versions: Mapping[str, str]) -> str:
    """Write versions as a constraints file, sorted by name.

    >>> print(lock_text({"torch": "2.14.1+cpu", "nvidia-nccl-cu13": "2.30.7", "attrs": "26.1.0"}).removeprefix(HEADER))
    attrs==26.1.0
    torch==2.14.1; platform_machine != 'aarch64'
    torch==2.9.1; platform_machine == 'aarch64'
    <BLANKLINE>
    """
    lines = []
    for name in sorted(versions, key=str.lower):
        if name.lower().startswith(CUDA):
            continue
        pin = f"{name}=={versions[name].partition('+')[0]}"
        if name in ON_AARCH64:
            pin += f"; platform_machine != 'aarch64'\n{name}=={ON_AARCH64[name]}; platform_machine == 'aarch64'"
        lines.append(pin)
    return HEADER + "\n".join(lines) + "\n"


def main(*, upgrade: Annotated[bool, typer.Option("--upgrade", help="take the newest that fit")] = False) -> None:
    """Write constraints.txt anew for the ranges of pyproject.toml."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = resolve(project["optional-dependencies"], None if upgrade else LOCK)
    with whole_file(LOCK) as part:
        part.write_text(lock_text(versions), encoding="utf-8")
    print(f"{LOCK}: {counted(len(versions), 'package')}")


if __name__ == "__main__":
    run_script(main)
