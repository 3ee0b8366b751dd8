"""Read the folder that bench/pack_faces.py writes, with NumPy and Pillow alone."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.images.archives import read_bytes
from facesift.images.decoding import BadImage, decode
from facesift.sampling.resamplers import interpolate

FACES, VERSION = "faces.json", 1
BACKBONE = "layer_norms"  # name of the network of which norms and head alone learn
SPLIT_COLUMNS = ("labels", "sources", "groups")
CHUNK = 512  # SMOTE's images that are made at a time: in float64, 0.2 GB at 125 pixels
AGAIN = "make it again with `python -m bench.pack_faces`"


@dataclass(frozen=True)
class PackedFaces:
    """What faces.json says.

    Attributes:
        folder: the packed folder.
        image_size: side of the images in pixels.
        classes: names of the classes.
        jpeg_quality: of all images.
        recipes: each network's recipe by its name: the fields of `facesift.config.members.Member`.
    """

    folder: Path
    image_size: int
    classes: Classes
    jpeg_quality: int
    recipes: dict[str, Any]


@dataclass(frozen=True)
class Faces:
    """The n images of one split, in memory.

    Attributes:
        pixels: (n, S, S, 3) in 0 to 255: uint8, or float32 where some are SMOTE's.
        labels: class numbers, (n,).
        sources: names of the data sets that they came from, (n,).
        groups: numbers of their near-duplicate groups, (n,).
    """

    pixels: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]
    sources: NDArray[np.str_]
    groups: NDArray[np.int64]


def image_name(number: int) -> str:
    """Return the name of an image in its zip.

    >>> image_name(7)
    '000007.jpg'
    """
    return f"{number:06d}.jpg"


def read_faces(folder: Path) -> PackedFaces:
    """Read what a packed folder holds; no image is read yet.

    Raises:
        FacesiftError: when it is no packed folder, or one of another version.
    """
    path = folder / FACES
    if not path.is_file():
        raise FacesiftError(f"{path}: not there, so this is no packed folder; {AGAIN}")
    tree = json.loads(path.read_text(encoding="utf-8"))
    if tree.get("version") != VERSION:
        raise FacesiftError(f"{path}: version {tree.get('version')!r}, but this program reads {VERSION}; {AGAIN}")
    classes = Classes(tuple(tree["classes"]), tree["positive"])
    recipes = {name: _recipe(fields) for name, fields in tree["recipes"].items()}
    return PackedFaces(folder, tree["image_size"], classes, tree["jpeg_quality"], recipes)


def _recipe(fields: Any) -> Any:
    """Turn sections into objects with attributes, as training reads them; `arguments` stay a dictionary."""
    if not isinstance(fields, dict):
        return fields
    return SimpleNamespace(**{key: each if key == "arguments" else _recipe(each) for key, each in fields.items()})


def read_split(faces: PackedFaces, split: str) -> Faces:
    """Decode the images of a split, on all cores.

    Raises:
        FacesiftError: when its files are missing or damaged.
    """
    table = read_arrays(faces.folder / f"{split}.npz", SPLIT_COLUMNS)
    count, size = len(table["labels"]), faces.image_size
    pixels = np.empty((count, size, size, 3), np.uint8)

    def decode_one(number: int) -> None:
        data = read_bytes(faces.folder, f"{split}.zip", image_name(number))
        pixels[number] = np.asarray(decode(data, size * size))

    try:
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # Pillow decodes without holding Python's lock
            list(threads.map(decode_one, range(count)))
    except (BadImage, ValueError) as error:
        raise FacesiftError(f"{faces.folder / split}.zip: {error}; {AGAIN}") from error
    return Faces(pixels, table["labels"].astype(np.int64), table["sources"], table["groups"].astype(np.int64))


def planned_rows(faces: PackedFaces, name: str) -> int:
    """Count the images of a network's sampling plan."""
    return len(read_arrays(faces.folder / f"plans/{name}.npz", ("label",))["label"])


def read_arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Read the named arrays of an .npz file; nothing in it can run code.

    Raises:
        FacesiftError: when the file is missing or damaged, or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except Exception as error:  # what a damaged zip raises depends on where it is damaged
        raise FacesiftError(f"{path}: cannot be read ({type(error).__name__}: {error}); {AGAIN}") from error


def training_images(faces: PackedFaces, train: Faces, name: str) -> Faces:
    """Make all images of a network's sampling plan, SMOTE's among them.

    Args:
        faces: the packed folder.
        train: the training images.
        name: of the network.

    Returns:
        One image for each row of the plan; sources and groups are those of SMOTE's base images.
    """
    names = ("base", "neighbour", "step", "label", "synthetic")
    plan = read_arrays(faces.folder / f"plans/{name}.npz", names)
    pixels = train.pixels[plan["base"]].astype(np.float32)
    made = np.flatnonzero(plan["synthetic"])
    for start in range(0, len(made), CHUNK):
        rows = made[start : start + CHUNK]
        neighbours = train.pixels[plan["neighbour"][rows]].astype(np.float32)
        pixels[rows] = interpolate(pixels[rows], neighbours, plan["step"][rows])
    return Faces(pixels, plan["label"].astype(np.int64), train.sources[plan["base"]], train.groups[plan["base"]])
