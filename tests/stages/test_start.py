"""The stages that compute little start quickly."""

import subprocess
import sys

from tests.made import ROOT

QUICK = ("export", "figures", "members", "operate", "report", "review", "sample", "summary", "vote")
HEAVY = {"torch", "sklearn", "scipy.stats", "scipy.optimize", "imblearn", "matplotlib", "onnxruntime", "dvc"}


def test_quick_stages_import_no_large_library():
    """Export and report import one when they need it: torch where nothing is kept, matplotlib for charts."""
    code = f"import sys\nimport {', '.join(f'stages.{name}' for name in QUICK)}\nprint(*{HEAVY!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == []
