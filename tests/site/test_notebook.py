"""The code of the notebook runs from the first cell to the last, on images and on features."""

import json
import shutil

import matplotlib as mpl
import pytest
import yaml

from tests.pages import DOCS

CELLS = [
    "".join(cell["source"])
    for cell in json.loads((DOCS / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    if cell["cell_type"] == "code"
]


@pytest.mark.parametrize("kind", ["images", "features"])
def test_the_cells_run_in_their_order(kind, request, tmp_path, monkeypatch, capsys):
    made = request.getfixturevalue("head_study" if kind == "features" else "study")
    shutil.copytree(made.sources.shards, tmp_path / "data/shards")
    if kind == "features":
        shutil.copytree(made.sources.features, tmp_path / "data/features")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"classes": ["real", "fake"], "positive": "fake"}))
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    names = {}
    for cell in CELLS:
        exec(cell, names)  # noqa: S102  our own page
    assert 0 <= names["auc"] <= 1
    assert "AUC with SMOTE" in capsys.readouterr().out
