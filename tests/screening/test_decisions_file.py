"""Decisions tables that another program has saved again: the same table everywhere, or a refusal by name."""

import contextlib
import csv
import io
import string

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from facesift.core.checksum_file import checksum_file
from facesift.core.csv_cells import as_cells
from facesift.core.errors import FacesiftError
from facesift.review.decisions import read_decisions
from facesift.screening.columns import decisions_schema
from facesift.screening.continued_tables import read_done
from facesift.screening.decisions_file import reading, scan_decisions
from facesift.screening.tables import open_output
from tests.screening.test_tables import rows, write

SCHEMA = decisions_schema(("one", "stacker"))
NUMBERS = [name for name, kind in SCHEMA.items() if kind.is_numeric()]
TEXTS = [name for name in SCHEMA if name not in NUMBERS]
NAMES = ("=1+1.png", "a;b,c.png", "é 你.png", 'q"q.png', "'=x.png", "plain.png")
ID = "0123456789abcdef" * 2


def table_of(*names):
    """Rows with values in most columns, as a run writes them."""
    return rows(*names).with_columns(
        image_id=pl.lit(ID), vote_one=pl.lit("fake"), probability=pl.lit(1.25e-05), width=pl.lit(640, pl.Int64),
        brightness=pl.lit(126.22), sharpness=pl.lit(0.5), rule=pl.lit("any"), facesift=pl.lit("0.1.0"),
    )  # fmt: skip


def saved_again(cells, separator=",", *, comma=False, end="\r\n", quoting=csv.QUOTE_MINIMAL, before=""):
    """Write rows of cells as a spreadsheet does; `comma`: decimal commas."""
    out = io.StringIO(newline="")
    out.write(before)
    writer = csv.writer(out, delimiter=separator, lineterminator=end, quoting=quoting)
    for number, row in enumerate(cells):
        found = [
            cell.replace(".", ",") if comma and number and name in NUMBERS else cell
            for name, cell in zip(cells[0], row, strict=True)
        ]
        writer.writerow(found)
    return out.getvalue()


@pytest.fixture
def native(tmp_path):
    write(tmp_path / "native.csv", table_of(*NAMES))
    return tmp_path / "native.csv"


def cells_of(path):
    return list(csv.reader(path.read_text().splitlines()))


SPREADSHEETS = {
    "German": ({"separator": ";", "comma": True}, "utf-8-sig"),
    "French, quotes around everything": ({"separator": ";", "comma": True, "quoting": csv.QUOTE_ALL}, "utf-8"),
    "Unicode text": ({"separator": "\t"}, "utf-16"),
    "big-endian": ({"separator": "\t", "comma": True}, "utf-16-be"),
    "decimal commas in quotes": ({"comma": True}, "utf-8-sig"),
    "classic Mac": ({"end": "\r", "separator": ";"}, "utf-8"),
    "with its separator named": ({"separator": ";", "before": "sep=;\r\n"}, "utf-8"),
    "pipes": ({"separator": "|", "end": "\n"}, "utf-8"),
}


def read(path):
    with reading(path):
        return scan_decisions(path, NUMBERS, TEXTS).collect().cast(SCHEMA)


@pytest.mark.parametrize("program", SPREADSHEETS)
def test_a_table_that_a_spreadsheet_saved_is_the_same_table(native, tmp_path, program):
    form, encoding = SPREADSHEETS[program]
    path = tmp_path / "again.csv"
    path.write_bytes(saved_again(cells_of(native), **form).encode(encoding))
    assert read(path).equals(read(native))
    assert read(path)["image"].to_list() == list(NAMES)


