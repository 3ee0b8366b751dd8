"""Writes and reads files: complete or not at all, with bytes that depend on the content alone."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from facesift.core.csv_cells import as_cells
from facesift.core.errors import FacesiftError
from facesift.core.parts import (
    PART,
    close,
    hold,
    hold_file,
    open_folder,
    remove,
    remove_abandoned_parts,
    replace_folder,
)
from facesift.core.table_digest import KEY, OPEN, REMEDY, check_table, seal

SEAL = "sha256"  # key of a sealed JSON file
DIGITS = 6  # digits after the point in JSON and CSV: more would be noise, fewer would hide changes


# The process's umask; it can only be read by setting it, so once, before threads start.
UMASK = os.umask(0o077)
os.umask(UMASK)


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    handle = open_folder(folder)
    try:
        if handle is not None:
            os.fsync(handle)
    finally:
        close(handle)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write a file completely or not at all.

    Yields a temporary path in the same folder. On success it is synced to disk and renamed to `path`; an exception or a
    kill leaves `path` as it was. Who may read the file follows from the process's umask.

    Raises:
        FacesiftError: where `path` is a pipe or a device, which a rename would replace by a file.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise FacesiftError(f"{path}: a pipe or a device; this is written whole, so name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned_parts(path.parent.absolute())
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
    part = Path(name)
    held = hold_file(handle)
    try:
        yield part
        with part.open("rb+") as file:  # Windows syncs no file that is open for reading alone
            os.fsync(file.fileno())
        part.chmod(0o666 & ~UMASK)
        part.replace(path)
        _sync_folder(path.parent)
    finally:
        close(held)
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Write a folder completely or not at all.

    Yields a temporary folder beside `path`. On success it replaces `path` and everything in it: a reader finds the old
    folder or the new one. Files in it should themselves be synced (see `whole_file`).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned_parts(path.parent.absolute())
    part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART))
    handle = open_folder(part)
    if handle is not None:
        hold(handle)
    try:
        yield part
        part.chmod(0o777 & ~UMASK)
        replace_folder(part, path)
        _sync_folder(path.parent)
    finally:
        close(handle)
        remove(part)


def rounded(value: Any) -> Any:
    """Round every float inside dicts and lists to `DIGITS` digits.

    >>> rounded({"recall": [0.91666666666, 1]})
    {'recall': [0.916667, 1]}
    """
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(entry) for entry in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def write_json(path: Path, value: Any, *, exact: bool = False, sealed: bool = False) -> None:
    """Write JSON with sorted keys.

    Args:
        path: the file to write.
        value: dicts, lists, strings, numbers, booleans and None.
        exact: write floats as they are, as parameters need it; otherwise with `DIGITS` digits, as figures have them.
        sealed: add the key `SEAL` with the SHA-256 of the rest, for `read_json` to check. `value` must be a dict.

    Raises:
        ValueError: for NaN and infinity.
    """
    written = value if exact else rounded(value)
    if sealed:
        written = {**written, SEAL: _json_digest(written)}
    text = json.dumps(written, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8", newline="\n")


def _json_digest(value: dict[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_json(path: Path, *, sealed: bool = False) -> Any:
    """Read JSON.

    Args:
        path: the file.
        sealed: `write_json` has sealed it; the seal is checked and taken away.

    Raises:
        FacesiftError: when the file is missing, not JSON, or not what was sealed.
    """
    value = _read_json(path)
    if not sealed:
        return value
    seal_of_file = value.pop(SEAL, None) if isinstance(value, dict) else None
    if seal_of_file is None:
        raise FacesiftError(f"{path}: carries no SHA-256, so this version did not write it, or it is damaged; {REMEDY}")
    if seal_of_file != _json_digest(value):
        raise FacesiftError(f"{path}: damaged, its values do not have the SHA-256 that it carries; {REMEDY}")
    return value


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be read ({error.strerror}); run `dvc repro` to make it") from error
    except (ValueError, RecursionError) as error:
        raise FacesiftError(f"{path}: not valid JSON ({error})") from error


def write_parquet(path: Path, frame: pl.DataFrame, metadata: dict[str, str] | None = None) -> None:
    """Write a table as Parquet. It carries its own SHA-256, which `read_parquet` checks.

    Args:
        path: the file to write.
        frame: the table.
        metadata: keys and values for the file's footer.
    """
    with whole_file(path) as part:
        frame.write_parquet(part, compression="zstd", metadata={**(metadata or {}), KEY: OPEN})
        seal(part)


def read_parquet(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """Read a Parquet table.

    Args:
        path: the file.
        columns: the columns to read; None: all.

    Raises:
        FacesiftError: when the file is missing, damaged, or lacks one of the columns.
    """
    check_table(path)
    try:
        return pl.read_parquet(path, columns=columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise FacesiftError(f"{path}: not a readable Parquet file with columns {columns or 'any'} ({error})") from error


def scan_parquet(path: Path) -> pl.LazyFrame:
    """Check a Parquet table that `write_parquet` wrote, and read it lazily.

    Raises:
        FacesiftError: when the file is missing or damaged.
    """
    check_table(path)
    return pl.scan_parquet(path)


def read_parquet_metadata(path: Path) -> dict[str, str]:
    """Check a Parquet table, and return the key-value metadata that `write_parquet` put into its footer.

    Raises:
        FacesiftError: when the file is missing or damaged.
    """
    check_table(path)
    return dict(pl.read_parquet_metadata(path))


def write_csv(path: Path, frame: pl.DataFrame) -> None:
    """Write a table as CSV with a header, Unix line breaks, floats of `DIGITS` digits, text as `csv_cells` does."""
    with whole_file(path) as part:
        as_cells(frame).write_csv(part, float_precision=DIGITS, line_terminator="\n", quote_style="never")
