"""The trained committee on another data set, through the real `dvc`."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, average_precision_score, precision_score, recall_score

from bench.toy_images import write_sources
from facesift.committee.stacking import load_stacker, stack_features
from facesift.config.evaluation import CrossTest
from facesift.config.params import load_params
from facesift.core.errors import FacesiftError
from facesift.images.decoding import to_square
from facesift.networks.weights import load_scorer
from stages.cross import main
from tests.made_config import whole

SOURCES = {"faces": whole({"data": {"sources": {"faces": {"layout": "rff"}}}})["data"]["sources"]["faces"]}
COUNTS = {"real": 50, "fake": 10}
CROSSED = "metrics/cross.json"


def add_cross_test(tree):
    tree["cross_test"] = {"other": {"raw": "other", "sources": SOURCES}}


@pytest.fixture(scope="module")
def crossed(reproduced, tmp_path_factory):
    """The tiny study with a cross test added after it was reproduced, and the stages that this ran."""
    repository = reproduced.copy(tmp_path_factory.mktemp("crossed"))
    write_sources(repository.folder / "data/raw/other", SOURCES, COUNTS)
    repository.change(add_cross_test)
    return repository, repository.repro()


def read_other(folder):
    """Pixels and labels of the other data set, without the pipeline."""
    with zipfile.ZipFile(folder / "data/raw/other/faces.zip") as archive:
        names = archive.namelist()
        pictures = [Image.open(io.BytesIO(archive.read(name))) for name in names]
        pixels = np.stack([to_square(picture, 32, "squish") for picture in pictures])
    return pixels.astype(np.float32), np.array(["training_fake" in name for name in names]).astype(int)


def test_new_cross_test_runs_itself_and_the_report_of_the_parameters(crossed):
    assert set(crossed[1]) == {"cross@other", "figures", "report"}


def test_cross_test_that_is_done_is_not_run_again(crossed):
    assert crossed[0].repro() == []


def test_every_image_of_the_other_set_is_decided(crossed):
    report = json.loads((crossed[0].folder / CROSSED).read_text())["other"]
    for name, figures in report["rules"].items():
        counted = sum(figures.get(key, 0) for key in ("tp", "fp", "fn", "tn", "reviewed"))
        assert counted == sum(COUNTS.values()), name
    for voter, figures in report["voters"].items():
        assert (figures["fakes"], figures["reals"]) == (COUNTS["fake"], COUNTS["real"]), voter


def test_cross_figures_are_those_of_the_networks_on_the_files(crossed):
    folder = crossed[0].folder
    pixels, labels = read_other(folder)
    members = ["one", "two"]
    logits = {name: load_scorer(folder / f"models/{name}.safetensors")(pixels) for name in members}
    stacker = load_stacker(folder / "models/stacker.safetensors", members, ("real", "fake"))
    logits["stacker"] = stacker.logits(stack_features([logits[name] for name in members]))
    report = json.loads((folder / CROSSED).read_text())["other"]
    assert set(report["voters"]) == set(logits)
    for voter, each in logits.items():
        votes = (each[:, 1] >= each[:, 0]).astype(int)
        found = report["voters"][voter]
        assert report["classes"][voter]["accuracy"] == pytest.approx(accuracy_score(labels, votes), abs=1e-6)
        assert found["recall"] == pytest.approx(recall_score(labels, votes), abs=1e-6)
        assert found["precision"] is None or found["precision"] == pytest.approx(
            precision_score(labels, votes), abs=1e-6
        )
        assert found["ap"] == pytest.approx(average_precision_score(labels, each[:, 1] - each[:, 0]), abs=1e-6)


def test_missing_other_set_is_named_without_a_stack_trace(crossed):
    repository = crossed[0]
    before = (repository.folder / "params.yaml").read_text()
    repository.change(lambda tree: tree["cross_test"].update(gone={"raw": "nowhere", "sources": SOURCES}))
    said = repository.run("dvc", "repro", "cross@gone", check=False)
    (repository.folder / "params.yaml").write_text(before)
    assert re.search(r"failed to reproduce 'cross@gone'.*data/raw/nowhere", said)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("elsewhere", r"cross_test\.elsewhere: no such data set in params\.yaml; there are \['other', 'gone'\]"),
        ("gone", r"data/raw/nowhere: no such folder"),
    ],
)
def test_stage_names_the_set_that_is_not_there(crossed, monkeypatch, name, message):
    monkeypatch.chdir(crossed[0].folder)
    params = load_params()
    gone = CrossTest(raw="nowhere", sources=params.cross_test["other"].sources)
    with pytest.raises(FacesiftError, match=message):
        main(params.model_copy(update={"cross_test": params.cross_test | {"gone": gone}}), name)


def test_taking_the_cross_test_out_leaves_no_figures_of_it(crossed):
    repository = crossed[0]
    before = (repository.folder / "params.yaml").read_text()
    repository.change(lambda tree: tree.update(cross_test={}))
    ran, figures = repository.repro(), json.loads((repository.folder / CROSSED).read_text())
    (repository.folder / "params.yaml").write_text(before)
    assert ran == ["figures"]  # the report from before comes out of the run cache
    assert figures == {}
