"""`facesift forget` finds an image in everything that holds it, and removes it."""

import hashlib
import shutil
import zipfile

import h5py
import numpy as np
import polars as pl
import pytest
import yaml
from safetensors.numpy import save_file
from typer.testing import CliRunner

from facesift.cli.main import app
from facesift.core.checksum_file import check_checksum, write_checksum
from facesift.core.files import read_parquet, write_parquet
from facesift.privacy.holdings import find_holdings, holds
from tests.made_reviews import answer, write


def id_of(data):
    return hashlib.sha256(data).hexdigest()[:32]


FACE, OTHER = b"a face", b"another face"
ID, LEFT = id_of(FACE), id_of(OTHER)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small project that holds the image in a dozen places."""
    raw = tmp_path / "data/raw/folders"
    raw.mkdir(parents=True)
    (raw / "copy.png").write_bytes(FACE)
    (raw / "other.png").write_bytes(OTHER)
    with zipfile.ZipFile(raw / "a.zip", "w") as archive:
        archive.writestr("one/face.png", FACE)
        archive.writestr("other.png", OTHER)
    frame = pl.DataFrame({"image_id": [ID, LEFT], "group": [1, 1], "label": ["fake", "real"]})
    for name in ("manifest", "split", "decisions"):
        write_parquet(tmp_path / f"data/{name}.parquet", frame)
    write_parquet(tmp_path / "data/stack.parquet", frame.filter(image_id=LEFT))
    shard = tmp_path / "data/shards/train/00000.h5"
    shard.parent.mkdir(parents=True)
    with h5py.File(shard, "w") as file:
        file["image_id"] = np.array([ID.encode(), LEFT.encode()])
    (tmp_path / ".work/embed").mkdir(parents=True)
    save_file({"ids": np.frombuffer(bytes.fromhex(ID), np.uint8)}, tmp_path / ".work/embed/a.safetensors")
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/ingest.json").write_text(f'{{"disagreeing": ["{ID}"]}}')
    (tmp_path / "report").mkdir()
    (tmp_path / "report/index.html").write_text("pictures")
    for table in ("out.csv", "elsewhere/out.csv"):
        (tmp_path / table).parent.mkdir(exist_ok=True)
        (tmp_path / table).write_text(f"image,image_id\na.png,{ID}\nb.png,{LEFT}\n")
    (tmp_path / "log").mkdir()
    (tmp_path / "log/decisions-ab.jsonl").write_text(f'{{"image_id": "{ID}"}}\n{{"image_id": "{LEFT}"}}\n')
    write_checksum(tmp_path / "out.csv")
    for place in (".dvc/cache/files/md5", ".store/files/md5"):
        (tmp_path / place / "ab").mkdir(parents=True)
        shutil.copy(tmp_path / "data/manifest.parquet", tmp_path / place / "ab/cd")
        shutil.copy(raw / "a.zip", tmp_path / place / "ab/ef")
        (tmp_path / place / "ab/no").write_bytes(OTHER)
    (tmp_path / ".dvc/config").write_text("['remote \"store\"']\n    url = ../.store\n")
    stages = {
        "ingest": {"deps": ["data/raw/folders"], "outs": ["data/manifest.parquet"]},
        "split": {"deps": ["data/manifest.parquet"], "outs": ["data/split.parquet"]},
        "unrelated": {"deps": ["elsewhere"], "outs": ["more"]},
    }
    lock = {
        name: {kind: [{"path": path} for path in paths] for kind, paths in each.items()}
        for name, each in stages.items()
    }
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"stages": lock}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


HELD = {
    "data/raw/folders/copy.png": "raw", "data/raw/folders/a.zip": "raw", "data/manifest.parquet": "output",
    "data/split.parquet": "output", "data/decisions.parquet": "output", "data/shards/train/00000.h5": "output",
    ".work/embed/a.safetensors": "output", "metrics/ingest.json": "output", "report/index.html": "output",
    ".dvc/cache/files/md5/ab/cd": "cache", ".dvc/cache/files/md5/ab/ef": "cache",
    "out.csv": "table", "log/decisions-ab.jsonl": "table",
    ".store/files/md5/ab/cd": "remote", ".store/files/md5/ab/ef": "remote",
}  # fmt: skip


def call(*arguments):
    done = CliRunner().invoke(app, ["forget", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_everything_that_holds_an_image_is_listed(project):
    found = {each.path.resolve().relative_to(project).as_posix(): each.kind for each in find_holdings(project, ID)}
    assert found == HELD


def test_without_remove_nothing_is_changed(project):
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    code, said = call(ID, "--also", "elsewhere/out.csv")
    assert code == 0
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    for table in ("out.csv", "elsewhere/out.csv", "log/decisions-ab.jsonl"):
        assert f"\n{table}: a row of it" in said
    assert "looked into: data, metrics, report, .work, log, .dvc/cache/files/md5, tables in this folder" in said
    assert "elsewhere/out.csv, .dvc/../.store\n" in said
    assert "stop a service that writes to log" in said
    assert "it runs ingest, split." in said
    assert f"same group, perhaps of the same person: {LEFT}" in said
    assert "report/index.html: may show it" in said


def test_what_is_removed_is_found_nowhere_and_the_rest_stays(project):
    write(project / "data/reviews", answer(ID, "fake"), answer(LEFT, "real"))
    code, said = call(ID, "--remove", "--also", "elsewhere")
    assert code == 0
    assert {each.kind for each in find_holdings(project, ID)} == {"remote"}
    assert (project / "data/raw/folders/other.png").read_bytes() == OTHER
    with zipfile.ZipFile(project / "data/raw/folders/a.zip") as archive:
        assert archive.namelist() == ["other.png"]
        assert archive.read("other.png") == OTHER
    for table in ("out.csv", "elsewhere/out.csv"):
        assert (project / table).read_text() == f"image,image_id\nb.png,{LEFT}\n"
    assert (project / "log/decisions-ab.jsonl").read_text() == f'{{"image_id": "{LEFT}"}}\n'
    assert check_checksum(project / "out.csv")
    assert read_parquet(project / "data/stack.parquet")["image_id"].to_list() == [LEFT]
    text = (project / "data/reviews/anna.csv").read_text()
    assert LEFT in text
    assert ID not in text
    assert said.count("by hand: ") == 2
    assert "remote ../.store may hold it" in said


@pytest.mark.usefixtures("project")
def test_an_image_may_be_named_by_its_file():
    code, said = call("data/raw/folders/copy.png")
    assert code == 0
    assert f"held by {len(HELD)} files" in said


@pytest.mark.usefixtures("project")
def test_what_nothing_holds_is_said():
    assert "nothing there holds it" in call(id_of(b"nobody"))[1]


def test_a_wrong_name_is_a_mistake_with_a_remedy(project):
    code, said = call("face")
    assert code == 1
    assert "neither an id (32 hexadecimal digits, column image_id) nor a file" in said
    assert not holds(project / "data/stack.parquet", ID)
