"""Label tables and samples as spreadsheets and programs leave them: the right label, or a message that names them."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from facesift.core.errors import FacesiftError
from facesift.datasets.left_out import check_rows
from tests.datasets.test_sources import ALIASES, LIMITS, labels, lay, picture, read, tarred, zipped

TABLE = {"layout": "csv", "csv": "t.csv"}
WEB = {"layout": "webdataset", "aliases": ALIASES}


def tables(tmp_path: Path, text: str | bytes, *images: str) -> dict[str, str]:
    lay(tmp_path, {"t.csv": text, **{name: number for number, name in enumerate(images)}})
    return {name.removeprefix("./"): label for name, label in labels(tmp_path, **TABLE).items()}


@pytest.mark.parametrize("row", ["1.0", "1.00", '"1,0"', "1"])
@pytest.mark.parametrize("image", ["1.png", "images/1.png", "0001.png"])
def test_a_name_that_a_spreadsheet_took_for_a_number_means_the_file_of_that_number(tmp_path, row, image):
    assert tables(tmp_path, f"id,label\n{row},fake\n", image, "images/2.png") == {image: "fake"}


def test_a_number_is_looked_for_in_the_folder_of_its_row(tmp_path: Path):
    assert tables(tmp_path, "id,label\nv1/1,real\nv2/1.0,fake\n", "v1/0001.png", "v2/0001.png") == {
        "v1/0001.png": "real", "v2/0001.png": "fake",
    }  # fmt: skip


def test_an_exact_name_goes_before_a_number(tmp_path: Path):
    assert tables(tmp_path, "id,label\n1,fake\n1.0,real\n", "a/001.png", "b/1.png", "1.0.png") == {
        "b/1.png": "fake", "1.0.png": "real",
    }  # fmt: skip


def test_a_number_that_could_mean_two_files_is_refused(tmp_path: Path):
    with pytest.raises(FacesiftError, match=r"1 rows fit several files.*\n  1\.0: "):
        tables(tmp_path, "id,label\n1.0,fake\n", "01.png", "001.png")


def test_two_rows_that_are_one_number_are_refused(tmp_path: Path):
    with pytest.raises(FacesiftError, match=r"'1', '1\.0' all seem to mean 001\.png"):
        tables(tmp_path, "id,label\n1,fake\n1.0,real\n", "001.png")


def test_long_numbers_that_a_spreadsheet_shortened_are_named_with_the_remedy(tmp_path: Path):
    lay(tmp_path, {"t.csv": "id,label\n1.23457E+11,fake\n2,real\n", "123456789012.png": 1, "2.png": 2})
    with pytest.raises(FacesiftError, match=r"1\.23457E\+11.*a spreadsheet has shortened the names"):
        check_rows(read(tmp_path, **TABLE)[1], LIMITS)


@pytest.mark.parametrize("text", ["id,label\n", "id,label\n,\n\n", "id;label"])
def test_a_table_without_rows_is_named(tmp_path: Path, text: str):
    with pytest.raises(FacesiftError, match=r"t\.csv: a table without rows"):
        tables(tmp_path, text, "1.png")


def test_a_table_whose_rows_name_no_file_is_told_with_a_row_and_a_file(tmp_path: Path):
    with pytest.raises(
        FacesiftError, match=r"2 other files, for example \.:a\.png; none of the 3 rows of t\.csv .* such as 'x1'"
    ):
        tables(tmp_path, "id,label\nx1,real\nx2,fake\nx3,fake\n", "a.png", "b.png")


@pytest.mark.parametrize("head", ["id,label,,", ",id,label", ",id,,label,,,", "id,label,\t"])
def test_columns_without_a_name_are_passed_over(tmp_path: Path, head: str):
    row = ",".join({"id": "1", "label": "fake"}.get(name, "") for name in head.split(","))
    assert tables(tmp_path, f"{head}\n{row}\n", "1.png") == {"1.png": "fake"}


def test_values_behind_the_last_named_column_are_refused(tmp_path: Path):
    with pytest.raises(FacesiftError, match="line 2 has 4 fields, the header 2"):
        tables(tmp_path, "id,label,,\n1,fake,,sure\n", "1.png")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (zipped({"[Content_Types].xml": "<x/>"}), "an Excel workbook.*CSV UTF-8"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}), "LibreOffice.*CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "an old Excel workbook"),
        (zipped({"t.csv": "id,label\n1,real\n"}), "a zip archive"),
        (gzip.compress(b"id,label\n1,real\n", mtime=0), "compressed"),
        (b"PAR1" + bytes(99), r"its name must end in \.parquet"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"{\\rtf1\\ansi", "RTF"),
        (b"SQLite format 3\0" + bytes(99), "a database"),
        (bytes(500), "nothing but zeros"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["t.csv", "t.json"])
def test_a_table_that_is_something_else_is_named_as_that(tmp_path: Path, name: str, data: bytes, words: str):
    lay(tmp_path, {name: data, "1.png": 1})
    with pytest.raises(FacesiftError, match=rf"{name}: .*{words}"):
        read(tmp_path, layout="csv", csv=name)


def test_a_parquet_table_that_is_a_pointer_is_named_as_that(tmp_path: Path):
    lay(tmp_path, {"t.parquet": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "1.png": 1})
    with pytest.raises(FacesiftError, match=r"t\.parquet: .*git lfs pull"):
        read(tmp_path, layout="csv", csv="t.parquet")


def folds(raw: Path, **source: Any) -> dict[str, str | None]:
    return dict(read(raw, **source)[0].images.select("path", "fold").rows())


@pytest.mark.parametrize("head", ["split", "Split", " SPLIT "])
def test_a_column_of_splits_in_any_case_is_read(tmp_path: Path, head: str):
    text = f"id,label,{head}\n1,real,Train\n2,fake,DEV\n3,real,testing \n4,fake,\n"
    lay(tmp_path, {"t.csv": text, **{f"{number}.png": number for number in range(1, 5)}})
    assert folds(tmp_path, **TABLE) == {"1.png": "train", "2.png": "val", "3.png": "test", "4.png": None}


@pytest.mark.parametrize("word", ["evaluation", "2", "holdout"])
@pytest.mark.parametrize("name", ["t.csv", "t.json"])
def test_another_word_for_a_split_is_refused(tmp_path: Path, name: str, word: str):
    table = json.dumps([{"id": "1", "label": "real", "split": word}])
    lay(tmp_path, {name: table if name == "t.json" else f"id,label,split\n1,real,{word}\n", "1.png": 1})
    with pytest.raises(FacesiftError, match=rf"{name}: .*split is '{word}', which is none of train, val"):
        read(tmp_path, layout="csv", csv=name)


@pytest.mark.parametrize("row", ["D:images\\1.png", "d:images\\1.png", "\\\\server\\share\\images\\1.png", "images\\1"])
def test_paths_of_windows_find_their_file(tmp_path: Path, row: str):
    assert tables(tmp_path, f"id,label\n{row},fake\n", "images/1.png", "other/1.png") == {"images/1.png": "fake"}


def test_a_column_of_splits_in_a_parquet_file_is_read_or_refused(tmp_path: Path):
    table = pl.DataFrame({"image": [picture(1), picture(2)], "label": ["real", "fake"], "Split": ["Test", ""]})
    table.write_parquet(tmp_path / "train-0.parquet")
    assert folds(tmp_path, layout="parquet") == {"0": "test", "1": "train"}
    table.with_columns(Split=pl.lit("holdout")).write_parquet(tmp_path / "train-0.parquet")
    with pytest.raises(FacesiftError, match=r"train-0\.parquet: row 0: split is 'holdout', which is none of train"):
        folds(tmp_path, layout="parquet")


def garbled(names: dict[str, Any], encoding: str) -> bytes:
    """Make a zip whose names are in an encoding that it does not tell."""
    stand_ins = {chr(ord("A") + number) * len(name.encode(encoding)): name for number, name in enumerate(names)}
    data = zipped({short: names[name] for short, name in stand_ins.items()})
    for short, name in stand_ins.items():
        data = data.replace(short.encode(), name.encode(encoding))
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    return data


@pytest.mark.parametrize("encoding", ["utf-8", "cp850", "cp1252"])
def test_class_folders_whose_accents_a_zip_garbled_are_found(tmp_path: Path, encoding: str):
    names = {
        "données/réel/photo-number-1.png": 1,
        "données/truqué/photo-number-2.png": 2,
        "données/Masqué/no-photo.png": 3,
    }
    lay(tmp_path, {"a.zip": garbled(names, encoding)})
    manifest, found = read(tmp_path, aliases={"real": ["réel"], "fake": ["truqu\u00e9"]}, exclude=["**/masqué/**"])
    assert sorted(manifest.images["label"]) == ["fake", "real"]
    assert found.passed == {"exclude: **/masqué/**": 1}
    one = {"layout": "one_class", "label": "fake", "folder": "truqué"}
    assert read(tmp_path, **one)[0].images["label"].to_list() == ["fake"]


def test_names_that_were_garbled_on_the_disk_are_found(tmp_path: Path):
    twice = "réel".encode().decode("latin-1")
    lay(tmp_path, {f"{twice}/1.png": 1, "fake/2.png": 2})
    assert labels(tmp_path, aliases={"real": ["réel"]}) == {f"./{twice}/1.png": "real", "./fake/2.png": "fake"}


def test_a_table_with_accents_in_a_zip_is_found(tmp_path: Path):
    files = {"étiquettes-de-nos-données.csv": b"id,label\n1,real\n", "données/1.png": 1}
    lay(tmp_path, {"a.zip": garbled(files, "cp850")})
    assert list(labels(tmp_path, layout="csv", csv="étiquettes*.csv", folder="données").values()) == ["real"]


@pytest.mark.parametrize("name", ["real ", " Real", "real\u00a0", "re\u200bal", "real\u200e"])
def test_blanks_and_unseen_marks_in_a_class_folder_do_not_matter(tmp_path: Path, name: str):
    lay(tmp_path, {f"train /{name}/1.png": 1, "fake/2.png": 2})
    images = read(tmp_path)[0].images.select("label", "fold").rows()
    assert sorted(images, key=str) == [("fake", None), ("real", "train")]


def test_a_sample_whose_labels_disagree_is_refused(tmp_path: Path):
    lay(tmp_path, {"a.tar": tarred({"1.png": 1, "1.cls": "0", "1.json": '{"label": "fake"}'})})
    with pytest.raises(FacesiftError, match=r"labels disagree: 1\.cls says real, 1\.json \(label\) says fake"):
        read(tmp_path, **WEB)
    lay(tmp_path, {"a.tar": tarred({"1.png": 1, "1.json": '{"label": 0, "cls": 1}'})})
    with pytest.raises(FacesiftError, match=r"labels disagree"):
        read(tmp_path, **WEB)


def test_a_sample_whose_labels_agree_in_other_words_is_read(tmp_path: Path):
    more = {
        "1.png": 1,
        "1.cls": "1",
        "1.json": '{"label": "fake", "cls": 1.0, "caption": "x"}',
        "2.png": 2,
        "2.cls": "0",
    }
    lay(tmp_path, {"a.tar": tarred({**more, "2.json": "no JSON at all"})})
    assert labels(tmp_path, **WEB) == {"a.tar/1.png": "fake", "a.tar/2.png": "real"}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"1.json": '{"label": null}'}, r"1\.json \(label\) is null"),
        ({"1.json": '{"label": null, "cls": 1}'}, r"1\.json \(label\) is null"),
        ({"1.json": "null"}, "gives no label"), ({"1.json": '{"caption": 1}'}, "gives no label"),
        ({"1.cls": " \n"}, "gives no label"),
        ({"1.cls": "1", "1.json": '{"label": ""}'}, r"1\.json \(label\) is null or empty"),
    ],
)  # fmt: skip
def test_a_sample_without_a_label_is_refused(tmp_path: Path, files: dict[str, str], words: str):
    lay(tmp_path, {"a.tar": tarred({"1.png": 1, **files})})
    with pytest.raises(FacesiftError, match=rf"a\.tar:1: .*{words}"):
        read(tmp_path, layout="webdataset", aliases={"real": ["*"]})


def test_the_names_of_tars_give_the_splits_of_their_samples(tmp_path: Path):
    for number, name in enumerate(["train-000000", "val_00", "faces-TEST-1", "more"]):
        lay(tmp_path, {f"{name}.tar": tarred({f"{number}.png": number, f"{number}.cls": "0"})})
    lay(tmp_path, {"test-9.tar": tarred({"9.png": 9, "9.json": '{"label": 1, "split": "train"}'})})
    assert folds(tmp_path, **WEB) == {
        "0.png": "train", "1.png": "val", "2.png": "test", "3.png": None, "9.png": "train",
    }  # fmt: skip


@pytest.mark.parametrize(
    "row", ["https://example.org/images/1.png?size=9#x", "file:///C:/me/images/1.png", "s3://b/a%20b/images/1.png"]
)
def test_addresses_find_the_file_of_their_path(tmp_path: Path, row: str):
    assert tables(tmp_path, f"id,label\n{row},fake\n", "images/1.png", "other/1.png") == {"images/1.png": "fake"}


def test_a_number_with_a_thousands_mark_is_not_its_first_digit(tmp_path: Path):
    lay(tmp_path, {"t.csv": "id,label\n1.000,fake\n2,real\n", "1.png": 1, "2.png": 2})
    assert read(tmp_path, **TABLE)[1].lost["s"][0].image == "1.000"


@pytest.mark.parametrize("text", ["1.png,real\n2.png,fake\n", "images/1.png 0\nimages/2.png 1\n"])
def test_a_table_without_names_of_columns_is_named_with_the_remedy(tmp_path: Path, text: str):
    with pytest.raises(FacesiftError, match="its first line names an image: put a line with the names of the columns"):
        tables(tmp_path, text, "1.png")


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
@pytest.mark.parametrize("lines", [True, False])
def test_json_and_json_lines_are_told_apart_by_what_is_in_them(tmp_path: Path, name: str, *, lines: bool):
    rows = [{"path": "1.png", "label": "real"}, {"path": "2.png", "label": "fake"}]
    text = "".join(f"{json.dumps(row)}\n" for row in rows) if lines else json.dumps(rows, indent=1)
    lay(tmp_path, {name: text, "1.png": 1, "2.png": 2})
    assert labels(tmp_path, layout="csv", csv=name) == {"./1.png": "real", "./2.png": "fake"}
