"""The command line as a whole: version, quick help, and errors of every command in one form."""

import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from facesift.cli.main import app
from tests.made import ROOT

HEAVY = ("numpy", "polars", "pydantic", "torch", "onnxruntime", "starlette")
MISTAKES = {
    "results": ["results", "nowhere"],
    "drift": ["drift", "decisions.csv"],
    "review": ["review", "nowhere.csv"],
    "screen": ["screen", "nowhere"],
    "bench": ["bench"],
}


def test_the_version_is_that_of_the_package():
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"facesift {version('facesift')}\n")


def test_help_loads_no_heavy_package():
    code = f"import sys, facesift.cli.main; sys.exit(' '.join(name for name in {HEAVY} if name in sys.modules) or None)"
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_is_one_message_and_status_1_in_every_command(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, MISTAKES[command])
    assert done.exit_code == 1
    assert done.output.startswith("error: ")
    assert "Traceback" not in done.output
