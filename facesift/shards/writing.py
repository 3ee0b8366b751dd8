"""Writes one HDF5 shard."""

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
    pixels: Iterable[NDArray[np.uint8]],
    source_width: int,
    classes: tuple[str, ...] = BINARY,
) -> ShardEntry:
    """Write one shard, complete or not at all, with at most `SLICE` rows in memory.

    Args:
        path: the file to write.
        rows: `image_id`, `source`, `label` (one of `classes`), one row per image; `landmarks` (5, 2) if there are any.
        pixels: for each row an array (S, S, 3), in the same order.
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
    with whole_file(path) as part:
        with h5py.File(part, "w") as file:
            _stream(file, len(labels), pixels)
            columns = {
                "labels": labels,
                "image_id": np.array(rows["image_id"].to_list(), f"S{ID_DIGITS}"),
                "source": np.array([name.encode() for name in rows["source"]], f"S{source_width}"),
            }
            if "landmarks" in rows.columns:
                columns["landmarks"] = rows["landmarks"].to_numpy().astype(np.float32)
            for name, values in columns.items():
                file.create_dataset(name, data=values, track_times=False)
        digest, size = sha256(part), part.stat().st_size
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    return ShardEntry(file=path.name, images=len(labels), counts=counts, bytes=size, sha256=digest)


def _stream(file: Any, images: int, pixels: Iterable[NDArray[np.uint8]]) -> None:
    """Write `pixels` as the contiguous dataset `images` of an open HDF5 file, slice by slice."""
    start, dataset = 0, None
    for block in _slices(pixels):
        if dataset is None:
            shape = (images, *block.shape[1:])
            dataset = file.create_dataset("images", shape, np.uint8, track_times=False, fill_time="never")
        dataset[start : start + len(block)] = block
        start += len(block)
    if start != images:  # rows never written would hold whatever was on the disk
        raise ValueError(f"{start} images came for {images} rows")


def _slices(pixels: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    block: list[NDArray[np.uint8]] = []
    for image in pixels:
        block.append(image)
        if len(block) == SLICE:
            yield np.stack(block)
            block.clear()
    if block:
        yield np.stack(block)
