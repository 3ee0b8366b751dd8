"""Names, tables and archives that no one would write: a right result or a message, never a stack trace."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from facesift.config.data import Ingest
from facesift.core.errors import FacesiftError
from facesift.core.parallel import ONE_PROCESS
from facesift.datasets.examination import examine_files
from facesift.datasets.label_tables import make_layouts
from facesift.datasets.left_out import report_left_out, tell_left_out
from facesift.datasets.manifest import build_manifest
from facesift.datasets.source_files import count_files
from facesift.images.archives import LOOSE, RawFile
from facesift.images.formats import FORMATS
from facesift.labels.row_matching import TableRow, match_rows
from tests.made_config import Source

LIMITS = Ingest(max_bad_fraction=1, max_unmatched=9**9, max_pixels=10_000, max_bytes=100_000, formats=[*FORMATS])
QUICK = settings(
    max_examples=120, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
WORDS = st.sampled_from([
    "1", "2", "a.b", "é", "e\u0301", "├⌐", "A", "a", "images", "real", "fake", "..", ".", "", " ", "C:", "x.zip",
    "0_real", "\udce9", "ß", "\n", "\0", "con", "x" * 300, "=1+1", "%s", "{", "*", "[", "train", "test", "frames",
])  # fmt: skip
ENDINGS = st.sampled_from(["", ".png", ".PNG", ".jpg", ".jpeg", ".txt", ".json", ".csv", "."])
PATHS = st.builds(
    lambda parts, ending, mark, first: first + mark.join(parts) + ending,
    st.lists(WORDS, min_size=1, max_size=4), ENDINGS, st.sampled_from("/\\"), st.sampled_from(["", "./", "/", "C:\\"]),
)  # fmt: skip
LABELS = st.sampled_from(["real", "fake", "REAL", "0", "1", "", " real ", "other"])


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), (seed % 256, seed // 256, 9)).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, data)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def everything_ends_somewhere(raw: Path, **source: object) -> None:
    """Ingest a folder; each row of a table and each file is in a result, or one message names what is wrong."""
    try:
        layouts = make_layouts(raw, {"s": Source(**source)}, ("real", "fake"))
        found = count_files(raw, layouts)
        manifest = build_manifest(examine_files(raw, layouts, LIMITS, ONE_PROCESS, lambda _: None))
    except FacesiftError as error:
        assert str(error)  # noqa: PT017
        return
    named = manifest.images.height + manifest.exact_duplicates + manifest.quarantine.height
    assert named == found.recognised
    json.dumps(report_left_out(found)).encode()
    "\n".join(tell_left_out(found)).encode()
    found.left_out().write_csv(io.BytesIO())


@QUICK
@given(st.lists(PATHS, max_size=8), st.lists(PATHS, min_size=1, max_size=8), st.sampled_from([None, "images", "É"]))
def test_each_row_has_one_file_or_none(images: list[str], paths: list[str], folder: str | None):
    rows = [TableRow(image, "real", None, None, "t.csv") for image in images]
    try:
        found = match_rows(rows, list({RawFile(LOOSE, path) for path in paths}), folder)
    except FacesiftError as error:
        assert "t.csv" in str(error)  # noqa: PT017
        return
    assert sorted([row for each in found.rows.values() for row in each] + list(found.lost)) == sorted(rows)


@QUICK
@given(st.dictionaries(PATHS, st.integers(0, 9), min_size=1, max_size=8), st.sampled_from([zipped, tarred]))
def test_archives_with_any_names(tmp_path: Path, files: dict[str, int], pack):
    (tmp_path / "raw").mkdir(exist_ok=True)
    for old in (tmp_path / "raw").iterdir():
        old.unlink()
    try:
        data = pack({name: png(seed) for name, seed in files.items()})
    except (UnicodeEncodeError, ValueError):
        return  # not even a zip can hold such a name
    ending = "zip" if pack is zipped else "tar"
    (tmp_path / f"raw/fake.{ending}").write_bytes(data)
    everything_ends_somewhere(tmp_path / "raw", layout="class_folders", aliases={"real": ["0_*"]}, exclude=["**/x*/**"])


DIALECTS = st.tuples(
    st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r", "\r\n"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(['"', ""]),
)  # fmt: skip


@QUICK
@given(st.lists(st.tuples(PATHS, LABELS), max_size=8), DIALECTS)
def test_tables_with_any_rows(tmp_path: Path, rows: list[tuple[str, str]], dialect: tuple[str, str, str, str]):
    mark, end, encoding, quote = dialect
    folder = tmp_path / "raw/images"
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for number, name in enumerate(["1.png", "2.PNG", "é.jpg", "a.b.png", "A", "x/1.png"]):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(png(number))
    text = end.join(mark.join(f"{quote}{field}{quote}" for field in row) for row in [("id", "label"), *rows])
    (tmp_path / "raw/t.csv").write_bytes(text.encode(encoding, "replace"))
    everything_ends_somewhere(tmp_path / "raw", layout="csv", csv="t.csv", folder="images", aliases={"real": ["0"]})


HEADS = st.lists(
    st.sampled_from(["id", "label", "split", "Split", "", " ", "ID", "file_name", "\u200blabel"]), max_size=6
)
FIELDS = st.sampled_from(
    ["1", "1.0", "1,0", "D:1.png", "real", "fake", "train", "dev", "2", "", "PK\x03\x04", "\x1f\x8b"]
)


@QUICK
@given(HEADS, st.lists(st.lists(FIELDS, max_size=6), max_size=5), st.sampled_from(",;\t"))
def test_tables_with_any_columns(tmp_path: Path, head: list[str], rows: list[list[str]], mark: str):
    raw = tmp_path / "raw"
    raw.mkdir(exist_ok=True)
    for number, name in enumerate(["1.png", "01.png", "2.png"]):
        (raw / name).write_bytes(png(number))
    (raw / "t.csv").write_text("\n".join(mark.join(row) for row in [head, *rows]))
    everything_ends_somewhere(raw, layout="csv", csv="t.csv")


MEMBERS = st.dictionaries(
    st.sampled_from(
        ["1.png", "1.cls", "1.json", "1.CLS", "1.cls.txt", "2.png", "2.json", "a/1.png", "./1.cls", "1.7z"]
    ),
    st.sampled_from(
        ["real", "0", "", "null", '{"label": null}', '{"label": "real", "cls": 1}', "[", "\0" * 40, "\ufeffreal"]
    ),
    max_size=6,
)


@QUICK
@given(MEMBERS, st.sampled_from(["train-0.tar", "all.tar"]))
def test_samples_of_any_files(tmp_path: Path, members: dict[str, str], name: str):
    raw = tmp_path / "raw"
    raw.mkdir(exist_ok=True)
    for old in raw.iterdir():
        old.unlink()
    data = {each: png(1) if each.endswith("png") else text.encode() for each, text in members.items()}
    (raw / name).write_bytes(tarred(data))
    everything_ends_somewhere(raw, layout="webdataset", aliases={"real": ["0"], "fake": ["1"]})


NAMES = st.sampled_from(["label", "frames", "path", "train", "1.png", "images/2.PNG", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NAMES | LABELS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12,
)  # fmt: skip


@QUICK
@given(JSON, st.sampled_from(["t.json", "t.jsonl"]))
def test_json_of_any_shape(tmp_path: Path, value: object, name: str):
    raw = tmp_path / "raw"
    raw.mkdir(exist_ok=True)
    (raw / "1.png").write_bytes(png(1))
    (raw / name).write_text(json.dumps(value))
    everything_ends_somewhere(raw, layout="csv", csv=name, aliases={"real": ["0", "*"]})


@pytest.mark.parametrize("name", ["fake.tar", "a.parquet", "t.csv", "t.json", "t.parquet"])
@QUICK
@given(data=st.binary(max_size=300), cut=st.integers(0, 2000))
def test_any_bytes(tmp_path: Path, name: str, data: bytes, cut: int):
    raw = tmp_path / "raw"
    raw.mkdir(exist_ok=True)
    whole = (
        tarred({"1.png": png(1), "2.png": png(2)})
        if name == "fake.tar"
        else b"PAR1"
        if "parquet" in name
        else b"id,label\n"
    )
    (raw / name).write_bytes(whole[:cut] + data + whole[cut:])
    (raw / "1.png").write_bytes(png(1))
    layout = {"layout": "csv", "csv": name} if name.startswith("t.") else {"layout": "class_folders"}
    everything_ends_somewhere(raw, **layout)
