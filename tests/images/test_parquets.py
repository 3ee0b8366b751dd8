from pathlib import Path

import polars as pl
import pytest

from facesift.core.errors import FacesiftError
from facesift.images.archives import RawFile, list_files, read_bytes
from facesift.images.decoding import BadImage

DATA = [b"one", b"two", None, b"four"]
HUGGING_FACE = pl.Struct({"bytes": pl.Binary, "path": pl.String})


def write(folder: Path, kind: str = "struct", name: str = "a.parquet") -> None:
    images = [data if kind == "binary" else {"bytes": data, "path": "x.jpg"} for data in DATA]
    schema = {"image": pl.Binary if kind == "binary" else HUGGING_FACE, "label": pl.Int64}
    pl.DataFrame({"image": images, "label": [0, 1, 0, 1]}, schema).write_parquet(folder / name, row_group_size=2)


@pytest.mark.parametrize("kind", ["struct", "binary"])
def test_each_row_with_an_image_is_a_file(tmp_path: Path, kind: str):
    write(tmp_path, kind)
    assert list(list_files(tmp_path)) == [RawFile("a.parquet", str(row)) for row in range(4)]
    assert [read_bytes(tmp_path, "a.parquet", row) for row in "013"] == [b"one", b"two", b"four"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2", "no image in its row"),
        ("4", "no longer in its"),
        ("-1", "no longer"),
        ("x", "no longer"),
        ("²", "no longer"),
    ],
)
def test_a_row_without_an_image_is_bad(tmp_path: Path, row: str, reason: str):
    write(tmp_path)
    with pytest.raises(BadImage, match=reason):
        read_bytes(tmp_path, "a.parquet", row)


def test_an_image_larger_than_allowed_is_bad(tmp_path: Path):
    write(tmp_path)
    with pytest.raises(BadImage, match="4 bytes, more than 3"):
        read_bytes(tmp_path, "a.parquet", "3", 3)


def test_a_table_without_images_is_a_file_itself(tmp_path: Path):
    pl.DataFrame({"id": ["1"], "label": ["real"]}).write_parquet(tmp_path / "labels.parquet")
    assert list(list_files(tmp_path)) == [RawFile(".", "labels.parquet")]


def test_a_rewritten_file_is_read_afresh(tmp_path: Path):
    write(tmp_path)
    read_bytes(tmp_path, "a.parquet", "0")
    pl.DataFrame({"image": [b"other bytes"]}).write_parquet(tmp_path / "a.parquet")
    assert read_bytes(tmp_path, "a.parquet", "0") == b"other bytes"


@pytest.mark.parametrize("part", [0, 4, 0.5, -8])
def test_a_damaged_file_is_named(tmp_path: Path, part: float):
    write(tmp_path)
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[: int(part * len(data)) if isinstance(part, float) else part])
    with pytest.raises(FacesiftError, match=r"a\.parquet: not a readable Parquet file"):
        list(list_files(tmp_path))
