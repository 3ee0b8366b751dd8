"""A table that differs by one byte from what was written is refused by name."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet, read_parquet_metadata, scan_parquet, write_parquet

TABLE = pl.DataFrame(
    {"image_id": [f"{number:032x}" for number in range(50)], "logit": [number / 7 for number in range(50)]}
)
READERS = {"read": read_parquet, "scan": scan_parquet, "metadata": read_parquet_metadata}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "scores.parquet"
    write_parquet(path, TABLE, {"weights_sha256": "ab" * 32})
    return path.read_bytes()


@given(place=st.integers(0, 2**30), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused(written, tmp_path_factory, place, bit):
    path = tmp_path_factory.mktemp("flipped") / "scores.parquet"
    damaged = bytearray(written)
    damaged[place % len(damaged)] ^= 1 << bit
    path.write_bytes(damaged)
    with pytest.raises(FacesiftError, match=r"scores\.parquet"):
        read_parquet(path)


@given(length=st.integers(0, 2**30))
def test_a_cut_table_is_refused(written, tmp_path_factory, length):
    path = tmp_path_factory.mktemp("cut") / "scores.parquet"
    path.write_bytes(written[: length % len(written)])
    with pytest.raises(FacesiftError, match=r"scores\.parquet"):
        read_parquet(path)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_every_reader_checks(written, tmp_path, reader):
    (tmp_path / "scores.parquet").write_bytes(written[:40] + bytes([written[40] ^ 1]) + written[41:])
    with pytest.raises(FacesiftError, match="damaged"):
        reader(tmp_path / "scores.parquet")


def test_a_table_of_another_program_is_refused(tmp_path):
    TABLE.write_parquet(tmp_path / "scores.parquet")
    with pytest.raises(FacesiftError, match="carries no SHA-256"):
        read_parquet(tmp_path / "scores.parquet")


def test_a_good_table_is_read(written, tmp_path):
    (tmp_path / "scores.parquet").write_bytes(written)
    assert read_parquet(tmp_path / "scores.parquet").equals(TABLE)
    assert read_parquet_metadata(tmp_path / "scores.parquet")["weights_sha256"] == "ab" * 32
