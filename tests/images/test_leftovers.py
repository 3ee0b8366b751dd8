"""What file managers leave behind and what stands beside images is passed over and counted; a name hides no image."""

from collections import Counter

import pytest

from facesift.images.archives import list_files
from facesift.images.leftovers import leftover, sidecar
from facesift.images.paths import find_files
from tests.images.test_decoding import noise, stored

KINDS = {
    "__MACOSX/a/._1.jpg": "__MACOSX", "__MACOSX\\a\\1.jpg": "__MACOSX", "a/._1.jpg": "._*", "a\\._1.jpg": "._*",
    "a/Thumbs.db": "Thumbs.db", "a\\THUMBS.DB": "Thumbs.db", "desktop.ini": "desktop.ini", ".DS_Store": ".DS_Store",
    "a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg": "@eaDir", "1.jpg:Zone.Identifier": "*:Zone.Identifier",
    "1.jpg\uf03aZone.Identifier": "*:Zone.Identifier", "a/.ipynb_checkpoints/1-checkpoint.jpg": ".ipynb_checkpoints",
    "$RECYCLE.BIN/x.jpg": "$RECYCLE.BIN", ".git/config": ".git", ".gitignore": ".gitignore",
}  # fmt: skip


@pytest.mark.parametrize("path", KINDS)
def test_leftovers_are_known_by_their_names(path):
    assert leftover(path) == KINDS[path]


@pytest.mark.parametrize(
    "path", ["real/1.jpg", ".hidden.jpg", "a/.b/1.jpg", "real/macosx/1.jpg", "Thumbs.db.jpg", "zone.jpg"]
)
def test_other_files_are_none(path):
    assert leftover(path) is None


@pytest.mark.parametrize("path", ["1.xmp", "a/1.jpg.JSON", "a\\1.txt", "1.npy"])
def test_sidecars_are_known_by_their_endings(path):
    assert sidecar(path) == "*" + path.casefold()[path.rindex(".") :]


def test_leftovers_in_folders_are_counted_by_file(tmp_path):
    for path in (
        "real/1.jpg",
        "real/.hidden.jpg",
        "real/@eaDir/1.jpg/S.jpg",
        "real/@eaDir/1.jpg/M.jpg",
        "real/Thumbs.db",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    passed = Counter()
    assert [file.path for file in list_files(tmp_path, passed)] == ["real/.hidden.jpg", "real/1.jpg"]
    assert passed == {"@eaDir": 2, "Thumbs.db": 1}


def test_sidecars_beside_images_to_screen_are_counted(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"x")
    (tmp_path / "1.json").write_text("{}")
    passed = Counter()
    assert [found.path for found in find_files([tmp_path], passed=passed)] == [f"{tmp_path}/1.jpg"]
    assert passed == {"*.json": 1}


def test_an_image_that_is_called_like_a_sidecar_is_screened(tmp_path):
    (tmp_path / "1.txt").write_bytes(stored(noise()))
    assert [found.path for found in find_files([tmp_path])] == [f"{tmp_path}/1.txt"]


def test_a_sidecar_that_is_named_by_itself_is_screened(tmp_path):
    (tmp_path / "1.txt").write_bytes(b"x")
    assert [found.path for found in find_files([tmp_path / "1.txt"])] == [str(tmp_path / "1.txt")]
