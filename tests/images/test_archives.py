import os
import zipfile
from pathlib import Path

import pytest

from facesift.core.errors import FacesiftError
from facesift.images import archives
from facesift.images.archives import RawFile, list_container, list_files, read_bytes, walk
from facesift.images.decoding import BadImage
from facesift.images.zips import open_zip


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def patch(path: Path, old: bytes, new: bytes) -> None:
    path.write_bytes(path.read_bytes().replace(old, new))


def encrypt_flag(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)


def why_bad(root: Path, container: str, path: str, **limits) -> str:
    with pytest.raises(BadImage) as caught:
        read_bytes(root, container, path, **limits)
    return caught.value.reason


def test_files_in_folders_and_zips_are_listed_in_order(tmp_path: Path):
    make_zip(tmp_path / "b" / "c.ZIP", {"y/2.jpg": b"2", "y/": b"", "x.jpg": b"1"})
    (tmp_path / "a.jpg").write_bytes(b"0")
    listed = [("." , "a.jpg"), ("b/c.ZIP", "x.jpg"), ("b/c.ZIP", "y/2.jpg")]  # fmt: skip
    assert list(list_files(tmp_path)) == [RawFile(*file) for file in listed]


@pytest.mark.parametrize("junk", ["__MACOSX/a.jpg", ".DS_Store", "x/Thumbs.db", "desktop.ini", "x/._a.jpg", ".git/a"])
def test_what_file_managers_leave_is_passed_over_in_a_zip(tmp_path: Path, junk: str):
    make_zip(tmp_path / "a.zip", {junk: b"1"})
    assert list(list_files(tmp_path)) == []


@pytest.mark.parametrize("junk", ["__MACOSX/a.jpg", ".DS_Store", "x/Thumbs.db", "desktop.ini", "x/._a.jpg", ".git/a"])
def test_what_file_managers_leave_is_passed_over_in_a_folder(tmp_path: Path, junk: str):
    (tmp_path / junk).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / junk).write_bytes(b"1")
    assert list(list_files(tmp_path)) == []


def test_a_folder_linked_into_itself_is_listed_once(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"1")
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a")
    assert list(list_files(tmp_path)) == [RawFile(".", "a/1.jpg")]


def test_a_linked_folder_is_entered(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.jpg").write_bytes(b"1")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "here").symlink_to(tmp_path / "elsewhere")
    assert list(list_files(tmp_path / "raw")) == [RawFile(".", "here/1.jpg")]


def test_each_of_two_files_with_one_name_in_a_zip_is_listed_and_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x", b"2")
    assert list(list_files(tmp_path)) == [RawFile("a.zip", "x")] * 2
    assert why_bad(tmp_path, "a.zip", "x").startswith("several files of its zip file have this name")


def test_bytes_come_from_a_loose_file(tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(b"loose")
    assert read_bytes(tmp_path, ".", "a.jpg") == b"loose"


def test_bytes_come_from_inside_a_zip(tmp_path: Path):
    make_zip(tmp_path / "d" / "a.zip", {"x/1.jpg": b"zipped"})
    assert read_bytes(tmp_path, "d/a.zip", "x/1.jpg") == b"zipped"


def test_a_zip_is_opened_once(tmp_path: Path):
    path = make_zip(tmp_path / "a.zip", {"x": b"1"})
    assert open_zip(path) is open_zip(path)


def test_a_rewritten_zip_is_read_afresh(tmp_path: Path):
    make_zip(tmp_path / "a.zip", {"x": b"1"})
    read_bytes(tmp_path, "a.zip", "x")
    make_zip(tmp_path / "a.zip", {"x": b"two"})
    assert read_bytes(tmp_path, "a.zip", "x") == b"two"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_opens_its_own_handle(tmp_path: Path):
    path = make_zip(tmp_path / "a.zip", {"x": b"1"})
    here, (read_end, write_end) = open_zip(path), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, b"same" if open_zip(path) is here else b"own")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read_end, 10) == b"own"


def test_a_damaged_zip_is_named(tmp_path: Path):
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 half a download")
    with pytest.raises(FacesiftError, match=r"broken\.zip: not a readable zip"):
        list(list_files(tmp_path))


def test_a_truncated_zip_is_named(tmp_path: Path):
    path = make_zip(tmp_path / "cut.zip", {"x": b"1" * 1000})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FacesiftError, match=r"cut\.zip"):
        list(list_files(tmp_path))


def test_a_wrong_checksum_is_bad(tmp_path: Path):
    path = make_zip(tmp_path / "a.zip", {"x": b"face face"})
    patch(path, b"face face", b"face fake")
    assert "Bad CRC-32" in why_bad(tmp_path, "a.zip", "x")


def test_an_encrypted_entry_is_bad(tmp_path: Path):
    encrypt_flag(make_zip(tmp_path / "a.zip", {"x": b"secret"}))
    assert why_bad(tmp_path, "a.zip", "x") == "encrypted in its zip file"


def test_an_entry_larger_than_allowed_is_bad(tmp_path: Path):
    make_zip(tmp_path / "a.zip", {"x": b"12345"})
    assert why_bad(tmp_path, "a.zip", "x", max_bytes=4) == "5 bytes, more than 4"


def test_a_loose_file_larger_than_allowed_is_bad(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"12345")
    assert why_bad(tmp_path, ".", "x", max_bytes=4) == "5 bytes, more than 4"


def test_a_loose_file_that_grows_while_it_is_read_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "x").write_bytes(b"12345")
    monkeypatch.setattr(archives, "check_size", lambda *_: (tmp_path / "x").write_bytes(b"123456"))
    assert why_bad(tmp_path, ".", "x") == "it grows while it is read"


def test_an_entry_that_is_gone_is_bad(tmp_path: Path):
    make_zip(tmp_path / "a.zip", {"x": b"1"})
    assert why_bad(tmp_path, "a.zip", "y") == "no longer in its zip file"


def test_a_file_that_is_gone_is_bad(tmp_path: Path):
    assert why_bad(tmp_path, ".", "y") == "cannot be read: No such file or directory"


def test_a_pipe_is_bad_instead_of_being_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    assert why_bad(tmp_path, ".", "pipe") == "not a regular file"


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.parquet"])
def test_a_pipe_named_like_an_archive_is_refused_instead_of_being_waited_for(tmp_path: Path, name: str):
    os.mkfifo(tmp_path / name)
    with pytest.raises(FacesiftError, match=rf"{name}: not a regular file; remove it"):
        list_container(tmp_path / name)


def test_an_archive_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_zip(tmp_path / "a.zip", {"x": b"1"})

    def closed(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(FacesiftError, match=r"a.zip: cannot be read: Permission denied"):
        list_container(tmp_path / "a.zip")


def test_a_link_to_itself_is_a_file_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"")
    assert list(walk(tmp_path)) == ["a.jpg", "b.jpg"]
    assert why_bad(tmp_path, ".", "a.jpg").startswith("cannot be read: Too many levels")
