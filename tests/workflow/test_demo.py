"""What `make demo` says of its figures beside those in git."""

import os
import platform
import subprocess
import sys

import pytest

from tests.made import ROOT
from workflow.demo import OVERRULING, PORTABLE, RESTORE, committed, compared

# As an old processor would compute: no AVX in ATen, oneDNN, MKL, OpenBLAS, NumPy and the C library.
OLD = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
}
GIT = {"auc": 0.9731, "caught": 0.9, "fakes": 115, "guarantee": "made"}


def test_equal_figures_are_said_to_be_those_in_git():
    assert compared(dict(GIT), GIT) == "All figures of metrics/summary.json are those in git."


def test_each_figure_that_differs_stands_beside_that_in_git_and_no_other():
    said = compared(GIT | {"caught": 0.9131, "guarantee": "none"}, GIT)
    assert "caught 0.913 (0.900), guarantee none (made)." in said
    assert "auc" not in said
    assert RESTORE in said


def test_without_figures_in_git_there_is_nothing_to_compare(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert committed(tmp_path / "summary.json") is None
    assert compared(GIT, None).startswith("Git holds no figures")


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="the arithmetic of x86-64 is pinned alone")
def test_the_demo_trains_the_same_digits_whatever_instructions_the_user_asked_for():
    asked = [([], OLD), (["pinned"], OLD), (["pinned"], {})]
    free, pinned_old, pinned = (run.communicate()[0] for run in [one_step(*each) for each in asked])
    assert pinned.strip()
    assert pinned_old == pinned
    if free == pinned:
        pytest.skip("these instructions compute the same here: nothing shows that the pinning works")


def one_step(arguments, asked):
    """A process that trains three steps where a user has set `asked`, and nothing else of its kind."""
    own = {name: value for name, value in os.environ.items() if name not in {*PORTABLE, *OVERRULING}}
    command = [sys.executable, "-m", "tests.workflow.one_step", *arguments]
    return subprocess.Popen(command, env=own | asked, cwd=ROOT, stdout=subprocess.PIPE, text=True)
