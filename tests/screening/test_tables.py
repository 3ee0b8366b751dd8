"""The decisions table on disk: nothing that was written is lost, nothing is written twice or into a foreign table."""

import os
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from facesift.core import parts
from facesift.core.checksum_file import checksum_file
from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file
from facesift.screening.columns import decisions_schema
from facesift.screening.decisions_file import scan_decisions
from facesift.screening.tables import format_of, open_output, waiting_rows

SCHEMA = decisions_schema(("one", "stacker"))
KINDS = ("csv", "jsonl", "parquet")


def rows(*names, decision="fake", schema=SCHEMA):
    known = {"image": list(names), "decision": [decision] * len(names), "probability": [0.25] * len(names)}
    return pl.DataFrame(known | {name: [None] * len(names) for name in schema if name not in known}, schema=schema)[
        schema.names()
    ]


def write(path, *tables, kind=None, resume=False, schema=SCHEMA):
    with open_output(path, kind or format_of(path, None), schema, resume=resume) as output:
        for table in tables:
            output.write(table)
    return output


def stop(path, *tables):
    """Write as a run that is stopped before its end."""
    with suppress(KeyboardInterrupt), open_output(path, format_of(path, None), SCHEMA, resume=False) as output:
        for table in tables:
            output.write(table)
        raise KeyboardInterrupt


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def finished(path):
    """What a finished run leaves."""
    return [path.name] if path.suffix == ".parquet" else [path.name, checksum_file(path).name]


