"""Archives among the images: read, or an error that names them, wherever they are and whatever they are called."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from facesift.core.errors import FacesiftError
from facesift.datasets.label_tables import make_layouts
from facesift.datasets.left_out import check_classes
from facesift.datasets.lost_files import check_losses, count_losses
from tests.datasets.test_sources import LIMITS, lay, parquet, read, tarred, zipped
from tests.made_config import Source

SEVENZIP = b"7z\xbc\xaf\x27\x1c"
UNREAD = [
    "more.7z", "more.RAR", "more.part1.rar", "more.r01", "more.tar.gz", "more.tgz", "more.tar.zst", "more.zip.001",
    "more.z01", "more.zipx", "more.cab", "more.iso", "images.h5", "images.hdf5", "data.mdb", "train.tfrecord",
    "train.rec", "data-00000-of-00001.arrow",
]  # fmt: skip


@pytest.mark.parametrize("name", UNREAD)
def test_an_archive_in_a_class_folder_that_is_not_read_stops(tmp_path: Path, name: str):
    lay(tmp_path, {"real/1.png": 1, "fake/2.png": 2, f"fake/{name}": SEVENZIP})
    with pytest.raises(FacesiftError, match=rf"fake/{name}: an archive of a kind that is not read: .*s\.exclude"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("outer", "name"),
    [
        ("fake.zip", "more.tar"), ("fake.zip", "a/more.7z"), ("fake.zip", "rows.parquet"), ("fake.tar", "more.zip"),
        ("fake.tar", "more.tar"), ("fake.tar", "rows.parquet"),
    ],
)  # fmt: skip
def test_an_archive_in_an_archive_that_is_not_read_stops(tmp_path: Path, outer: str, name: str):
    pack = zipped if outer.endswith("zip") else tarred
    lay(tmp_path, {"real/1.png": 1, outer: pack({"1.png": 2, name: b"PAR1"})})
    with pytest.raises(FacesiftError, match=rf"{outer}/{name}: an archive of a kind that is not read"):
        read(tmp_path)


@pytest.mark.parametrize("source", [{"layout": "one_class", "label": "fake", "folder": "in"}, {"layout": "webdataset"}])
def test_archives_stop_in_every_layout(tmp_path: Path, source: dict[str, Any]):
    lay(tmp_path, {"in/1.png": 1, "in/1.cls": "fake", "in/more.7z": SEVENZIP})
    with pytest.raises(FacesiftError, match=r"in/more\.7z: an archive"):
        read(tmp_path, **source)


def test_an_archive_that_is_excluded_is_counted_and_an_image_with_its_ending_is_read(tmp_path: Path):
    lay(tmp_path, {"real/1.png": 1, "fake/clip.001": 2, "fake/old.7z": SEVENZIP})
    manifest, found = read(tmp_path, exclude=["*.7z"])
    assert sorted(manifest.images["path"]) == ["fake/clip.001", "real/1.png"]
    assert found.passed == {"exclude: *.7z": 1}


def test_a_download_that_is_not_finished_stops(tmp_path: Path):
    lay(tmp_path, {"real/1.png": 1, "fake.zip.crdownload": b"PK"})
    with pytest.raises(FacesiftError, match=r"fake\.zip\.crdownload: a download that is not finished"):
        read(tmp_path)


@pytest.mark.parametrize(
    "data",
    [SEVENZIP + bytes(99), zipped({"1.png": 1}), gzip.compress(b"x"), tarred({"1.png": 1}), b"\x89HDF\r\n\x1a\n"],
    ids=["7z", "zip", "gzip", "tar", "hdf5"],
)
def test_an_archive_under_another_name_stops_however_few_they_are(tmp_path: Path, data: bytes):
    lay(tmp_path, {"real/1.png": 1, "fake/photos": data, **{f"fake/{number}.png": number for number in range(2, 9)}})
    manifest, found = read(tmp_path)
    with pytest.raises(FacesiftError, match=r"1 file of the sources are archives .*fake/photos"):
        check_losses(count_losses(manifest.quarantine, found.by_class), manifest.quarantine, LIMITS)


def test_an_office_document_is_a_bad_file_and_no_archive(tmp_path: Path):
    lay(tmp_path, {"real/1.png": 1, "fake/2.png": 2, "fake/notes.docx": zipped({"[Content_Types].xml": "<x/>"})})
    manifest, found = read(tmp_path)
    assert manifest.quarantine["reason"].to_list() == [
        "an office document, not an image: export its pictures, or leave it out"
    ]
    check_losses(count_losses(manifest.quarantine, found.by_class), manifest.quarantine, LIMITS)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("fake.zip", zipped({})), ("fake.zip", zipped({"fake/": b"", "__MACOSX/1": b"x"})), ("fake.tar", tarred({})),
        ("fake/more.zip", zipped({})), ("all.zip", zipped({"1.txt": "x", "fake.zip": zipped({})})),
    ],
)  # fmt: skip
def test_an_archive_without_a_file_is_named(tmp_path: Path, name: str, data: bytes):
    lay(tmp_path, {"real/1.png": 1, "fake/2.png": 2, name: data})
    with pytest.raises(FacesiftError, match=rf"{name}.*no file is in it"):
        read(tmp_path)


def test_a_parquet_file_without_rows_is_named(tmp_path: Path):
    parquet(tmp_path / "test-0.parquet", [])
    parquet(tmp_path / "train-0.parquet", ["real", "fake"])
    with pytest.raises(FacesiftError, match=r"test-0\.parquet: no file is in it"):
        read(tmp_path, layout="parquet")


def classes_of(raw: Path, **source: Any) -> None:
    layouts = make_layouts(raw, {"s": Source(**({"layout": "class_folders"} | source))}, ("real", "fake"))
    check_classes(raw, layouts, read(raw, **source)[1].by_class)


def test_a_class_without_an_image_is_named(tmp_path: Path):
    lay(tmp_path, {"real/1.png": 1, "fakes/2.png": 2, "fake/3.txt": "x"})
    with pytest.raises(
        FacesiftError, match=r"no image of the class fake\. Looked for folders real and fake .*sources\.s"
    ):
        classes_of(tmp_path)
    classes_of(tmp_path, aliases={"fake": ["fakes"]})


def test_a_source_without_labels_may_have_images_of_any_class(tmp_path: Path):
    lay(tmp_path, {"new/1.png": 1})
    classes_of(tmp_path, layout="reviewed", folder="new")
