"""Features that have been computed, kept in small files outside the stages' outputs: work that is not done twice.

A stage that is killed goes on where it was, and a study that gets more images computes theirs alone. The folder may be
deleted at any time.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file

ID_BYTES = 16  # of an image_id
OPEN = 128  # files whose rows are kept in memory


class FeatureStore:
    """A folder of blocks: safetensors files with the features of some images each.

    Args:
        folder: of the blocks; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, tuple[Path, int]] = {}
        for path in sorted(folder.glob("*.safetensors")):
            ids = _read_ids(path)
            self._places |= {image_id: (path, row) for row, image_id in enumerate(ids)}
        self._block = lru_cache(maxsize=OPEN)(_read_block)

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._places

    def read(self, image_id: str) -> NDArray[np.float16]:
        """Return what is kept of an image: (rows, width).

        Raises:
            FacesiftError: when its block is damaged.
        """
        path, row = self._places[image_id]
        values: NDArray[np.float16] = self._block(path)[row]
        return values

    def remove_others(self, image_ids: Iterable[str]) -> None:
        """Delete the blocks that hold none of these images: the store does not outgrow the study."""
        wanted = {self._places[image_id][0] for image_id in image_ids if image_id in self._places}
        for path in self.folder.glob("*.safetensors"):
            if path not in wanted:
                path.unlink()


def remove_other_stores(kept: Sequence[FeatureStore]) -> None:
    """Delete the folders beside some stores: features of other parameters, of other code, or of damaged images."""
    folders = {store.folder.absolute() for store in kept}
    for parent in {folder.parent for folder in folders}:
        for folder in parent.iterdir():
            if folder not in folders:
                shutil.rmtree(folder)


def write_block(folder: Path, image_ids: Sequence[str], values: NDArray[np.float16]) -> None:
    """Write the features of some images as one block, whole or not at all.

    Args:
        folder: of the store.
        image_ids: n ids of 32 hexadecimal digits.
        values: (n, rows, width).
    """
    ids = np.frombuffer(bytes.fromhex("".join(image_ids)), np.uint8).reshape(-1, ID_BYTES)
    features = np.ascontiguousarray(values)
    digest = hashlib.sha256(ids.tobytes() + features.tobytes()).hexdigest()
    name = hashlib.sha256(ids.tobytes()).hexdigest()[: 2 * ID_BYTES]  # never that of a block that holds other images
    with whole_file(folder / f"{name}.safetensors", private=True) as part:
        part.write_bytes(save({"ids": ids, "features": features}, metadata={"sha256": digest}))


def _read_ids(path: Path) -> list[str]:
    try:
        with safe_open(path, framework="numpy") as file:
            return [row.tobytes().hex() for row in file.get_tensor("ids")]
    except (OSError, SafetensorError):
        path.unlink()  # it is computed anew
        return []


def _read_block(path: Path) -> Any:
    with safe_open(path, framework="numpy") as file:
        ids, features = file.get_tensor("ids"), file.get_tensor("features")
        expected = file.metadata()["sha256"]
    if hashlib.sha256(ids.tobytes() + features.tobytes()).hexdigest() != expected:
        raise FacesiftError(f"{path}: damaged; delete it and run `dvc repro` again: its images are computed anew")
    return features
