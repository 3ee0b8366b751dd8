"""What the project is made of: hashes of all packages, their licences, known flaws, and a bill of materials (SBOM).

The tools that look are installed into environments of their own below build/tools, so that they are no dependencies.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from typing import Annotated

import typer

from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file
from workflow.dvc_command import run_script

LOCK, HASHES, LICENCES = Path("constraints.txt"), Path("requirements-hashed.txt"), Path("docs/licences.md")
SBOM = Path("build/sbom.json")
TOOLS = Path("build/tools")
PINNED = {"uv": "0.13.9", "cyclonedx-bom": "7.5.0", "pip-audit": "2.10.1"}
# Each index has builds of its own of these, and they bring CUDA packages of their own choice.
UNHASHED = ("torch", "torchvision")
HASHES_HEADER = """\
# The packages of constraints.txt with the SHA-256 of every file that the index has of them. Written by `make lock`.
# `pip install --no-deps --require-hashes -r requirements-hashed.txt` takes no other file, whatever the index serves;
# `make` then finds them installed. torch and torchvision are left out: each index has builds of its own (CPU, CUDA),
# and pip wants hashes for all packages or for none. For them, take the hashes of the index that you use.
"""
LICENCES_HEADER = """\
# Licences of the packages

What each package of constraints.txt says of its licence, as it is installed. `make licences` writes
this page. facesift itself is under Apache-2.0. Copyleft licences are listed first: they bind who
passes the package on, not who runs it.

| package | version | licence |
|---|---|---|
"""
COPYLEFT = re.compile(r"GPL|MPL|EUPL|CDDL", re.IGNORECASE)
KNOWN = {"antlr4-python3-runtime": "BSD-3-Clause"}  # says nothing of its own


def tool(name: str, command: str) -> Path:
    """Install a tool into an environment of its own, once, and return the path of its command.

    Raises:
        FacesiftError: when pip cannot install it.
    """
    folder = TOOLS / f"{name}-{PINNED[name]}"
    binary = folder / "bin" / command
    if not binary.is_file():
        venv.create(folder, with_pip=True, clear=True)
        install = [str(folder / "bin/python"), "-m", "pip", "install", "-q", f"{name}=={PINNED[name]}"]
        if subprocess.run(install, check=False, stderr=subprocess.DEVNULL).returncode:
            raise FacesiftError(f"{name}=={PINNED[name]}: pip cannot install it; is the index reached?")
    return binary


def pins(path: Path = LOCK) -> dict[str, str]:
    """Return the version of each package of the lock; of two, the one for most machines.

    >>> pins()["torch"] > "2"
    True
    """
    found = re.findall(r"^([\w.-]+)==([\w.]+)(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: version for name, version, where in found if "== 'aarch64'" not in where}


def write_hashes(path: Path = HASHES) -> None:
    """Ask the index for the hashes of all files of the packages in the lock."""
    command = [str(tool("uv", "uv")), "pip", "compile", "-", "--generate-hashes", "--no-deps", "--no-header", "-q"]
    wanted = "".join(f"{name}=={version}\n" for name, version in pins().items() if name not in UNHASHED)
    done = subprocess.run(
        [*command, "--universal", "--no-annotate", "--python-version", platform.python_version()],
        input=wanted, text=True, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise FacesiftError(f"{path}: the index gave no hashes: {done.stderr.strip()}")
    with whole_file(path) as part:
        part.write_text(HASHES_HEADER + done.stdout, encoding="utf-8")


def licence_of(about: PackageMetadata) -> str:
    """Say which licence a package names: as an expression, by its classifiers, or in its own words."""
    if expression := (about.get_all("License-Expression") or [""])[0]:
        return expression
    classified = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or [] if "License ::" in each]
    words = (about.get_all("License") or [""])[0].strip().partition("\n")[0]
    return ", ".join(classified) or words[:60] or KNOWN.get(str(about["Name"]).lower(), "not said")


def licence_rows(versions: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield package, version and licence; "not installed" where it is not, as on another system."""
    for name, version in versions.items():
        try:
            yield name, version, licence_of(metadata(name)).replace("|", "or")
        except PackageNotFoundError:
            yield name, version, "not installed here"


def licences() -> None:
    """Write docs/licences.md for the packages that are installed."""
    rows = sorted(licence_rows(pins()), key=lambda row: (not COPYLEFT.search(row[2]), row[0].lower()))
    with whole_file(LICENCES) as part:
        part.write_text(LICENCES_HEADER + "".join(f"| {' | '.join(row)} |\n" for row in rows), encoding="utf-8")


def sbom() -> None:
    """Write build/sbom.json, a CycloneDX bill of materials of the environment that runs this."""
    SBOM.parent.mkdir(exist_ok=True)
    command = [str(tool("cyclonedx-bom", "cyclonedx-py")), "environment", sys.executable, "--pyproject"]
    command += ["pyproject.toml", "--output-reproducible", "--of", "JSON", "-o", str(SBOM)]
    if subprocess.run(command, check=False).returncode:
        raise FacesiftError(f"{SBOM}: cyclonedx-py failed, as it says above")
    print(f"{SBOM}: written")


def audit() -> None:
    """Ask the data base of known flaws for the packages of the lock; where it does not answer, say so and go on."""
    command = [str(tool("pip-audit", "pip-audit")), "-r", str(LOCK), "--no-deps", "--disable-pip", "--timeout", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "not found on PyPI" in done.stdout or "ConnectionError" in done.stderr or "Traceback" in done.stderr:
        print("pip-audit: its data base does not answer here, nothing was checked")
        return
    print(done.stdout or done.stderr)
    sys.exit(done.returncode)


def main(what: Annotated[str, typer.Argument(help="hashes, licences, sbom or audit")]) -> None:
    """Write one of the lists, or look for known flaws."""
    {"hashes": write_hashes, "licences": licences, "sbom": sbom, "audit": audit}[what]()


if __name__ == "__main__":
    run_script(main)
