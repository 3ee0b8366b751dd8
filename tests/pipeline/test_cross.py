"""The trained committee on another data set, through the real `dvc`."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

REALS, FAKES = 30, 10
OTHER = {"elsewhere": {"raw": "other", "sources": {"there": {"layout": "rff"}}}}


def write_other(path, *, fakes=FAKES):
    """RFF's layout, patterns without any patch: what the committee has learned is of no help."""
    rng = np.random.default_rng(1)
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(REALS + fakes):
            broad = rng.integers(0, 150, (5, 5, 3), dtype=np.uint8)
            data = io.BytesIO()
            Image.fromarray(broad).resize((40, 40), Image.Resampling.NEAREST).save(data, "PNG")
            folder, name = ("fake", f"easy_{number}_1000") if number < fakes else ("real", f"real_{number}")
            archive.writestr(f"training_{folder}/{name}.png", data.getvalue())


@pytest.fixture(scope="module")
def elsewhere(reproduced, tmp_path_factory):
    """The tiny study, tried on another data set."""
    import shutil

    room = tmp_path_factory.mktemp("cross")
    (room / "home").mkdir()
    shutil.copytree(reproduced.folder, room / "project", symlinks=True)
    repository = type(reproduced)(room / "project")
    write_other(repository.folder / "data/raw/other/faces.zip")
    repository.change(lambda tree: tree.update(cross_test=OTHER))
    return repository, repository.repro()


def test_naming_another_data_set_runs_the_cross_test_alone(elsewhere):
    assert elsewhere[1] == ["cross@elsewhere"]


def test_all_images_of_the_other_data_set_are_scored(elsewhere):
    report = json.loads((elsewhere[0].folder / "metrics/cross/elsewhere.json").read_text())
    assert set(report["voters"]) == {"one", "two", "stacker"}
    for figures in report["voters"].values():
        assert (figures["fakes"], figures["reals"]) == (FAKES, REALS)


def test_cross_figures_are_those_of_the_members_on_those_pixels(elsewhere):
    from facesift.metrics import Confusion
    from facesift.training.weights import load_scorer

    folder = elsewhere[0].folder
    scorer, votes, labels = load_scorer(folder / "models/one.safetensors"), [], []
    with zipfile.ZipFile(folder / "data/raw/other/faces.zip") as archive:
        for name in archive.namelist():
            image = Image.open(io.BytesIO(archive.read(name))).resize((32, 32), Image.Resampling.BILINEAR)
            logits = scorer(np.array(image)[np.newaxis])[0]
            votes.append(int(logits[1] >= logits[0]))
            labels.append(int("fake" in name))
    expected = Confusion.of(np.array(labels), np.array(votes))
    found = json.loads((folder / "metrics/cross/elsewhere.json").read_text())["voters"]["one"]
    assert [found[key] for key in ("tp", "fp", "fn", "tn")] == [expected.tp, expected.fp, expected.fn, expected.tn]


def test_an_unknown_cross_test_is_named(elsewhere):
    output = elsewhere[0].run("python", "-m", "stages.cross", "nowhere", check=False)
    assert "cross_test.nowhere: no such data set in params.yaml; there are ['elsewhere']" in output
    assert "Traceback" not in output


def test_a_cross_test_without_positives_is_refused(elsewhere):
    repository = elsewhere[0]
    write_other(repository.folder / "data/raw/reals/faces.zip", fakes=0)
    repository.change(lambda tree: tree["cross_test"].update(reals=OTHER["elsewhere"] | {"raw": "reals"}))
    output = repository.run("python", "-m", "stages.cross", "reals", check=False)
    assert "data/raw/reals: no image of the positive class 'fake' (cross_test.reals)" in output