@pytest.mark.parametrize("program", SPREADSHEETS)
def test_review_and_resume_read_what_a_spreadsheet_saved(native, tmp_path, program):
    form, encoding = SPREADSHEETS[program]
    path = tmp_path / "again.csv"
    path.write_bytes(saved_again(cells_of(native), **form).encode(encoding))
    assert read_decisions(path).table["image"].to_list() == list(NAMES)
    assert write(path, table_of("one more.png"), resume=True).done == set(NAMES)
    assert path.read_bytes() == native.read_bytes() + table_of("one more.png").write_csv(include_header=False).encode()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_json_lines_of_an_editor_are_read_and_resumed(tmp_path, encoding, end):
    path, plain = tmp_path / "again.jsonl", tmp_path / "plain.jsonl"
    write(plain, table_of(*NAMES))
    path.write_bytes(plain.read_text().replace("\n", end).encode(encoding))
    assert read(path).equals(read(plain))
    assert write(path, table_of("one more.png"), resume=True).done == set(NAMES)
    assert write(plain, table_of("one more.png"), resume=True).done == set(NAMES)
    assert path.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("image_id", "1.23457E+31", "image plain.png: its image_id is '1.23457E\\+31', no hash"),
        ("probability", "01. Mai", "its probability is '01. Mai', no number"),
        ("brightness", "1.234,5", "its brightness is '1.234,5', no number"),
    ],
)
def test_what_a_spreadsheet_has_changed_beyond_repair_is_named(native, tmp_path, column, value, message):
    cells = cells_of(native)
    cells[-1][cells[0].index(column)] = value
    path = tmp_path / "again.csv"
    path.write_text(saved_again(cells, ";"))
    for use in (read, read_decisions, lambda each: read_done(each, SCHEMA)):
        with pytest.raises(FacesiftError, match=message):
            use(path)


def test_a_table_in_an_old_code_page_says_what_to_do(native, tmp_path):
    path = tmp_path / "again.csv"
    path.write_bytes(native.read_text().replace("你", "n").encode("cp1252"))
    with pytest.raises(FacesiftError, match=r"again\.csv: not a readable table .*; save it as UTF-8"):
        read(path)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_incomplete_last_line_is_left_out_everywhere(tmp_path, kind):
    path = tmp_path / f"out.{kind}"
    write(path, table_of(*NAMES))
    checksum_file(path).unlink()  # a run that goes on has none
    path.write_bytes(
        path.read_bytes() + b'{"image":"torn.png","ima' * (kind == "jsonl") + b"torn.png,01" * (kind == "csv")
    )
    assert read(path)["image"].to_list() == list(NAMES)
    assert "incomplete" in read_decisions(path).note


def test_a_whole_last_line_without_an_end_is_a_row(native, tmp_path):
    path = tmp_path / "again.csv"
    path.write_text(saved_again(cells_of(native), ";").rstrip())
    assert read(path)["image"].to_list() == list(NAMES)
    assert write(path, resume=True).done == set(NAMES)


def test_lines_without_anything_are_no_rows(native, tmp_path):
    path = tmp_path / "again.csv"
    path.write_text(saved_again(cells_of(native), ";") + ";" * (len(SCHEMA) - 1) + "\n\n")
    assert read(path)["image"].to_list() == list(NAMES)


TEXT = some.text(some.sampled_from(string.printable + "é\uff1d\ufeff\u2028"), max_size=12)


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=some.lists(TEXT, min_size=1, max_size=4), formulas=some.booleans())
def test_any_text_is_read_back_as_it_was(names, formulas, tmp_path):
    path = tmp_path / "any.csv"
    frame = pl.DataFrame({"name": names, "last": "x"})
    path.write_text(as_cells(frame, formulas=formulas).write_csv(quote_style="never"), newline="")
    assert scan_decisions(path, (), ("name",)).collect()["name"].to_list() == [name or None for name in names]


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=some.one_of(
        some.binary(max_size=60),
        some.tuples(some.sampled_from(["utf-8", "utf-16", "utf-8-sig", "utf-16-be", "cp1252"]), TEXT).map(
            lambda pair: f"image,image_id,decision,probability\r\n{pair[1]}".encode(pair[0], "replace")
        ),
    ),
    suffix=some.sampled_from([".csv", ".jsonl"]),
)
def test_no_file_whatever_ends_in_a_stack_trace(content, suffix, tmp_path):
    path = tmp_path / f"any{suffix}"
    path.write_bytes(content)
    for use in (read_decisions, lambda each: read_done(each, SCHEMA)):
        with contextlib.suppress(FacesiftError):
            use(path)


def test_formulas_get_an_apostrophe_unless_they_are_wanted(tmp_path):
    for name, formulas in (("escaped", False), ("as they are", True)):
        with open_output(tmp_path / f"{name}.csv", "csv", SCHEMA, resume=False, formulas=formulas) as output:
            output.write(rows("=HYPERLINK(1)", "-a", "@b", "+c", "plain"))
    first = {
        name: (tmp_path / f"{name}.csv").read_text().splitlines()[1].split(",")[0]
        for name in ("escaped", "as they are")
    }
    assert first == {"escaped": "'=HYPERLINK(1)", "as they are": "=HYPERLINK(1)"}
    assert read(tmp_path / "escaped.csv").equals(read(tmp_path / "as they are.csv"))
