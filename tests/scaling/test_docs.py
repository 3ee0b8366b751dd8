"""docs/scaling.md: its commands run as written, in their order, and its plan prints what stands below it."""

import contextlib
import io

import pytest

from tests.pages import blocks
from tests.pipeline.conftest import create, tiny_study, write_faces


def test_plan_prints_what_stands_below_it():
    (plan,) = blocks("scaling.md", "python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(plan.text, {})  # noqa: S102  our own page
    assert blocks("scaling.md", "text")[-1].text == printed.getvalue()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The tiny study with a member of the name that the page uses, up to the member's plan."""
    pytest.importorskip("distributed", reason="pip install -e '.[dask]'")
    tree = tiny_study()
    tree["members"] = {"convnext1": tree["members"]["one"]}
    repository = create(tmp_path_factory.mktemp("docs"), tree, lambda raw: write_faces(raw / "tiny/faces.zip"))
    repository.run("dvc", "repro", "sample@convnext1")
    repository.run("git", "add", ".")
    repository.run("git", "commit", "-qm", "sampled")
    return repository


def test_commands_run_as_written(project):
    cluster, devices, torchrun = (block.text for block in blocks("scaling.md", "sh"))
    before = (project.folder / "data/manifest.parquet").read_bytes()
    said = project.run("bash", "-ec", cluster)
    assert "Running stage 'ingest'" in said
    assert (project.folder / "data/manifest.parquet").read_bytes() == before
    assert "convnext1 epoch 1/1" in project.run("bash", "-ec", devices)
    scores = project.folder / "data/scores/convnext1.parquet"
    first = scores.read_bytes()
    assert "convnext1 epoch 1/1" in project.run("bash", "-ec", torchrun)
    assert scores.read_bytes() == first
    assert project.repro("--single-item", "train@convnext1") == []
