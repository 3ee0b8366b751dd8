"""Tables of decisions that a run goes on with: what they hold, in which form, and how they end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

import polars as pl

from facesift.core.checksum_file import remove_checksum
from facesift.core.csv_cells import as_cells
from facesift.core.errors import FacesiftError
from facesift.core.files import scan_parquet, whole_file
from facesift.screening.columns import SAID, VOTE
from facesift.screening.decision_log import WAY
from facesift.screening.decisions_file import first_object, reading, scan_decisions
from facesift.screening.text_copies import TextForm

SAMPLES = 64  # rows that tell whether the committee is still the same
BLOCK = 1 << 16  # bytes looked through at a time for the end of the last whole line


@dataclass
class Output:
    """An open table of decisions.

    Attributes:
        write: takes some rows, and returns when the operating system has them.
        done: names of the images whose rows it holds already.
        unscored: how many of those have no decision.
        samples: some of those rows by image, one for each combination of votes and decision, at most `SAMPLES`.
        logged: how those rows were decided: the columns `decision_log.WAY`, an entry for each combination.
    """

    write: Callable[[pl.DataFrame], None]
    done: set[str] = field(default_factory=set)
    unscored: int = 0
    samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    logged: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: Output) -> None:
        """Take in what another part of the table holds."""
        self.done |= other.done
        self.unscored += other.unscored
        self.samples = other.samples | self.samples
        self.logged += other.logged


@contextmanager
def refusal(name: str) -> Iterator[None]:
    """Turn what a full or closed disk refuses into a `FacesiftError`; that a reader has gone stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FacesiftError(
            f"{name}: cannot be written ({error.strerror}); the rows before are in it. With --output FILE, the same "
            "command and --resume goes on where it stopped"
        ) from error


def continued(path: Path, kind: str, schema: pl.Schema) -> Output:
    """Make a table end with a whole row, in the form that `facesift screen` writes, and read what it holds."""
    if not TextForm.of(path).head.strip():  # empty lines alone
        os.truncate(path, 0)
        return Output(lambda _: None)
    if not _is_native(path, kind, schema):
        output = read_done(path, schema, kind)
        _write_natively(path, kind, schema)
        return output
    with refusal(str(path)), path.open("r+b", buffering=0) as file:
        left = _drop_torn_line(file)
    return read_done(path, schema, kind) if left else Output(lambda _: None)


def _is_native(path: Path, kind: str, schema: pl.Schema) -> bool:
    """Return whether the first line is as `facesift screen` writes it; also where the run was stopped within it."""
    with path.open("rb") as file:
        line = file.readline()
    if kind == "csv":
        head = f"{','.join(schema.names())}\n".encode()
        return line == head or (not line.endswith(b"\n") and head.startswith(line))
    begun = b'{"image":'
    if not line.endswith(b"\n"):
        return line.startswith(begun) or begun.startswith(line)
    found = first_object(line.decode("utf-8", "replace"))
    return found is not None and list(found) == schema.names() and not line.endswith(b"\r\n")


def _write_natively(path: Path, kind: str, schema: pl.Schema) -> None:
    """Write a table that another program has saved again as `facesift screen` writes it, so that rows can follow."""
    remove_checksum(path)
    with reading(path), whole_file(path.resolve()) as part:
        table = scan_whole(path, schema, kind)
        if kind == "jsonl":
            table.sink_ndjson(part, maintain_order=True)
        else:
            as_cells(table).sink_csv(part, line_terminator="\n", quote_style="never", maintain_order=True)


def scan_whole(path: Path, schema: pl.Schema, kind: str | None = None) -> pl.LazyFrame:
    """Open a table with all columns of a schema, in their order and with their types."""
    texts = [name for name, type_ in schema.items() if type_ == pl.String]
    numbers = [name for name, type_ in schema.items() if type_.is_numeric()]
    table = scan_decisions(path, numbers, texts, kind)
    _check_columns(path, [name for name in table.collect_schema().names() if name], schema)
    return table.select(schema.names()).cast(schema)


def read_done(path: Path, schema: pl.Schema, kind: str | None = None) -> Output:
    """Read what a table that is to be continued holds.

    Args:
        path: the table.
        schema: the columns that it must have.
        kind: one of `FORMATS`; None: by the file's ending.

    Returns:
        An output that cannot be written to yet.

    Raises:
        FacesiftError: when it is no such table.
    """
    with reading(path):
        table = scan_whole(path, schema, kind)
        known = table.select("image", "decision").collect(engine="streaming")
        kinds = [name for name in schema if name.startswith("vote_")] + ["decision"]
        scored = table.select("image", "image_id", "probability", *kinds).filter(pl.col("decision").is_not_null())
        logged = table.select(WAY).unique(maintain_order=True).head(SAMPLES).collect(engine="streaming")
        samples = scored.unique(kinds, keep="first", maintain_order=True).head(SAMPLES).collect(engine="streaming")
    return Output(
        lambda _: None,
        set(known["image"]),
        known["decision"].null_count(),
        {row["image"]: row for row in samples.to_dicts()},
        logged.to_dicts(),
    )


def _check_columns(path: Path, found: list[str], schema: pl.Schema) -> None:
    known = [name for name in schema if not name.startswith((VOTE, SAID))]
    if "image" in found and not set(known) <= set(found):
        missing = ", ".join(name for name in known if name not in found)
        raise FacesiftError(
            f"{path}: written by an older facesift, without the columns {missing}; name another file, or finish it "
            "with the version that began it"
        )
    if sorted(found) != sorted(schema.names()):
        raise FacesiftError(
            f"{path}: its columns are {', '.join(found)}, but this bundle gives {', '.join(schema.names())}: "
            "written by another committee; name another file"
        )


def _drop_torn_line(file: FileIO) -> int:
    """Cut the file behind its last line end, go there, and return the bytes that are left."""
    size = end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        end = start + found + 1 if found >= 0 else start
        if found >= 0:
            break
    if end < size:
        file.truncate(end)
    return file.seek(end)


def holds_all(path: Path, rows: Path) -> bool:
    """Return whether a Parquet file has all images whose rows wait beside it."""
    if not rows.exists() or not rows.stat().st_size:
        return False
    with reading(rows):
        waiting = scan_decisions(rows, (), ("image",)).select("image")
        return waiting.join(scan_parquet(path), on="image", how="anti").head(1).collect().is_empty()
