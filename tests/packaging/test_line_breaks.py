"""Stages depend on the bytes of code and parameters: no system may change their line breaks."""

import subprocess

from tests.made import ROOT


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_a_clone_with_autocrlf_has_the_bytes_of_the_commit():
    tracked = [line.split("\t") for line in git("-c", "core.autocrlf=true", "ls-files", "--eol").splitlines()]
    changed = [path for state, path in tracked if "text=auto" in state and "eol=lf" not in state]
    unsaid = [path for state, path in tracked if state.rstrip().endswith("attr/") and path != "facesift/py.typed"]
    assert (changed, unsaid) == ([], [])
    assert not [path for state, path in tracked if state.startswith(("i/crlf", "i/mixed"))]
