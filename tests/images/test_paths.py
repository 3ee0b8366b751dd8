"""Which files the paths that a user names stand for."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import polars as pl
import pytest

from facesift.core.errors import FacesiftError
from facesift.images.paths import check_paths, find_files


def write(path, data=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_zip(path, names):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")


def names(*paths, listed=None):
    return [found.name for found in find_files(paths, listed)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "faces/b.jpg")
    write(tmp_path / "faces/deep/c.jpg")
    write(tmp_path / "faces/.git/d.jpg")
    write_zip(tmp_path / "faces/a.zip", ["z/2.jpg", "z/1.jpg", "__MACOSX/x.jpg"])
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_folder_stands_for_all_files_below_it_zips_opened():
    assert names("faces") == ["faces/a.zip!z/1.jpg", "faces/a.zip!z/2.jpg", "faces/b.jpg", "faces/deep/c.jpg"]


@pytest.mark.usefixtures("folder")
def test_a_zip_stands_for_all_files_in_it():
    found = list(find_files(["faces/a.zip"]))
    assert [(each.container, each.path) for each in found] == [("faces/a.zip", "z/1.jpg"), ("faces/a.zip", "z/2.jpg")]


def test_tars_and_parquet_files_stand_for_the_images_in_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with tarfile.open("a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("in/1.jpg"))
    pl.DataFrame({"image": [b"x", b"y"]}).write_parquet("b.parquet")
    pl.DataFrame({"image": ["x", "y"]}).write_parquet("table.parquet")
    inside = ["a.tar!in/1.jpg", "b.parquet!0", "b.parquet!1"]
    assert names("a.tar", "b.parquet", "table.parquet") == [*inside, "table.parquet"]
    assert names(".") == [*(f"./{name}" for name in inside), "./table.parquet"]


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_an_archive_without_a_file_is_a_row_with_a_reason(tmp_path, name):
    path = tmp_path / name
    zipfile.ZipFile(path, "w").close() if name == "a.zip" else tarfile.open(path, "w").close()
    assert [(found.path, found.reason) for found in find_files([path])] == [
        (str(path), "no file is in it, or none but what is passed over")
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("path", ["faces/b.jpg", "./faces/b.jpg", "faces/deep/../b.jpg"])
def test_a_file_is_named_as_the_user_wrote_it(path):
    assert names(path) == [path]


@pytest.mark.usefixtures("folder")
def test_a_folder_is_named_as_the_user_wrote_it():
    assert names("./faces/deep/") == ["./faces/deep/c.jpg"]


def test_an_absolute_path_stays_one(folder):
    assert names(folder / "faces/deep") == [str(folder / "faces/deep/c.jpg")]


@pytest.mark.usefixtures("folder")
def test_dash_reads_paths_one_a_line():
    listed = io.BytesIO(b"faces/b.jpg\n\nfaces/deep\r\nnowhere.jpg")
    assert names("-", listed=listed) == ["faces/b.jpg", "faces/deep/c.jpg", "nowhere.jpg"]


@pytest.mark.usefixtures("folder")
def test_listed_paths_are_read_one_at_a_time():
    listed = io.BytesIO(b"faces/b.jpg\nfaces/deep\n")
    next(find_files(["-"], listed))
    assert listed.readline() == b"faces/deep\n"


def test_a_damaged_zip_is_one_file_with_a_reason(folder):
    write(folder / "faces/bad.zip", b"PK no zip")
    (found,) = [each for each in find_files(["faces"]) if each.reason]
    assert found.name == "faces/bad.zip"
    assert found.reason.startswith("not a readable zip file")


@pytest.mark.usefixtures("folder")
def test_a_closed_folder_is_one_file_with_a_reason_and_the_others_are_found(monkeypatch):
    scandir = os.scandir

    def closed(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = {each.name: each.reason for each in find_files(["faces"])}
    assert found["faces/deep/"] == "folder cannot be read: Permission denied"
    assert not found["faces/b.jpg"]


def test_a_folder_that_holds_itself_ends(folder):
    (folder / "faces/deep/loop").symlink_to(folder / "faces")
    assert len(names("faces")) == 4


def test_names_take_one_line_of_valid_text(folder):
    write(Path(os.fsdecode(os.fsencode(folder) + b"/odd/a\xe9\nb.jpg")))
    (found,) = find_files(["odd"])
    assert found.name == "odd/a\\udce9\\x0ab.jpg"
    assert Path(found.path).exists()


@pytest.mark.usefixtures("folder")
def test_a_missing_path_is_named():
    with pytest.raises(FacesiftError, match=r"nowhere: no such file or folder"):
        check_paths(["-", "faces", "nowhere"])
