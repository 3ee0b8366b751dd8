"""Writes one HDF5 shard, of images or of features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.classes import BINARY
from facesift.core.files import whole_file
from facesift.core.fingerprint import sha256
from facesift.images.archives import ID_DIGITS
from facesift.shards.index import ShardEntry

SLICE = 256  # rows written at a time: 12 MB at 125 pixels


def write_shard(
    path: Path,
    rows: pl.DataFrame,
    values: Iterable[NDArray[np.uint8]] | Iterable[NDArray[np.float16]],
    source_width: int,
    classes: tuple[str, ...] = BINARY,
) -> ShardEntry:
    """Write one shard, complete or not at all, with at most `SLICE` rows in memory.

    Args:
        path: the file to write.
        rows: `image_id`, `source`, `label` (one of `classes`), one row per image; `landmarks` (5, 2) if there are any.
        values: for each row, in the same order, pixels (S, S, 3) uint8, or features (1 + copies, width) float16.
        source_width: bytes of the longest source name of the split, so that all its shards have the same data type.
        classes: names of the classes; a label is written as its number.

    Returns:
        The shard's entry for the index.

    Raises:
        ValueError: when there are more or fewer images than rows.
    """
    import h5py  # noqa: PLC0415

    numbers = {name: number for number, name in enumerate(classes)}
    labels = rows["label"].replace_strict(numbers, return_dtype=pl.UInt8).to_numpy()
    with whole_file(path, private=True) as part:
        with h5py.File(part, "w", locking=False) as file:  # `whole_file` holds the lock
            _stream(file, len(labels), values)
            columns = {
                "labels": labels,
                "image_id": np.array(rows["image_id"].to_list(), f"S{ID_DIGITS}"),
                "source": np.array([name.encode() for name in rows["source"]], f"S{source_width}"),
            }
            if "landmarks" in rows.columns:
                columns["landmarks"] = rows["landmarks"].to_numpy().astype(np.float32)
            for name, column in columns.items():
                file.create_dataset(name, data=column, track_times=False)
        digest, size = sha256(part), part.stat().st_size
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    return ShardEntry(file=path.name, images=len(labels), counts=counts, bytes=size, sha256=digest)


def _stream(file: Any, images: int, values: Iterable[NDArray[Any]]) -> None:
    """Write `values` as the contiguous dataset `images` or `features` of an open HDF5 file, slice by slice."""
    start, dataset = 0, None
    for block in _slices(values):
        if dataset is None:
            shape, name = (images, *block.shape[1:]), "images" if block.dtype == np.uint8 else "features"
            dataset = file.create_dataset(name, shape, block.dtype, track_times=False, fill_time="never")
        dataset[start : start + len(block)] = block
        start += len(block)
    if start != images:  # rows never written would hold whatever was on the disk
        raise ValueError(f"{start} images came for {images} rows")


def _slices(values: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    block: list[NDArray[Any]] = []
    for value in values:
        block.append(value)
        if len(block) == SLICE:
            yield np.stack(block)
            block.clear()
    if block:
        yield np.stack(block)
