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
from facesift.core.errors import FacesiftError, written_in_words
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


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    handle = open_folder(folder)
    try:
        if handle is not None:
            os.fsync(handle)
    finally:
        close(handle)


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Write a file completely or not at all.

    Yields a temporary path in the same folder. On success it is synced to disk and renamed to `path`; an exception or a
    kill leaves `path` as it was.

    Args:
        path: the file.
        private: it shows faces or names them, so that only its owner may read it; otherwise the umask decides.

    Raises:
        FacesiftError: where `path` is a pipe or a device, which a rename would replace by a file; for a full or
            read-only disk and whatever else the system refuses.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise FacesiftError(f"{path}: a pipe or a device; this is written whole, so name a file")
    with written_in_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned_parts(path.parent.absolute())
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
    part = Path(name)
    held = hold_file(handle)
    try:
        with written_in_words(path, part):
            yield part
            with part.open("rb+") as file:  # Windows syncs no file that is open for reading alone
                os.fsync(file.fileno())
            part.chmod((0o600 if private else 0o666) & ~UMASK)
            part.replace(path)
            sync_folder(path.parent)
    finally:
        close(held)
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Write a folder completely or not at all.

    Yields a temporary folder beside `path`. On success it replaces `path` and everything in it: a reader finds the old
    folder or the new one. Files in it should themselves be synced (see `whole_file`).

    Args:
        path: the folder.
        private: it shows faces or names them, so that only its owner may enter it; otherwise the umask decides.

    Raises:
        FacesiftError: for a full or read-only disk and whatever else the system refuses.
    """
    with written_in_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned_parts(path.parent.absolute())
        part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART))
    handle = open_folder(part)
    if handle is not None:
        hold(handle)
    try:
        with written_in_words(path, part):
            yield part
            part.chmod((0o700 if private else 0o777) & ~UMASK)
            replace_folder(part, path)
            sync_folder(path.parent)
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
    text = json_text(written)
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def json_text(value: Any) -> str:
    """Return the text of a JSON file."""
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def _json_digest(value: dict[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_json(path: Path, *, sealed: bool = False, remedy: str = REMEDY) -> Any:
    """Read JSON.

    Args:
        path: the file.
        sealed: `write_json` has sealed it; the seal is checked and taken away.
        remedy: what to do when it is damaged, for the message.

    Raises:
        FacesiftError: when the file is missing, not JSON, or not what was sealed.
    """
    value = _read_json(path)
    if not sealed:
        return value
    written = path.read_bytes().decode("utf-8", "replace")
    seal_of_file = value.pop(SEAL, None) if isinstance(value, dict) else None
    if seal_of_file is None:
        raise FacesiftError(f"{path}: carries no SHA-256, so this version did not write it, or it is damaged; {remedy}")
    if not _is_sealed(value, seal_of_file, written):
        raise FacesiftError(f"{path}: damaged, its values do not have the SHA-256 that it carries; {remedy}")
    return value


def _is_sealed(value: dict[str, Any], seal_of_file: Any, text: str) -> bool:
    """Return whether a file is what was sealed, to the byte: a number can be spelt in several ways."""
    try:
        return seal_of_file == _json_digest(value) and text == json_text({**value, SEAL: seal_of_file})
    except (ValueError, RecursionError):  # NaN, or nested too deeply
        return False


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be read ({error.strerror}); run `dvc repro` to make it") from error
    except (ValueError, RecursionError) as error:
        raise FacesiftError(f"{path}: not valid JSON ({error})") from error


def write_parquet(path: Path, frame: pl.DataFrame, metadata: dict[str, str] | None = None) -> None:
    """Write a table as Parquet, for its owner alone. It carries its own SHA-256, which `read_parquet` checks.

    Args:
        path: the file to write.
        frame: the table.
        metadata: keys and values for the file's footer.
    """
    with whole_file(path, private=True) as part:
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


def read_csv(path: Path) -> pl.DataFrame:
    """Read a table that `write_csv` wrote; `FacesiftError` when it is missing or damaged."""
    try:
        return pl.read_csv(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise FacesiftError(f"{path}: missing or no readable CSV file ({why}); run `dvc repro` to make it") from error


def write_csv(path: Path, frame: pl.DataFrame, *, private: bool = False) -> None:
    """Write a table as CSV with a header, Unix line breaks, floats of `DIGITS` digits, text as `csv_cells` does."""
    with whole_file(path, private=private) as part:
        # By Python, as polars does not say why a file could not be written.
        text = as_cells(frame).write_csv(float_precision=DIGITS, line_terminator="\n", quote_style="never")
        part.write_text(text, encoding="utf-8", newline="")
