"""Things that tests make: parameters and shards of generated images."""

from pathlib import Path

import numpy as np
import polars as pl
import yaml

from facesift.data.sharding import write_index, write_shard
from facesift.data.shards import ShardFolder
from facesift.params import Params, parse_params

ROOT = Path(__file__).resolve().parents[1]
SIZE = 32


def default_params() -> Params:
    return parse_params(yaml.safe_load((ROOT / "params.yaml").read_text()))


def made_images(images: int, fakes: int, seed: int, *, visible: bool) -> tuple[np.ndarray, np.ndarray]:
    """Noise (images, SIZE, SIZE, 3) uint8 and labels; a visible fake has a bright patch in the middle."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(images, int)
    labels[rng.permutation(images)[:fakes]] = 1
    pixels = rng.integers(0, 120, (images, SIZE, SIZE, 3), dtype=np.uint8)
    if visible:
        pixels[labels == 1, 8:24, 8:24] += 90
    return pixels, labels


def make_shards(folder: Path, images: int, fakes: int, *, shards: int = 2, seed: int = 0, visible: bool = True):
    """Write `shards` shards of `images` images with `fakes` fakes each."""
    entries = []
    for number in range(shards):
        pixels, labels = made_images(images, fakes, seed + number, visible=visible)
        rows = pl.DataFrame(
            {
                "image_id": [f"{seed + number:016x}{row:016x}" for row in range(images)],
                "source": "made",
                "label": np.where(labels == 1, "fake", "real").tolist(),
            }
        )
        folder.mkdir(parents=True, exist_ok=True)
        entries.append(write_shard(folder / f"{number:05d}.h5", rows, iter(pixels), 4))
    write_index(folder, SIZE, entries)
    return ShardFolder(folder)