def read(path):
    readers = {
        ".csv": lambda: pl.read_csv(path, schema=SCHEMA),
        ".jsonl": lambda: pl.read_ndjson(path, schema=SCHEMA),
        ".parquet": lambda: pl.read_parquet(path),
    }
    return readers[path.suffix]()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(tmp_path, kind):
    tables = (rows('a,"b".jpg', "c.jpg"), rows("d.jpg", decision=None))
    write(tmp_path / f"out.{kind}", *tables)
    assert read(tmp_path / f"out.{kind}").equals(pl.concat(tables))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_the_table_and_its_checksum_is_left(tmp_path, kind):
    write(tmp_path / f"out.{kind}", rows("a.jpg"))
    assert names(tmp_path) == finished(tmp_path / f"out.{kind}")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_finished_table_that_was_changed_is_not_continued(tmp_path, kind):
    path = tmp_path / f"out.{kind}"
    write(path, rows("a.jpg"))
    changed = path.read_bytes().replace(b"fake", b"real")
    path.write_bytes(changed)
    with pytest.raises(FacesiftError, match=rf"out\.{kind}: damaged .* in out\.{kind}\.sha256; delete that file"):
        write(path, rows("b.jpg"), resume=True)
    assert path.read_bytes() == changed
    checksum_file(path).unlink()
    write(path, rows("b.jpg"), resume=True)
    assert read(path)["decision"].to_list() == ["real", "fake"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_that_grows_has_no_checksum_until_its_run_ends(tmp_path, kind):
    path = tmp_path / f"out.{kind}"
    write(path, rows("a.jpg"))
    with suppress(KeyboardInterrupt), open_output(path, kind, SCHEMA, resume=True) as output:
        assert names(tmp_path) == finished(path)
        output.write(rows("b.jpg"))
        raise KeyboardInterrupt
    assert names(tmp_path) == [path.name]
    write(path, rows("c.jpg"), resume=True)
    assert names(tmp_path) == finished(path)
    path.unlink()  # but not its checksum
    write(path, rows("d.jpg"))
    assert write(path, resume=True).done == {"d.jpg"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_that_is_there_is_not_overwritten(tmp_path, kind):
    write(tmp_path / f"out.{kind}", rows("a.jpg"))
    with pytest.raises(FacesiftError, match=rf"out\.{kind}: is there"):
        write(tmp_path / f"out.{kind}", rows("b.jpg"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("resume", [False, True])
def test_two_runs_do_not_write_one_table(tmp_path, kind, resume):
    """Whichever begins first has it; what the other says leaves no trace."""
    path = tmp_path / f"out.{kind}"
    with open_output(path, kind, SCHEMA, resume=resume) as output:
        with pytest.raises(FacesiftError, match="another `facesift screen` is writing it; wait for its end, or name"):
            write(path, rows("b.jpg"), resume=resume)
        output.write(rows("a.jpg"))
    assert write(path, rows("b.jpg"), resume=True).done == {"a.jpg"}
    assert read(path)["image"].to_list() == ["a.jpg", "b.jpg"]
    assert names(tmp_path) == finished(path)


@pytest.mark.parametrize("kind", KINDS)
def test_without_locks_as_on_windows_tables_are_written(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(parts, "fcntl", None)
    path = tmp_path / f"out.{kind}"
    write(path, rows("a.jpg"))
    assert write(path, rows("b.jpg"), resume=True).done == {"a.jpg"}
    assert names(tmp_path) == finished(path)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("more", ["\n\n", "   \n", " \t"])
def test_empty_lines_of_a_resumed_table_are_no_images(tmp_path, kind, more):
    path = tmp_path / f"out.{kind}"
    write(path, rows("a.jpg"))
    path.write_text(path.read_text() + more)
    checksum_file(path).unlink()  # as one does who changed the table
    assert write(path, rows("b.jpg"), resume=True).done == {"a.jpg"}
    found = scan_decisions(path, (), ("image",)).collect()["image"].to_list()
    assert found == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_of_empty_lines_is_begun_anew(tmp_path, kind):
    (tmp_path / f"out.{kind}").write_text("\n\n")
    write(tmp_path / f"out.{kind}", rows("a.jpg"), resume=True)
    assert read(tmp_path / f"out.{kind}").equals(rows("a.jpg"))


def test_a_folder_as_output_is_refused_with_the_name_of_a_file(tmp_path):
    with pytest.raises(FacesiftError, match=r"is a folder; name a file in it: --output .*/decisions\.csv"):
        format_of(tmp_path, None)


def test_a_terminal_shows_marks_of_direction_and_a_table_keeps_them(tmp_path):
    name = "photo_\u202egpj.exe"
    ours, theirs = os.openpty()
    with open_output(Path(os.ttyname(theirs)), "csv", SCHEMA, resume=False) as output:
        output.write(rows(name))
    shown = os.read(ours, 10_000).decode()
    assert "photo_\\u202egpj.exe" in shown
    assert "\u202e" not in shown
    write(tmp_path / "out.csv", rows(name))
    assert read(tmp_path / "out.csv")["image"].to_list() == [name]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("torn", [b"", b"b.jp", b'b.jpg,0123,"fa'])
def test_a_resumed_table_loses_its_torn_line_alone(tmp_path, kind, torn):
    path = tmp_path / f"out.{kind}"
    stop(path, rows("a.jpg"))
    path.write_bytes(path.read_bytes() + torn)
    assert write(path, rows("b.jpg"), resume=True).done == {"a.jpg"}
    assert read(path)["image"].to_list() == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("torn", [b"", b"ima"])
def test_a_table_torn_in_its_head_begins_again(tmp_path, torn):
    (tmp_path / "out.csv").write_bytes(torn)
    assert write(tmp_path / "out.csv", rows("b.jpg"), resume=True).done == set()
    assert read(tmp_path / "out.csv")["image"].to_list() == ["b.jpg"]


def test_a_torn_line_longer_than_a_block_is_dropped_whole(tmp_path):
    path = tmp_path / "out.csv"
    stop(path, rows("a.jpg"))
    path.write_bytes(path.read_bytes() + b"x" * 200_000)
    write(path, resume=True)
    assert read(path)["image"].to_list() == ["a.jpg"]


def test_rows_for_parquet_wait_until_a_run_ends(tmp_path):
    path = tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt), open_output(path, "parquet", SCHEMA, resume=False) as output:
        output.write(rows("a.jpg"))
        raise KeyboardInterrupt
    assert [each.name for each in tmp_path.iterdir()] == [waiting_rows(path).name]
    assert write(path, rows("b.jpg"), resume=True).done == {"a.jpg"}
    assert read(path)["image"].to_list() == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_whose_first_rows_are_not_scored_is_resumed(tmp_path, kind):
    path = tmp_path / f"out.{kind}"
    bad = rows(*(f"{number}.jpg" for number in range(150)), decision=None).with_columns(probability=None)
    write(path, bad.cast(SCHEMA), rows("good.jpg"))
    output = write(path, rows("new.jpg"), resume=True)
    assert (len(output.done), output.unscored, set(output.samples)) == (151, 150, {"good.jpg"})
    assert read(path)["image"].to_list()[-2:] == ["good.jpg", "new.jpg"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_table_is_resumed_without_a_change(tmp_path, kind):
    path = tmp_path / f"out.{kind}"
    write(path, rows("a.jpg"))
    before = path.read_bytes()
    assert write(path, resume=True).done == {"a.jpg"}
    assert path.read_bytes() == before
    assert names(tmp_path) == finished(path)


def test_a_finished_parquet_file_takes_further_rows(tmp_path):
    path = tmp_path / "out.parquet"
    write(path, rows("a.jpg"), rows("b.jpg", decision=None))
    assert write(path, rows("c.jpg"), resume=True).unscored == 1
    assert read(path)["image"].to_list() == ["a.jpg", "b.jpg", "c.jpg"]


def test_rows_that_wait_beside_a_finished_parquet_file_are_in_it_once(tmp_path):
    """Killed while it adds rows to it, or after that and before they are removed."""
    path, waiting = tmp_path / "out.parquet", tmp_path / "keep.csv"
    write(path, rows("a.jpg"))
    with pytest.raises(KeyboardInterrupt), open_output(path, "parquet", SCHEMA, resume=True) as output:
        output.write(rows("b.jpg"))
        raise KeyboardInterrupt
    waiting.write_bytes(waiting_rows(path).read_bytes())
    assert write(path, rows("c.jpg"), resume=True).done == {"a.jpg", "b.jpg"}
    assert read(path)["image"].to_list() == ["a.jpg", "b.jpg", "c.jpg"]
    waiting.rename(waiting_rows(path))
    assert write(path, resume=True).done == {"a.jpg", "b.jpg", "c.jpg"}
    assert read(path)["image"].to_list() == ["a.jpg", "b.jpg", "c.jpg"]


def test_an_empty_file_of_waiting_rows_is_no_row(tmp_path):
    path = tmp_path / "out.parquet"
    waiting_rows(path).touch()
    write(path, rows("a.jpg"), resume=True)
    assert read(path)["image"].to_list() == ["a.jpg"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_named_pipe_is_written_to_and_stays_one(tmp_path, kind):
    import os
    import threading

    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write(pipe, rows("a.jpg"), rows("b.jpg"), kind=kind)
    reader.join(10)
    write(tmp_path / f"file.{kind}", rows("a.jpg"), rows("b.jpg"))
    assert (found, pipe.is_fifo()) == ([(tmp_path / f"file.{kind}").read_bytes()], True)


def test_a_pipe_takes_no_parquet_file(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.parquet")
    with pytest.raises(FacesiftError, match=r"pipe\.parquet: Parquet is written whole, so it needs a file"):
        format_of(tmp_path / "pipe.parquet", None)
    with (
        pytest.raises(FacesiftError, match=r"pipe\.parquet: a pipe or a device"),
        whole_file(tmp_path / "pipe.parquet"),
    ):
        pass
    assert (tmp_path / "pipe.parquet").is_fifo()


def test_a_linked_parquet_file_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "out.parquet").symlink_to(tmp_path / "there/real.parquet")
    write(tmp_path / "out.parquet", rows("a.jpg"))
    write(tmp_path / "out.parquet", rows("b.jpg"), resume=True)
    assert (tmp_path / "out.parquet").is_symlink()
    assert read(tmp_path / "out.parquet")["image"].to_list() == ["a.jpg", "b.jpg"]


def test_rows_without_a_decision_are_counted(tmp_path):
    write(tmp_path / "out.csv", rows("a.jpg", "b.jpg", decision=None), rows("c.jpg"))
    assert write(tmp_path / "out.csv", resume=True).unscored == 2


def test_one_row_of_each_kind_of_decision_is_kept_for_comparison(tmp_path):
    write(tmp_path / "out.csv", rows("a.jpg", "b.jpg"), rows("c.jpg", decision="real"), rows("d.jpg", decision=None))
    assert set(write(tmp_path / "out.csv", resume=True).samples) == {"a.jpg", "c.jpg"}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_of_another_committee_is_not_resumed(tmp_path, kind):
    other = decisions_schema(("one", "two", "stacker"))
    write(tmp_path / f"out.{kind}", rows("a.jpg", schema=other), schema=other)
    with pytest.raises(FacesiftError, match=r"its columns are .*vote_two.*another committee"):
        write(tmp_path / f"out.{kind}", rows("b.jpg"), resume=True)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_file_that_is_no_table_is_not_resumed(tmp_path, kind):
    before = b"dear diary\ntoday\n"
    (tmp_path / f"out.{kind}").write_bytes(before)
    with pytest.raises(FacesiftError, match=rf"out\.{kind}: (its columns are|not a readable table of decisions)"):
        write(tmp_path / f"out.{kind}", rows("b.jpg"), resume=True)
    assert (tmp_path / f"out.{kind}").read_bytes() == before


def test_a_run_that_writes_nothing_leaves_nothing(tmp_path):
    with pytest.raises(FacesiftError), open_output(tmp_path / "out.csv", "csv", SCHEMA, resume=False):
        raise FacesiftError("no image")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_message():
    from pathlib import Path

    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("no /dev/full on this machine")
    with pytest.raises(FacesiftError, match=r"/dev/full: cannot be written \(No space left on device\); the rows bef"):
        write(full, rows("a.jpg"), kind="csv")
    assert full.is_char_device()


@pytest.mark.parametrize(
    ("name", "asked", "kind"), [(None, None, "csv"), ("a.jsonl", None, "jsonl"), ("a.txt", "csv", "csv")]
)
def test_the_format_is_that_of_the_ending_unless_one_is_asked_for(tmp_path, name, asked, kind):
    assert format_of(tmp_path / name if name else None, asked) == kind


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [("a.txt", None, "'txt' is no format"), ("a", None, "'' is no format"), (None, "parquet", "it needs a file")],
)
def test_a_format_that_is_none_names_those_there_are(tmp_path, name, asked, message):
    with pytest.raises(FacesiftError, match=message):
        format_of(tmp_path / name if name else None, asked)
