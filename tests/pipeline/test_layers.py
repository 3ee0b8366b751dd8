"""The library's wings import only wings above them, and nothing of DVC or the stages."""

import ast
from pathlib import Path

import pytest

from tests.made import ROOT

WINGS = (
    "core", "config", "images", "quality", "labels", "datasets", "inspection", "shards", "sampling", "networks",
    "training", "committee", "evaluation", "audit", "report", "bundle", "screening", "service", "review", "portraits",
    "privacy", "cli",
)  # fmt: skip
# The library's own `__init__` imports a name when it is first used (tests/packaging).
MODULES = sorted((ROOT / "facesift").glob("*/**/*.py"))


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_arrows_go_one_way(path):
    wing = path.relative_to(ROOT / "facesift").parts[0]
    below = WINGS[WINGS.index(wing) + 1 :] if wing in WINGS else WINGS
    forbidden = [f"facesift.{name}" for name in below] + ["stages", "dvc"]
    for name in imports(path):
        assert not any(name == taboo or name.startswith(f"{taboo}.") for taboo in forbidden), name


TORCHLESS = (
    "core.scores", "committee.rules", "committee.decision", "committee.calibration", "evaluation.reliability",
    "committee.operating_points", "committee.risk_guarantee", "screening.drift", "evaluation.prevalence",
    "review.server", "committee.threshold_selection", "screening.decision_explanation",
    "screening.committee", "screening.distributed", "screening.tables", "committee.cascade", "service.server",
)  # fmt: skip


@pytest.mark.parametrize("module", TORCHLESS)
def test_deciding_needs_no_torch(module):
    import subprocess
    import sys

    code = f"import sys, facesift.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
