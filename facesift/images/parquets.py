"""Reads images inside Parquet files, as Hugging Face stores data sets: a column of bytes, a row for each image."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from facesift.core.errors import FacesiftError
from facesift.core.panics import without_panic_text
from facesift.images.bad_image import BadImage
from facesift.images.formats import what_else
from facesift.images.zips import check_size

if TYPE_CHECKING:
    import polars as pl

BLOCK = 16  # rows read at once
BYTES = "bytes"  # field of Hugging Face's images, beside `path`


def is_parquet(path: str) -> bool:
    """Whether the name is that of a Parquet file."""
    return path.casefold().endswith(".parquet")


def image_column(path: Path) -> str | None:
    """Name the column that holds images: the first of bytes, or of structures with the field `bytes`.

    Args:
        path: a Parquet file.

    Returns:
        The column's name; None for a table without images.

    Raises:
        FacesiftError: when the file is damaged or cannot be read.
    """
    return _look(path)[0]


def count_rows(path: Path) -> int:
    """Count the rows of a Parquet file."""
    return _look(path)[1]


def read_row(path: Path, row: str, max_bytes: int | None) -> bytes:
    """Read the image in one row.

    Args:
        path: a Parquet file with a column of images.
        row: the row's number, from 0.
        max_bytes: largest size; None: any.

    Raises:
        BadImage: when there is no such row, no image in it, or one too large.
        FacesiftError: when the file is damaged.
    """
    column, rows = _look(path)
    if column is None or not row.isascii() or not row.isdigit() or int(row) >= rows:
        raise BadImage("no longer in its Parquet file")
    number = int(row)
    data = _block(path, column, number // BLOCK, _version(path))[number % BLOCK]
    if data is None:
        raise BadImage("no image in its row of the Parquet file")
    check_size(len(data), max_bytes)
    return bytes(data)


def _version(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be read: {error.strerror}") from error
    return os.getpid(), status.st_ino, status.st_size, status.st_mtime_ns


def _look(path: Path) -> tuple[str | None, int]:
    return _looked(path, _version(path))


@lru_cache(maxsize=64)
def _looked(path: Path, _version: tuple[int, ...]) -> tuple[str | None, int]:
    import polars as pl  # noqa: PLC0415 - bench/gpu.py reads images without polars

    try:
        with without_panic_text():
            schema = pl.read_parquet_schema(path)
            rows = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        why = f"not a readable Parquet file ({error}); download it again or remove it"
        raise FacesiftError(f"{path}: {what_else(path) or why}") from error
    return next((name for name, kind in schema.items() if _holds_images(kind)), None), rows


def _holds_images(kind: pl.DataType) -> bool:
    import polars as pl  # noqa: PLC0415

    if isinstance(kind, pl.Struct):
        return any(field.name == BYTES and field.dtype == pl.Binary for field in kind.fields)
    return kind == pl.Binary


@lru_cache(maxsize=1)
def _block(path: Path, column: str, number: int, _version: tuple[int, ...]) -> list[bytes | None]:
    import polars as pl  # noqa: PLC0415

    try:
        with without_panic_text():
            rows = pl.scan_parquet(path, glob=False).slice(number * BLOCK, BLOCK).select(column).collect().to_series()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise FacesiftError(f"{path}: damaged ({error}); download it again or remove it") from error
    return (rows.struct.field(BYTES) if isinstance(rows.dtype, pl.Struct) else rows).to_list()
