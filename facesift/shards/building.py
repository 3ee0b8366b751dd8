"""Builds the shards of a split from raw images; each shard has the split's class ratio and mix of sources.

Where a source is missing from most shards, a model learns to tell sources apart instead of fakes from reals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from facesift.config.data import WHOLE, Crop
from facesift.core.classes import BINARY, SPLITS
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet, whole_folder
from facesift.core.parallel import ONE_PROCESS, Workers, parallel_map
from facesift.images.archives import image_id, read_bytes
from facesift.images.crops import InputSquare
from facesift.images.decoding import BadImage, decode
from facesift.images.faces import FACE_COLUMNS, Face, face_of_row
from facesift.shards.index import ShardEntry, ShardIndex, write_index
from facesift.shards.writing import write_shard


@dataclass(frozen=True)
class RawImageReader:
    """Reads the pixels of images that the manifest lists.

    Attributes:
        raw: the folder that containers and paths are relative to.
        size: side of the square in pixels.
        max_pixels: largest allowed width times height of an image.
        resize: how an image without a crop becomes square, see `crops.InputSquare`.
        crop: which part of an image is cut out.
    """

    raw: Path
    size: int
    max_pixels: int
    resize: str = "squish"
    crop: Crop = WHOLE

    @property
    def square(self) -> InputSquare:
        """The square that is cut out of an image."""
        return InputSquare(self.size, self.resize, self.crop)

    def pixels(self, expected_id: str, container: str, path: str, face: Face | None = None) -> NDArray[np.uint8]:
        """Read the square of one image: pixels (size, size, 3). The arguments and errors are those of `image`."""
        return self.square.pixels(self.image(expected_id, container, path), face)

    def image(self, expected_id: str, container: str, path: str) -> Image.Image:
        """Read one whole image, upright and RGB.

        Args:
            expected_id: its `image_id`.
            container: its zip file, or `archives.LOOSE`.
            path: its path there.

        Raises:
            FacesiftError: when the file is no longer the one that was ingested.
        """
        try:
            data = read_bytes(self.raw, container, path)
            if image_id(data) == expected_id:
                return decode(data, self.max_pixels)
            problem = "changed since ingest; `dvc repro ingest` reads the new files"
        except BadImage as error:
            problem = f"{error.reason}, but was usable at ingest; run `dvc repro ingest`"
        raise FacesiftError(f"{self.raw / container / path} (image {expected_id}): {problem}")


def read_places(manifest: Path, image_ids: pl.Series, *, faces: bool) -> pl.DataFrame:
    """Read where the files of some images are.

    Args:
        manifest: the table that ingest wrote.
        image_ids: of the images.
        faces: whether the faces in them are read, too.

    Returns:
        Columns image_id, container, path, and with `faces` those of `images.faces.FACE_COLUMNS`.
    """
    columns = ["image_id", "container", "path", *(FACE_COLUMNS if faces else [])]
    return read_parquet(manifest, columns).filter(pl.col("image_id").is_in(image_ids.implode()))


@dataclass(frozen=True)
class Sharding:
    """How a split is divided into shards. The bytes that are written do not depend on `parallel`.

    Attributes:
        images: most images in a shard.
        seed: of the assignment to shards and of the order in them.
        parallel: processes, each of which writes whole shards.
        classes: names of the classes, by number.
    """

    images: int
    seed: int
    parallel: Workers = ONE_PROCESS
    classes: tuple[str, ...] = BINARY


def assign_shards(images: pl.DataFrame, shards: int, seed: int, split: str) -> pl.DataFrame:
    """Assign images to shards, stratified by source and label, and shuffle them within each shard.

    Every shard has the same class ratio, mix of sources and size, to within one image per stratum.

    Args:
        images: one row per image with at least `image_id`, `source`, `label`, in any order.
        shards: number of shards, at least 1.
        seed: any non-negative integer; another `split` gets other random numbers from it.
        split: one of `SPLITS`.

    Returns:
        The same rows with a column `shard` (Int32), sorted by it, in shuffled order within a shard.

    >>> faces = pl.DataFrame({"image_id": list("abcdef"), "source": ["rff"] * 6, "label": ["fake"] * 2 + ["real"] * 4})
    >>> assigned = assign_shards(faces, 2, seed=7, split="train")
    >>> [sorted(assigned.filter(shard=number)["label"]) for number in (0, 1)]
    [['fake', 'real', 'real'], ['fake', 'real', 'real']]
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split),)))
    shuffled = images.sort("image_id").with_columns(_draw=pl.Series(rng.permutation(images.height)))
    assigned = shuffled.sort("source", "label", "_draw").with_columns(
        shard=pl.int_range(pl.len(), dtype=pl.Int32) % pl.lit(shards, pl.Int32),
        _draw=pl.Series(rng.permutation(images.height)),
    )
    return assigned.sort("shard", "_draw").drop("_draw")


def build_split(
    folder: Path,
    images: pl.DataFrame,
    reader: RawImageReader,
    sharding: Sharding,
    done: Callable[[ShardEntry], None] = lambda _: None,
) -> ShardIndex:
    """Write all shards of one split and their index; the folder appears complete or not at all.

    Args:
        folder: for example `data/shards/train`; its name is the split.
        images: `image_id`, `source`, `label`, `container`, `path`, one row per image. For a crop around faces also
            `width`, `height` and `images.faces.FACE_COLUMNS`; the shards then get the dataset `landmarks`.
        reader: where the images are and the size they get.
        sharding: sizes, seed and processes.
        done: called after each shard.

    Returns:
        The index that was written.

    Raises:
        FacesiftError: when there is no image, or one is no longer what it was at ingest.
    """
    if images.is_empty():
        raise FacesiftError(f"{folder}: split {folder.name!r} has no image; look at data/split.parquet")
    shards = math.ceil(images.height / sharding.images)
    rows = assign_shards(images, shards, sharding.seed, folder.name)
    width = max(len(name.encode()) for name in rows["source"].unique())
    ends = np.searchsorted(rows["shard"].to_numpy(), np.arange(shards + 1)).tolist()
    here = replace(reader, raw=reader.raw.absolute())  # a worker may have been started in another folder
    with whole_folder(folder.absolute(), private=True) as part:
        build = partial(_build_shard, here, width, sharding.classes)
        tasks = ((part / f"{shard:05d}.h5", rows[start:end]) for shard, (start, end) in enumerate(pairwise(ends)))
        entries = []
        for entry in parallel_map(build, tasks, sharding.parallel, shared=(here.raw, part)):
            done(entry)
            entries.append(entry)
        return write_index(part, reader.size, entries, sharding.classes)


def _build_shard(
    reader: RawImageReader, source_width: int, classes: tuple[str, ...], task: tuple[Path, pl.DataFrame]
) -> ShardEntry:
    path, rows = task
    faces = [face_of_row(row) for row in rows.iter_rows(named=True)]
    places = zip(rows["image_id"], rows["container"], rows["path"], faces, strict=True)
    named = rows.with_columns(_landmarks(reader.square, rows, faces)) if reader.crop.finds else rows
    return write_shard(path, named, (reader.pixels(*place) for place in places), source_width, classes)


def _landmarks(square: InputSquare, rows: pl.DataFrame, faces: list[Face | None]) -> pl.Series:
    """Return the column `landmarks`: where the faces' landmarks are in the squares; NaN without a face."""
    sizes = zip(rows["width"], rows["height"], strict=True)
    return pl.Series("landmarks", np.stack([square.landmarks(*each) for each in zip(sizes, faces, strict=True)]))
