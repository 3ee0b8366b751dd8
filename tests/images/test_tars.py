import io
import tarfile
from pathlib import Path

import pytest

from facesift.core.errors import FacesiftError
from facesift.images.archives import RawFile, list_files, read_bytes
from facesift.images.decoding import BadImage
from facesift.images.tars import list_members


def entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def make_tar(path: Path, files: dict[str, bytes], *others: tarfile.TarInfo, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            archive.addfile(entry(name, len(data)), io.BytesIO(data))
        for other in others:
            archive.addfile(other)
    return path


def why_bad(root: Path, name: str, max_bytes: int | None = None) -> str:
    with pytest.raises(BadImage) as caught:
        read_bytes(root, "a.tar", name, max_bytes)
    return caught.value.reason


def test_files_in_a_tar_are_listed_and_read(tmp_path: Path):
    make_tar(
        tmp_path / "a.tar", {"b/2.jpg": b"two", "1.jpg": b"one", "é.jpg": b"three"}, entry("b", kind=tarfile.DIRTYPE)
    )
    assert list(list_files(tmp_path)) == [RawFile("a.tar", name) for name in ("1.jpg", "b/2.jpg", "é.jpg")]
    assert [read_bytes(tmp_path, "a.tar", name) for name in ("1.jpg", "b/2.jpg", "é.jpg")] == [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (entry("x", kind=tarfile.SYMTYPE, link="/etc/passwd"), "a link"),
        (entry("x", kind=tarfile.LNKTYPE, link="1.jpg"), "a link"),
        (entry("x", kind=tarfile.CHRTYPE), "a link, a device"),
        (entry("../x"), "leads to another folder"),
        (entry("a/../../x"), "leads to another folder"),
        (entry("1.jpg"), "several files of its tar file have this name"),
    ],
)
def test_a_hostile_entry_is_listed_and_refused_by_name(tmp_path: Path, other: tarfile.TarInfo, reason: str):
    make_tar(tmp_path / "a.tar", {"1.jpg": b"one"}, other)
    assert RawFile("a.tar", other.name) in list(list_files(tmp_path))
    assert reason in why_bad(tmp_path, other.name)


def test_a_file_larger_than_allowed_is_bad(tmp_path: Path):
    make_tar(tmp_path / "a.tar", {"1.jpg": b"12345"})
    assert why_bad(tmp_path, "1.jpg", 4) == "5 bytes, more than 4"


def test_leftovers_are_passed_over(tmp_path: Path):
    make_tar(tmp_path / "a.tar", {"real/._1.jpg": b"x", "real/1.jpg": b"y"})
    assert [file.path for file in list_files(tmp_path)] == ["real/1.jpg"]


@pytest.mark.parametrize("cut", [100, 600, 1100])
def test_a_cut_or_foreign_tar_is_named(tmp_path: Path, cut: int):
    path = make_tar(tmp_path / "a.tar", {"1.jpg": b"1" * 900, "2.jpg": b"2" * 900})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FacesiftError, match=r"a\.tar: not a readable tar file"):
        list_members(path)


def test_a_compressed_tar_under_the_name_of_a_plain_one_is_named(tmp_path: Path):
    make_tar(tmp_path / "a.tar", {"1.jpg": b"one"}, mode="w:gz")
    with pytest.raises(FacesiftError, match="without compression"):
        list_members(tmp_path / "a.tar")


def test_headers_of_headers_without_end_are_named(tmp_path: Path):
    block = entry("x", 1, kind=tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.GNU_FORMAT) + b"y".ljust(512, b"\0")
    (tmp_path / "a.tar").write_bytes(block * 3000)
    with pytest.raises(FacesiftError, match=r"a\.tar: not a readable tar file"):
        list_members(tmp_path / "a.tar")


def test_memory_does_not_grow_with_the_size_of_the_files(tmp_path: Path):
    import tracemalloc

    make_tar(tmp_path / "a.tar", {f"{number}.jpg": bytes(400_000) for number in range(40)})
    tracemalloc.start()
    for file in list_files(tmp_path):
        read_bytes(tmp_path, *file)
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()
