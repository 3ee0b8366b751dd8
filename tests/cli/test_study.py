"""`facesift study` checks all first, then writes params.yaml, whole or not at all."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from facesift.cli.main import app
from facesift.config import weights
from facesift.config.compose import studies
from tests.made import ROOT


@pytest.fixture
def clone(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "params.yaml").write_text("as it was\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def study(*arguments):
    return CliRunner().invoke(app, ["study", *arguments])


def said(result):
    return str(result.exception) + result.output


def put(folder, *names):
    for name in names:
        (folder / "data/raw" / name).mkdir(parents=True)
        (folder / "data/raw" / name / "archive.zip").touch()


def test_studies_are_listed_with_a_line_each(clone):
    put(clone, "rff_celeba")
    lines = study().output.splitlines()
    assert [line.split()[0] for line in lines] == studies(ROOT / "conf")
    states = {line.split()[0]: line for line in lines}
    assert "drawn by the pipeline  The embedded default" in states["portraits"]
    assert "data there" in states["rff_celeba_best"]
    assert "data missing" in states["cifake"]


def test_study_is_written_with_its_settings(clone):
    put(clone, "rff_celeba")
    result = study("rff_celeba_fine_tuned", "members.focal.loss.gamma=3", "split.limit.real=1000")
    assert result.exit_code == 0, said(result)
    tree = yaml.safe_load((clone / "params.yaml").read_text())
    assert (tree["study"], tree["members"]["focal"]["loss"]["gamma"]) == ("rff_celeba_fine_tuned", 3)
    assert tree["split"]["limit"] == {"real": 1000}
    assert "params.yaml: study rff_celeba_fine_tuned" in result.output
    assert "Next: dvc repro" in result.output


def test_default_study_is_written_as_it_is_in_git(clone):
    assert study("portraits").exit_code == 0
    assert (clone / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


WRONG = {
    ("rff_celeba_bst",): "did you mean rff_celeba_best?",
    ("rff_celeba",): "celeba (Kaggle jessicali9530/celeba-dataset): the folder img_align_celeba/, all of whose images",
    ("folders",): "folders (your own images): a folder for each class (real, fake), also below train/, test/ or val/",
    ("deepfake_5class",): "the folder images/ with the images and the file train.csv with their labels",
    ("portraits", "sede=3"): "sede: unknown key; did you mean seed?",
    ("portraits", "vote.rule=loudest"): "vote.rule: Input should be",
    ("portraits", "vote.rul=soft"): "vote.rul: unknown key; did you mean vote.rule?",
    ("portraits", "members.plain.architecture.name=resnet18"): "did you mean timm:resnet18?",
    ("portraits", "study=folders"): "the study is portraits already",
    ("portraits", "+study=folders"): "the study is portraits already",
    ("portraits", "data=5"): "data: Input should be",
    ("portraits", "cross_test=null"): "cross_test: Input should be",
    (
        "portraits",
        "members=lenet",
    ): "study portraits changes the members convnext1, convnext2, convnext3",
    ("portraits", "stack.class_weights=[1]"): "`stack.class_weights`: 1 weights for 2 classes",
    ("portraits", "members.plain.loss.class_weights=[1,2,3]"): "`members.plain.loss.class_weights`: 3 weights",
    ("portraits", "members.plain.loss={name: [a]}"): "members.plain.loss",
    ("portraits", "data.raw=elsewhere"): "elsewhere: not there. Put into it, zipped or not:",
    ("portraits", "+cross_test.a={raw: other, sources: {a: {layout: rff}}}"): "other: not there",
}


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_error_says_what_is_wrong_and_leaves_the_parameters_as_they_were(clone, arguments):
    result = study(*arguments)
    assert result.exit_code == 1
    assert WRONG[arguments] in said(result)
    assert (clone / "params.yaml").read_text() == "as it was\n"
    assert [path.name for path in clone.iterdir() if path.name.startswith(".")] == []


def test_empty_data_folder_is_no_data(clone):
    (clone / "data/raw/folders").mkdir(parents=True)
    (clone / "data/raw/folders/.gitkeep").touch()
    assert "folders: empty. Put into it" in said(study("folders"))


def test_neither_dvc_nor_torch_is_loaded(clone):
    code = "import sys; from facesift.config.study import list_studies, write_study; list_studies(); "
    code += "write_study('portraits', ['stack.c=2']); print(sorted({'dvc', 'torch', 'timm'} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=clone, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("damage", [b"", b"[1]", b"\xff\xfe", b"a: [", b"member: {}"])
def test_a_damaged_base_of_the_values_is_named(clone, damage):
    (clone / "conf/base.yaml").write_bytes(damage)
    result = study("portraits")
    assert result.exit_code == 1
    assert "conf/base.yaml" in said(result)
    assert (clone / "params.yaml").read_text() == "as it was\n"


def put_faces(clone, real, fake):
    for label, number in {"real": real, "fake": fake}.items():
        folder = clone / "data/raw/folders" / label
        folder.mkdir(parents=True)
        for face in range(number):
            (folder / f"{face}.jpg").touch()


def test_a_ratio_that_the_files_have_already_is_refused_with_the_command_that_goes_on(clone):
    put_faces(clone, 60, 60)
    refused = study("folders", "seed=3")
    assert refused.exit_code == 1
    assert (clone / "params.yaml").read_text() == "as it was\n"
    assert "48 real images and 48 fakes" in said(refused)
    for part in ("convnext1 (smote: 1)", "convnext2 (smote: 0.4)", "convnext4 (smote: 0.1)", "NAME=folders_best"):
        assert part in said(refused)
    settings = said(refused).partition('SET="')[2].partition('"')[0].split()
    assert settings[0] == "seed=3"
    assert study("folders", *settings).exit_code == 0


def test_members_whose_ratio_is_higher_are_not_named(clone):
    put_faces(clone, 60, 12)
    refused = said(study("folders"))
    assert "convnext3 (smote: 0.1), convnext4 (smote: 0.1)" in refused
    assert "convnext2" not in refused


def test_files_are_counted_by_their_names(clone):
    put_faces(clone, 60, 3)
    assert "data/raw/folders: 3 fake, 60 real files by their names" in study("folders").output


def test_missing_weights_are_told_when_the_study_is_chosen(clone, monkeypatch):
    put_faces(clone, 60, 60)
    monkeypatch.setitem(weights.WEIGHTS, "clip", "no_such_package_of_weights")
    result = study("folders_best", "backbones.clip_b16.package=no_such_package_of_weights")
    assert result.exit_code == 0
    assert "backbones.clip_b16 needs the weights" in result.output
    assert "type `facesift weights clip`, or dvc repro will stop" in result.output
