"""Files inside zips: those that lie, hide or come twice, and zips inside zips."""

import io
import struct
import tracemalloc
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facesift.core.errors import FacesiftError
from facesift.images.archives import list_files, read_bytes
from facesift.images.decoding import BadImage
from facesift.images.paths import find_files
from facesift.images.zips import list_entries

DEFLATED = zipfile.ZIP_DEFLATED
METHODS = {"stored": 0, "deflate": 8, "bzip2": 12, "lzma": 14}
NOISE = bytes(range(256)) * 40


def packed(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in entries:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, method  # as written: the constructor would change separators
            archive.writestr(info, data)
    return buffer.getvalue()


def put(folder: Path, *entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    path = folder / "a.zip"
    path.write_bytes(packed(list(entries), method))
    return path


def headers(path: Path, field: str, value: int, *, of: int | None = None) -> None:
    """Write a number into both headers of all entries, or of the one with the number `of`."""
    places = {"method": ("<H", 8, 10), "size": ("<I", 22, 24), "compressed": ("<I", 18, 20), "flags": ("<H", 6, 8)}
    form, local, central = places[field]
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", local), (b"PK\1\2", central)):
        at, number = data.find(mark), 0
        while at >= 0:
            if of in {None, number}:
                struct.pack_into(form, data, at + offset, value)
            at, number = data.find(mark, at + 4), number + 1
    path.write_bytes(data)


def why(folder: Path, name: str, max_bytes: int | None = 10**6) -> str:
    with pytest.raises(BadImage) as caught:
        read_bytes(folder, "a.zip", name, max_bytes)
    return caught.value.reason


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("data", [b"", b"x", NOISE], ids=["empty", "one", "more"])
def test_each_method_gives_the_bytes_that_were_packed(tmp_path, method, data):
    put(tmp_path, ("x", data), method=METHODS[method])
    assert read_bytes(tmp_path, "a.zip", "x", 10**6) == data


@pytest.mark.parametrize("method", [name for name in METHODS if name != "stored"])
def test_an_entry_that_lies_about_its_size_is_read_no_further(tmp_path, method):
    path = put(tmp_path, ("x", bytes(300_000_000)), method=METHODS[method])
    headers(path, "size", 500_000)
    tracemalloc.start()
    reason = why(tmp_path, "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reason == "damaged in its zip file: 500000 bytes expected, more found"
    assert peak < 20_000_000


def test_an_entry_with_less_than_it_says_is_bad(tmp_path):
    headers(put(tmp_path, ("x", NOISE), method=DEFLATED), "size", 20_000)
    assert why(tmp_path, "x") == "damaged in its zip file: 20000 bytes expected, 10240 found"


def test_what_shrank_as_no_photo_does_is_refused(tmp_path):
    put(tmp_path, ("x", bytes(5_000_000)), method=DEFLATED)
    assert why(tmp_path, "x", 10**8).endswith("in its zip file: no photo shrinks so much")


def test_a_zip_whose_entries_share_their_data_is_refused(tmp_path):
    path = put(tmp_path, ("x", NOISE), ("y", b""))
    headers(path, "compressed", len(NOISE), of=1)
    with pytest.raises(FacesiftError, match=r"a\.zip: not a readable zip file \(its entries overlap, as in a zip bomb"):
        list(list_files(tmp_path))


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (9, "compressed in its zip file with Deflate64, as Windows does with more than 2 GB, which is not read"),
        (93, "with Zstandard"), (98, "with PPMd"), (77, "with method 77"),
    ],
)  # fmt: skip
def test_a_method_that_is_not_read_is_named_with_its_remedy(tmp_path, method, words):
    headers(put(tmp_path, ("x", NOISE)), "method", method)
    assert words in why(tmp_path, "x")
    assert why(tmp_path, "x").endswith("unpack it, or pack it again with the usual method, Deflate")


@pytest.mark.parametrize("name", [".hidden.jpg", "a/.b/c.jpg", ".jpg", "..jpg"])
def test_a_dot_hides_no_image(tmp_path, name):
    put(tmp_path, (name, NOISE))
    assert list_entries(tmp_path / "a.zip") == [name]
    assert read_bytes(tmp_path, "a.zip", name) == NOISE


@pytest.mark.parametrize("name", ["../x.jpg", "real/../fake/x.jpg", "..\\x.jpg", "real/.."])
def test_a_name_that_leads_to_another_folder_is_listed_and_refused(tmp_path, name):
    put(tmp_path, (name, NOISE))
    assert list_entries(tmp_path / "a.zip") == [name]
    assert why(tmp_path, name).startswith("its name in the zip file leads to another folder (..)")


def test_of_two_entries_with_one_name_both_are_rows_to_screen(tmp_path):
    path = put(tmp_path, ("x.jpg", b"1"), ("y.jpg", b"2"), ("x.jpg", b"3"))
    assert [found.path for found in find_files([path])] == ["x.jpg", "x.jpg", "y.jpg"]
    assert why(tmp_path, "x.jpg").startswith("several files of its zip file have this name")


def test_folder_entries_and_leftovers_with_any_separator_are_counted(tmp_path):
    names = [
        "real\\",
        "fake/",
        "__MACOSX\\real\\._1.png",
        "real\\Thumbs.db",
        "real/.DS_Store",
        "real/1.png:Zone.Identifier",
    ]
    path, passed = (
        put(tmp_path, *((name, b"" if name[-1] in "\\/" else b"x") for name in names), ("real\\1.png", b"x")),
        Counter(),
    )
    assert list_entries(path, passed) == ["real\\1.png"]
    assert passed == {
        "folder entries of zips": 2, "__MACOSX": 1, "Thumbs.db": 1, ".DS_Store": 1, "*:Zone.Identifier": 1,
    }  # fmt: skip


def test_data_under_the_name_of_a_folder_are_no_folder(tmp_path):
    put(tmp_path, ("x.jpg/", NOISE))
    assert list_entries(tmp_path / "a.zip") == ["x.jpg/"]
    assert read_bytes(tmp_path, "a.zip", "x.jpg/") == NOISE


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, DEFLATED], ids=["stored", "deflated"])
def test_a_zip_in_a_zip_is_read(tmp_path, method):
    inner = packed([("real/1.png", NOISE), ("__MACOSX/x", b"")], DEFLATED)
    path, passed = put(tmp_path, ("set/real.zip", inner), ("2.png", b"2"), method=method), Counter()
    assert list_entries(path, passed) == ["2.png", "set/real.zip/real/1.png"]
    assert read_bytes(tmp_path, "a.zip", "set/real.zip/real/1.png", 10**6) == NOISE
    assert passed == {"__MACOSX": 1}


