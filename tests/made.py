"""Things that tests make: parameters and shards of generated images."""

from pathlib import Path

import numpy as np
import polars as pl
import yaml

from facesift.config.params import Params, parse_params
from facesift.core.classes import BINARY
from facesift.shards.index import write_index
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import write_shard

ROOT = Path(__file__).resolve().parents[1]
SIZE = 32


def default_params() -> Params:
    return parse_params(yaml.safe_load((ROOT / "params.yaml").read_text()))


def made_images(
    images: int, fakes: int, seed: int, *, visible: bool, size: int = SIZE, classes: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Noise (images, size, size, 3) uint8 and labels; visible: classes but the first have a bright patch each.

    `fakes` images are of each class but the first; the patches of the third class and on have one colour.
    """
    rng = np.random.default_rng(seed)
    labels = np.zeros(images, int)
    order = rng.permutation(images)
    for label in range(1, classes):
        labels[order[(label - 1) * fakes : label * fakes]] = label
    pixels = rng.integers(0, 120, (images, size, size, 3), dtype=np.uint8)
    patch = slice(size // 4, size * 3 // 4)
    for label in range(1, classes if visible else 1):
        colours = slice(None) if label == 1 else slice(label - 2, label - 1)
        pixels[labels == label, patch, patch, colours] += 90
    return pixels, labels


def make_shards(
    folder: Path,
    images: int,
    fakes: int,
    *,
    shards: int = 2,
    seed: int = 0,
    visible: bool = True,
    size: int = SIZE,
    classes: tuple[str, ...] = BINARY,
):
    """Write `shards` shards of `images` images of `size` pixels, with `fakes` of each class but the first."""
    entries = []
    for number in range(shards):
        pixels, labels = made_images(images, fakes, seed + number, visible=visible, size=size, classes=len(classes))
        rows = pl.DataFrame(
            {
                "image_id": [f"{seed + number:016x}{row:016x}" for row in range(images)],
                "source": "made",
                "label": np.array(classes)[labels].tolist(),
            }
        )
        folder.mkdir(parents=True, exist_ok=True)
        entries.append(write_shard(folder / f"{number:05d}.h5", rows, iter(pixels), 4, classes))
    write_index(folder, size, entries, classes)
    return ShardFolder(folder)
