"""What is no photo and lies among photos is called what it is, on one line."""

import io
import tarfile
import zipfile

import pytest

from facesift.core.errors import FacesiftError
from facesift.images.archives import list_files
from facesift.images.bad_image import damaged
from facesift.images.decoding import BadImage, open_image

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html>\n<html><title>Sign in</title></html>"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (POINTER, "a Git LFS pointer, not the file itself: type git lfs pull"),
        (b"/annex/objects/SHA256E-s1--0.jpg\n", "a git-annex pointer: type git annex get"),
        (b"../../.git/annex/objects/xW/Z1/SHA256E-s1--0.jpg", "a git-annex pointer: type git annex get"),
        (PAGE, "a web page, as failed downloads are: download it again"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "an SVG drawing, not a photo: export the photo as JPEG or PNG"),
        (bytes(5000), "nothing but zeros at its beginning, as after a broken copy: copy it again"),
        (b"Rar!\x1a\x07" + bytes(50), "an archive, not an image: unpack it"),
    ],
)
def test_a_file_that_stands_for_a_photo_is_named_with_the_remedy(data: bytes, words: str):
    with pytest.raises(BadImage) as caught:
        open_image(data, 10_000)
    assert caught.value.reason == words


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.parquet"])
@pytest.mark.parametrize(("data", "words"), [(POINTER, "git lfs pull"), (PAGE, "a web page"), (bytes(999), "zeros")])
def test_what_stands_for_an_archive_is_named_too(tmp_path, name: str, data: bytes, words: str):
    (tmp_path / name).write_bytes(data)
    if name == "a.tar" and not any(data):
        return  # nothing but zeros is a tar without a file
    with pytest.raises(FacesiftError, match=rf"{name}: .*{words}"):
        list(list_files(tmp_path))


def test_a_reason_has_one_line():
    assert damaged(ValueError("Invalid input:\n Unspecified\t(2.0)")).reason == (
        "damaged image: Invalid input: Unspecified (2.0)"
    )


def test_an_archive_without_a_file_is_told(tmp_path):
    for name in ("b.zip", "a/c.zip"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        zipfile.ZipFile(tmp_path / name, "w").close()
    with tarfile.open(fileobj=io.BytesIO(), mode="w") as archive:
        (tmp_path / "d.tar").write_bytes(archive.fileobj.getvalue() or bytes(10240))
    empty: list[str] = []
    assert list(list_files(tmp_path, empty=empty)) == []
    assert empty == ["a/c.zip", "b.zip", "d.tar"]