def test_files_of_a_zip_in_a_zip_are_rows_to_screen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, ("real.zip", packed([("1.png", NOISE)])))
    assert [found.name for found in find_files(["a.zip"])] == ["a.zip!real.zip/1.png"]


def test_a_folder_called_like_a_zip_is_a_folder(tmp_path):
    put(tmp_path, ("real.zip/1.png", NOISE))
    assert read_bytes(tmp_path, "a.zip", "real.zip/1.png") == NOISE


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (b"PK\3\4 half", "damaged: File is not a zip file"),
        (packed([("deep.zip", packed([("1.png", NOISE)]))]), "too deep"),
    ],
    ids=["damaged", "too_deep"],
)
def test_a_zip_in_a_zip_that_cannot_be_read_stops_ingest_by_name(tmp_path, inner, words):
    put(tmp_path, ("real.zip", inner), ("1.png", NOISE))
    with pytest.raises(FacesiftError, match=rf"a\.zip: real\.zip.*cannot be read \({words}\): unpack it"):
        list(list_files(tmp_path))


def test_a_zip_in_a_zip_that_cannot_be_read_is_one_row_to_screen(tmp_path):
    path = put(tmp_path, ("real.zip", b"PK\3\4 half"), ("1.png", NOISE))
    assert [found.path for found in find_files([path])] == ["1.png", "real.zip"]
    assert "cannot be read (damaged" in why(tmp_path, "real.zip")


def test_a_zip_in_a_zip_that_lies_about_its_size_is_refused(tmp_path):
    path = put(tmp_path, ("real.zip", packed([("1.png", bytes(50_000_000))])), method=DEFLATED)
    assert list_entries(path) == ["real.zip"]
    assert "no photo shrinks so much" in why(tmp_path, "real.zip")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), max_size=6),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=4),
    method=st.sampled_from(sorted(METHODS.values())),
)
def test_every_entry_of_any_zip_is_listed_counted_or_an_error(tmp_path, names, flips, method):
    data = bytearray(packed([(name, b"some bytes" * 9) for name in names], method))
    for place, flip in flips:
        data[int(place * (len(data) - 1))] ^= flip
    path, passed = tmp_path / "a.zip", Counter()
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    try:
        listed = list_entries(path, passed)
    except FacesiftError:
        return
    assert len(listed) + passed.total() == len(zipfile.ZipFile(path).infolist())
    for name in listed:
        try:
            assert len(read_bytes(tmp_path, "a.zip", name, 1000)) <= 1000
        except BadImage as error:
            assert error.reason  # noqa: PT017
