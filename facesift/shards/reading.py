"""Reads HDF5 shards of images or features: a folder of `NNNNN.h5` files.

Each is verified against `index.json` before its first row is used.

A shard holds contiguous, uncompressed datasets with one row per image: `images` (n, S, S, 3) uint8, `labels` (n,) uint8
(class numbers), `image_id` (n,) 32 bytes, `source` (n,) bytes. Where faces were detected there is also `landmarks`
(n, 5, 2) float32: left eye, right eye, nose tip, left and right corner of the mouth, (x, y) in pixels of the image, NaN
where no face was found. A shard of features holds `features` (n, 1 + copies, width) float16 in place of `images`: those
of the image, then those of its damaged copies.

Contiguous bytes can be mapped into memory, where single rows cost as little as slices; HDF5 itself is only asked for
the offsets. Contiguous data has no checksum of its own, so the index has one per file, which is checked once per
process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.errors import FacesiftError
from facesift.core.fingerprint import sha256
from facesift.shards.index import INDEX, REPAIR, ShardEntry, ShardIndex, read_index


@dataclass(frozen=True)
class _Column:
    """Where the bytes of a dataset are in its file."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class ShardFolder:
    """The shards of one split, opened when they are first read: cheap to make, to fork, and to send to another process.

    Args:
        folder: holds `index.json` and the shards, for example `data/shards/train`.

    Raises:
        FacesiftError: when the index is missing, damaged or of another version; later, when such a shard is read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = read_index(folder)
        self._columns: dict[int, dict[str, _Column]] = {}

    def __reduce__(self) -> tuple[type[ShardFolder], tuple[Path]]:
        # Another process opens and verifies for itself.
        return ShardFolder, (self.folder,)

    @property
    def image_size(self) -> int:
        """Side of the square images in pixels."""
        return self.index.image_size

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers."""
        return tuple(self.index.classes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows of each shard."""
        return tuple(entry.images for entry in self.index.shards)

    @property
    def images(self) -> int:
        """Rows of all shards."""
        return sum(self.sizes)

    def path(self, shard: int) -> Path:
        """Return the path of a shard."""
        return self.folder / self.index.shards[shard].file

    def pixels(self, shard: int) -> NDArray[np.uint8]:
        """Map a shard's images into memory, read-only: (n, S, S, 3). Only rows that are used take memory."""
        return self._map(shard, "images")

    def values(self, shard: int) -> NDArray[Any]:
        """Map what members learn from: images (n, S, S, 3) uint8, or features (n, width) float16, without copies."""
        return self.pixels(shard) if self.index.features is None else self._map(shard, "features")[:, 0]

    def copies(self, shard: int) -> NDArray[np.float16]:
        """Map the features of a shard's images and of their damaged copies: (n, 1 + copies, width)."""
        return self._map(shard, "features")

    def labels(self, shard: int) -> NDArray[np.uint8]:
        """Read a shard's class numbers, shape (n,)."""
        return np.array(self._map(shard, "labels"))

    def image_ids(self, shard: int) -> list[str]:
        """Read the ids of a shard's images."""
        return [value.decode("ascii") for value in self._map(shard, "image_id").tolist()]

    def sources(self, shard: int) -> list[str]:
        """Read the source of each of a shard's images."""
        return [value.decode("utf-8") for value in self._map(shard, "source").tolist()]

    def landmarks(self, shard: int) -> NDArray[np.float32] | None:
        """Read the landmarks of the faces in a shard's images.

        Returns:
            Left eye, right eye, nose tip, left and right corner of the mouth ("left" has the smaller x), (x, y) in
            pixels, shape (n, 5, 2); NaN without a face. None where no faces were detected.
        """
        return np.array(self._map(shard, "landmarks")) if "landmarks" in self._opened(shard) else None

    def _map(self, shard: int, name: str) -> NDArray[Any]:
        # A fresh map each time: a map that nobody holds gives its pages back.
        columns = self._opened(shard)
        if name not in columns:
            held = "images" if self.index.features is None else "features"
            raise FacesiftError(f"{self.path(shard)}: holds {held}, and no {name}")
        column = columns[name]
        return np.memmap(self.path(shard), column.dtype, "r", column.offset, column.shape)

    def _opened(self, shard: int) -> dict[str, _Column]:
        if shard not in self._columns:
            self._columns[shard] = _open(self.path(shard), self.index.shards[shard], self.index)
        return self._columns[shard]


def _open(path: Path, entry: ShardEntry, index: ShardIndex) -> dict[str, _Column]:
    """Verify a shard against its index entry and return where its datasets are."""
    _verify(path, entry)
    import h5py  # noqa: PLC0415  # half a second that screening and the tests of other wings need not pay

    shapes: dict[str, tuple[int, ...]] = {"images": (entry.images, *index.value_shape)}
    if index.features is not None:
        shapes = {"features": (entry.images, 1 + index.features.copies, index.features.width)}
    shapes |= dict.fromkeys(("labels", "image_id", "source"), (entry.images,))
    try:
        # Nobody changes a shard that is whole, and some network drives refuse locks.
        with h5py.File(path, "r", locking=False) as file:
            if "landmarks" in file:
                shapes["landmarks"] = (entry.images, 5, 2)
            columns = {name: _Column(file[name].id.get_offset(), file[name].shape, file[name].dtype) for name in shapes}
    except (OSError, KeyError, AttributeError) as error:
        raise FacesiftError(f"{path}: not a shard of this program ({error}); {REPAIR}") from error
    for name, column in columns.items():
        kind = {"image_id": "S", "source": "S", "landmarks": "f", "features": "f"}.get(name, "u")
        if column.shape != shapes[name] or column.dtype.kind != kind or column.offset is None:
            found = f"{column.shape} {column.dtype}{'' if column.offset else ', not contiguous'}"
            raise FacesiftError(f"{path}: dataset {name!r} is {found}, not contiguous {shapes[name]}; {REPAIR}")
    return columns


def _verify(path: Path, entry: ShardEntry) -> None:
    """Raise `FacesiftError` for a file whose size or SHA-256 is not what the index says."""
    if not path.is_file():
        raise FacesiftError(f"{path}: shard listed in {INDEX} is not there; {REPAIR}")
    size = path.stat().st_size
    if size != entry.bytes:
        raise FacesiftError(f"{path}: shard is incomplete or foreign, {size} bytes instead of {entry.bytes}; {REPAIR}")
    digest = sha256(path)
    if digest != entry.sha256:
        raise FacesiftError(
            f"{path}: shard is damaged or foreign, SHA-256 {digest} instead of {entry.sha256}; {REPAIR}"
        )
