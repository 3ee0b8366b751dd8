import subprocess
import sys

import polars as pl
import pytest

from facesift.core.errors import FacesiftError
from facesift.core.files import (
    read_csv,
    read_json,
    read_parquet,
    read_parquet_metadata,
    whole_file,
    whole_folder,
    write_csv,
    write_json,
    write_parquet,
)


def test_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "figures.json"
    write_json(path, {"recall": 1})
    with pytest.raises(RuntimeError, match="on purpose"), whole_file(path) as part:
        part.write_text("half")
        raise RuntimeError("on purpose")
    assert read_json(path) == {"recall": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["figures.json"]


def test_killed_write_leaves_nothing_that_looks_finished(tmp_path):
    code = """
import os, signal, sys
from pathlib import Path
from facesift.core.files import whole_file
with whole_file(Path(sys.argv[1])) as part:
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out.json")], check=False)
    assert done.returncode == -9
    assert not (tmp_path / "out.json").exists()


def test_failed_folder_leaves_the_old_folder(tmp_path):
    with whole_folder(tmp_path / "shards") as part:
        (part / "a").write_text("old")
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "shards") as part:
        (part / "a").write_text("new")
        raise RuntimeError
    assert (tmp_path / "shards" / "a").read_text() == "old"


def test_new_folder_replaces_all_of_the_old_one(tmp_path):
    for name in ("a", "b"):
        with whole_folder(tmp_path / "shards") as part:
            (part / name).touch()
    assert [entry.name for entry in (tmp_path / "shards").iterdir()] == ["b"]


def test_json_keys_are_sorted_and_floats_short(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1 / 3, "a": [2, None]})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": [\n    2,\n    null\n  ],\n  "b": 0.333333\n}\n'


@pytest.mark.parametrize(
    ("change", "to"), [('"a": 1', '"a": 2'), ('"a"', '"b"'), ('"sha256"', '"sha255"'), ('"a": 1,', "")]
)
def test_sealed_json_that_was_changed_is_refused(tmp_path, change, to):
    path = tmp_path / "calibration.json"
    write_json(path, {"a": 1, "floats": [1 / 3]}, sealed=True)
    assert read_json(path, sealed=True) == {"a": 1, "floats": [0.333333]}
    path.write_text(path.read_text().replace(change, to))
    with pytest.raises(FacesiftError, match=r"calibration\.json"):
        read_json(path, sealed=True)


def test_json_of_endless_depth_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(FacesiftError, match=r"a\.json: not valid JSON"):
        read_json(tmp_path / "a.json")


def test_json_refuses_a_figure_that_is_not_a_number(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"recall": float("nan")})


def test_parquet_keeps_metadata(tmp_path):
    write_parquet(tmp_path / "a.parquet", pl.DataFrame({"x": [1]}), {"weights_sha256": "ab"})
    assert read_parquet_metadata(tmp_path / "a.parquet")["weights_sha256"] == "ab"


def test_same_table_gives_the_same_bytes(tmp_path):
    frame = pl.DataFrame({"x": [1.5, 2.25], "y": ["a", "b"]})
    for name in range(20):
        write_parquet(tmp_path / str(name), frame, {"k": "v", "l": "w"})
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_csv_has_short_floats(tmp_path):
    write_csv(tmp_path / "a.csv", pl.DataFrame({"x": [1 / 3]}))
    assert (tmp_path / "a.csv").read_bytes() == b"x\n0.333333\n"


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FacesiftError, match=r"split\.parquet: not found; run `dvc repro`"):
        read_parquet(tmp_path / "split.parquet")


def test_file_that_is_no_parquet_is_named(tmp_path):
    (tmp_path / "split.parquet").write_text("nonsense")
    with pytest.raises(FacesiftError, match=r"split\.parquet: not a whole Parquet file"):
        read_parquet(tmp_path / "split.parquet")


@pytest.mark.parametrize("content", [None, "", "a,b\n1,2,3\n"])
def test_csv_that_is_missing_or_damaged_is_named(tmp_path, content):
    path = tmp_path / "roc.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(FacesiftError, match=r"roc\.csv: missing or no readable CSV file .*run `dvc repro`"):
        read_csv(path)


def test_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "vote.json").write_text("{")
    with pytest.raises(FacesiftError, match=r"vote\.json: not valid JSON"):
        read_json(tmp_path / "vote.json")
