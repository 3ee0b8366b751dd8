"""Building HDF5 shards: deal the images of a split so that every shard is the split in small, then stream them to disk.

Dealing keeps the class ratio and the mix of sources in every shard: where a source is missing from most shards, a model
learns to tell sources apart instead of fakes from reals.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.data import WHOLE, Crop
from facesift.core.classes import BINARY
from facesift.core.errors import FacesiftError
from facesift.core.files import sha256, whole_file, whole_folder, write_json
from facesift.core.parallel import ALONE, Workers, parallel_map
from facesift.images.archives import read_bytes
from facesift.images.crops import View
from facesift.images.decoding import BadImage, decode
from facesift.images.face_columns import face_of
from facesift.images.faces import Face
from facesift.shards.reading import INDEX, SPLITS, VERSION, ShardEntry, ShardIndex

SLICE = 256  # rows written at a time: 12 MB at 125 pixels
ID_DIGITS = 32  # of the SHA-256 of a file that make its image_id


@dataclass(frozen=True)
class Decoder:
    """Finds an image again by its manifest row and gives the pixels that go into a shard.

    `raw` is the folder that containers and paths are relative to, `size` the side of the square in pixels; `resize` and
    `crop`: see `views.View`.
    """

    raw: Path
    size: int
    max_pixels: int
    resize: str = "squish"
    crop: Crop = WHOLE

    @property
    def view(self) -> View:
        """What is seen of an image."""
        return View(self.size, self.resize, self.crop)

    def pixels(self, image_id: str, container: str, path: str, face: Face | None = None) -> NDArray[np.uint8]:
        """Return (size, size, 3) uint8; `FacesiftError` when the file is no longer the one that was ingested."""
        name = f"{self.raw / container / path} (image {image_id})"
        try:
            data = read_bytes(self.raw, container, path)
            if hashlib.sha256(data).hexdigest()[:ID_DIGITS] != image_id:
                raise FacesiftError(f"{name}: changed since ingest; `dvc repro ingest` takes the new files in")
            return self.view.pixels(decode(data, self.max_pixels), face)
        except BadImage as error:
            raise FacesiftError(f"{name}: {error.reason}, but was good at ingest; `dvc repro ingest`") from error


@dataclass(frozen=True)
class Sharding:
    """How a split is cut: at most `images` per shard, dealt and shuffled by `seed`, written by `parallel` processes.

    The bytes written do not depend on `parallel`: each process writes whole shards.
    """

    images: int
    seed: int
    parallel: Workers = ALONE
    classes: tuple[str, ...] = BINARY


def deal(images: pl.DataFrame, shards: int, seed: int, split: str) -> pl.DataFrame:
    """Give every image a shard: same class ratio, source mix and size everywhere, to within one image per stratum.

    Args:
        images: one row per image with at least `image_id`, `source`, `label`, in any order.
        shards: number of shards, at least 1.
        seed: any non-negative integer; another `split` draws other numbers from it.
        split: one of `SPLITS`.

    Returns:
        The same rows with a column `shard` (Int32), sorted by it, in shuffled order within a shard.

    >>> faces = pl.DataFrame({"image_id": list("abcdef"), "source": ["rff"] * 6, "label": ["fake"] * 2 + ["real"] * 4})
    >>> dealt = deal(faces, 2, seed=7, split="train")
    >>> [sorted(dealt.filter(shard=number)["label"]) for number in (0, 1)]
    [['fake', 'real', 'real'], ['fake', 'real', 'real']]
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split),)))
    shuffled = images.sort("image_id").with_columns(_draw=pl.Series(rng.permutation(images.height)))
    dealt = shuffled.sort("source", "label", "_draw").with_columns(
        shard=pl.int_range(pl.len(), dtype=pl.Int32) % pl.lit(shards, pl.Int32),
        _draw=pl.Series(rng.permutation(images.height)),
    )
    return dealt.sort("shard", "_draw").drop("_draw")


def write_shard(
    path: Path,
    rows: pl.DataFrame,
    pixels: Iterable[NDArray[np.uint8]],
    source_width: int,
    classes: tuple[str, ...] = BINARY,
) -> ShardEntry:
    """Write one shard, whole or not at all, in the memory of `SLICE` rows.

    Args:
        path: the file to make.
        rows: `image_id`, `source`, `label` (one of `classes`), one row per image; `landmarks` (5, 2) if there are any.
        pixels: for each row an array (S, S, 3) uint8, in the same order.
        source_width: bytes of the longest source name of the split, so that all its shards have one type.
        classes: a label is written as its place among them.
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


def write_index(
    folder: Path, image_size: int, entries: list[ShardEntry], classes: tuple[str, ...] = BINARY
) -> ShardIndex:
    """Write and return the index of a finished folder; `entries` are in shard order."""
    index = ShardIndex(version=VERSION, image_size=image_size, classes=list(classes), shards=entries)
    write_json(folder / INDEX, index.model_dump())
    return index


def _build_shard(
    decoder: Decoder, source_width: int, classes: tuple[str, ...], task: tuple[Path, pl.DataFrame]
) -> ShardEntry:
    path, rows = task
    faces = [face_of(row) for row in rows.iter_rows(named=True)]
    places = zip(rows["image_id"], rows["container"], rows["path"], faces, strict=True)
    named = rows.with_columns(_landmarks(decoder.view, rows, faces)) if decoder.crop.finds else rows
    return write_shard(path, named, (decoder.pixels(*place) for place in places), source_width, classes)


def _landmarks(view: View, rows: pl.DataFrame, faces: list[Face | None]) -> pl.Series:
    """Column `landmarks`: where the faces' landmarks are in the squares, NaN without a face."""
    sizes = zip(rows["width"], rows["height"], strict=True)
    return pl.Series("landmarks", np.stack([view.landmarks(*each) for each in zip(sizes, faces, strict=True)]))


def build_split(
    folder: Path,
    images: pl.DataFrame,
    decoder: Decoder,
    sharding: Sharding,
    done: Callable[[ShardEntry], None] = lambda _: None,
) -> ShardIndex:
    """Build all shards of one split and their index; `folder` (named for the split) appears whole or not at all.

    Args:
        folder: for example `data/shards/train`; its name is the split.
        images: `image_id`, `source`, `label`, `container`, `path`, one row per image; for a crop around faces `width`,
            `height` and the columns `face_table.FACE`, too, and the shards get the dataset `landmarks`.
        decoder: where the images are and the size they get.
        sharding: sizes, seed and processes.
        done: called after each shard.

    Raises:
        FacesiftError: when there is no image, or one is no longer what it was at ingest.
    """
    if images.is_empty():
        raise FacesiftError(f"{folder}: split {folder.name!r} has no image; look at data/split.parquet")
    shards = math.ceil(images.height / sharding.images)
    rows = deal(images, shards, sharding.seed, folder.name)
    width = max(len(name.encode()) for name in rows["source"].unique())
    ends = np.searchsorted(rows["shard"].to_numpy(), np.arange(shards + 1)).tolist()
    here = replace(decoder, raw=decoder.raw.absolute())  # a worker may have been started in another folder
    with whole_folder(folder.absolute()) as part:
        build = partial(_build_shard, here, width, sharding.classes)
        tasks = ((part / f"{shard:05d}.h5", rows[start:end]) for shard, (start, end) in enumerate(pairwise(ends)))
        entries = []
        for entry in parallel_map(build, tasks, sharding.parallel, shared=(here.raw, part)):
            done(entry)
            entries.append(entry)
        return write_index(part, decoder.size, entries, sharding.classes)
