"""Writes and reads files: complete or not at all, with bytes that depend on the content alone."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from facesift.core.errors import FacesiftError

DIGITS = 6  # digits after the point in JSON and CSV: more would be noise, fewer would hide changes


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write a file completely or not at all.

    Yields a temporary path in the same folder. On success it is synced to disk and renamed to `path`; an exception or a
    kill leaves `path` as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
        _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Write a folder completely or not at all.

    Yields a temporary folder beside `path`. On success it replaces `path` and everything in it. Files in it should
    themselves be synced (see `whole_file`).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        yield part
        part.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        part.replace(path)
        _sync_folder(path.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


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


def write_json(path: Path, value: Any, *, exact: bool = False) -> None:
    """Write JSON with sorted keys.

    Args:
        path: the file to write.
        value: dicts, lists, strings, numbers, booleans and None.
        exact: write floats as they are, as parameters need it; otherwise with `DIGITS` digits, as figures have them.

    Raises:
        ValueError: for NaN and infinity.
    """
    written = value if exact else rounded(value)
    text = json.dumps(written, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8", newline="\n")


def read_json(path: Path) -> Any:
    """Read JSON; raise `FacesiftError` for a file that is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be read ({error.strerror}); run `dvc repro` to make it") from error
    except ValueError as error:
        raise FacesiftError(f"{path}: not valid JSON ({error})") from error


def write_parquet(path: Path, frame: pl.DataFrame, metadata: dict[str, str] | None = None) -> None:
    """Write a table as Parquet.

    Args:
        path: the file to write.
        frame: the table.
        metadata: keys and values for the file's footer.
    """
    with whole_file(path) as part:
        frame.write_parquet(part, compression="zstd", metadata=metadata)


def read_parquet(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """Read a Parquet table.

    Args:
        path: the file.
        columns: the columns to read; None: all.

    Raises:
        FacesiftError: when the file is missing, damaged, or lacks one of the columns.
    """
    try:
        return pl.read_parquet(path, columns=columns)
    except FileNotFoundError as error:
        raise FacesiftError(f"{path}: not found; run `dvc repro` to make it") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise FacesiftError(f"{path}: not a readable Parquet file with columns {columns or 'any'} ({error})") from error


def read_parquet_metadata(path: Path) -> dict[str, str]:
    """Return the key-value metadata that `write_parquet` put into the footer."""
    return dict(pl.read_parquet_metadata(path))


def write_csv(path: Path, frame: pl.DataFrame) -> None:
    """Write a table as CSV with a header, Unix line breaks and floats of `DIGITS` digits."""
    with whole_file(path) as part:
        frame.write_csv(part, float_precision=DIGITS, line_terminator="\n")
