import io
import json

import polars as pl
import pytest

from facesift.config.data import Columns
from facesift.core.errors import FacesiftError
from facesift.labels.table_text import read_records

NAMED = Columns(id="Datei", label="Klasse")


def read(data: bytes | str, name: str = "t.csv", columns: Columns | None = None) -> list[tuple[str, str]]:
    raw = data.encode() if isinstance(data, str) else data
    return [(record.image, record.label) for record in read_records(name, raw, columns, name)]


ROWS = [("1.png", "real"), ("2.png", "fake")]
TEXT = "id,label\n1.png,real\n2.png,fake\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_tables_of_any_spreadsheet_are_read(delimiter: str, ends: str, encoding: str):
    assert read(TEXT.replace(",", delimiter).replace("\n", ends).encode(encoding)) == ROWS


@pytest.mark.parametrize(
    "text",
    [
        "label,x,id\nreal,7,1.png\nfake,8,2.png",
        " ID , Label \n1.png , real\n2.png, fake\n",
        'id,label,caption\n1.png,real,"a, b\n""c"" d"\n2.png,fake,\n',
        "sep=;\nid;label\n1.png;real\n2.png;fake\n",
        "id,label\n\n1.png,real\n,\n2.png,fake\n\n",
        "file_name,label\n1.png,real\n2.png,fake\n",
        "path;label;note\n1.png;real;a,b,c\n2.png;fake;d,e\n",
    ],
)
def test_columns_in_any_order_and_quoted_texts_are_read(text: str):
    assert read(text) == ROWS


def test_columns_of_any_name_are_read():
    assert read("Datei;Klasse\n1.png;real\n2.png;fake\n", columns=NAMED) == ROWS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,class\n1,real\n", r"columns are \['name', 'class'\], but must include \['id', 'label'\]; data\.sources"),
        ("", r"columns are \[\]"),
        ("id,label,label\n1,real,fake\n", "two columns"),
        ("id,label\n1.png\n", r"line 2 has 1 fields, the header 2"),
        ("id,label\na,b.png,real\n", r"line 2 has 3 fields, the header 2"),
        ('id,label\n1.png,real\n"2.png,fake\n3.png,real\n', "line .* not valid CSV"),
        ("id,label\n,real\n", "line 2 names no image"),
    ],
)
def test_a_table_that_would_lose_rows_is_refused(text: str, message: str):
    with pytest.raises(FacesiftError, match=rf"t\.csv: .*{message}" if message[0] != "t" else message):
        read(text)


@pytest.mark.parametrize(
    ("row", "remedy"), [("1.png", "write the missing ones"), ("a, b.png,real", "quote fields that hold the delimiter")]
)
def test_a_row_with_the_wrong_number_of_fields_says_what_to_do(row: str, remedy: str):
    with pytest.raises(FacesiftError, match=rf"line 2 has \d fields, the header 2: {remedy}"):
        read(f"id,label\n{row}\n")


def test_the_end_of_a_file_of_dos_is_no_row():
    assert read("id,label\r\n1.png,real\r\n2.png,fake\r\n\x1a") == ROWS


def test_text_in_another_encoding_is_refused_with_the_remedy():
    with pytest.raises(FacesiftError, match="save it as UTF-8"):
        read("id,label\né.png,real\n".encode("latin-1"))


DEEPFAKE_BENCH = {
    "FaceForensics++": {
        "FF-real": {"train": {"c23": {"000": {"label": "FF-real", "frames": ["a\\000\\1.png", "a\\000\\2.png"]}}}},
        "FF-DF": {
            "test": {"c23": {"000_003": {"label": "FF-DF", "frames": ["b/000_003/1.png"], "masks": ["m/1.png"]}}}
        },
    }
}


def test_json_of_deepfakebench_gives_labels_and_splits():
    records = read_records("FF.json", json.dumps(DEEPFAKE_BENCH).encode(), None, "FF.json")
    assert [record[:3] for record in records] == [
        ("a\\000\\1.png", "FF-real", "train"), ("a\\000\\2.png", "FF-real", "train"),
        ("b/000_003/1.png", "FF-DF", "test"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("t.json", [{"path": "1.png", "label": 0}, {"path": "2.png", "label": 1}]),
        ("t.json", {"1.png": 0, "2.png": 1}),
        ("t.json", {"1.png": {"label": 0}, "2.png": {"label": 1.0}}),
        ("t.json", {"train": [{"file_name": "1.png", "label": "0"}], "test": [{"file_name": "2.png", "label": "1"}]}),
        ("t.json", {"path": {"0": "1.png", "1": "2.png"}, "label": {"0": 0, "1": 1}}),  # as pandas writes a table
        ("t.json", {"all": {"path": ["1.png", "2.png"], "label": [0, 1], "score": [0.5, 0.1]}}),
    ],
)
def test_json_lists_and_objects_are_read(name: str, value: object):
    assert read(json.dumps(value), name) == [("1.png", "0"), ("2.png", "1")]


def test_a_video_without_frames_is_a_row_without_an_image():
    videos = {"a": {"label": "real", "frames": []}, "b": {"label": "fake", "frames": ["b/1.png"]}}
    assert read(json.dumps(videos), "t.json") == [("a", "real"), ("b/1.png", "fake")]


def test_a_table_by_column_that_lacks_a_label_or_a_name_keeps_the_row():
    table = {"path": {"0": "1.png", "1": "2.png"}, "label": {"0": "real"}}
    assert read(json.dumps(table), "t.json") == [("1.png", "real"), ("2.png", "")]
    with pytest.raises(FacesiftError, match=r"\[1\] names no image"):
        read(json.dumps({"path": ["1.png"], "label": ["real", "fake"]}), "t.json")


def test_json_lines_are_read():
    assert (
        read('{"file_name": "1.png", "label": "real"}\n\n{"file_name": "2.png", "label": "fake"}\r\n', "m.jsonl")
        == ROWS
    )


def test_a_parquet_table_is_read():
    file = io.BytesIO()
    pl.DataFrame({"id": ["1.png", "2.png"], "label": ["real", "fake"]}).write_parquet(file)
    assert read(file.getvalue(), "t.parquet") == ROWS


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.json", "{", "not valid JSON"),
        ("t.json", '{"1.png": "real", "1.png": "fake"}', r"the key '1\.png' comes twice"),
        ("t.json", "[" * 100_000, "not valid JSON"),
        ("t.json", '["1.png"]', "must have the keys"),
        ("t.json", "7", "not a list or an object"),
        ("t.jsonl", '{"label": "real"}', "line 1 names no image"),
        ("t.json", '[{"path": null, "label": 0}]', "names no image"),
        ("t.parquet", "PAR1 no", "not a readable Parquet file"),
    ],
)
def test_damaged_json_and_parquet_are_refused_by_name(name: str, text: str, message: str):
    with pytest.raises(FacesiftError, match=rf"{name}: .*{message}"):
        read(text, name)


def test_a_column_says_the_split():
    records = read_records("t.csv", b"id,label,split\n1,real,Train\n2,fake,validation\n3,real,\n", None, "t.csv")
    assert [record.fold for record in records] == ["train", "val", None]


@pytest.mark.parametrize("column", ["id", "label"])
def test_a_parquet_column_of_lists_is_refused_by_name(column: str):
    values: dict[str, object] = {"id": ["1.png"], "label": ["real"]} | {column: [["real"]]}
    buffer = io.BytesIO()
    pl.DataFrame(values).write_parquet(buffer)
    with pytest.raises(FacesiftError, match=f"column '{column}' holds List"):
        read(buffer.getvalue(), "t.parquet")
