"""Shards of random pixels: what re-sampling does must not depend on what they show."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from facesift.shards.index import write_index
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import write_shard

SIZE = 8
MakeShards = Callable[..., ShardFolder]


@pytest.fixture
def make_shards(tmp_path: Path) -> MakeShards:
    """Return a function that writes one shard of `(real, fake)` images per pair, labels mixed."""

    def make(counts: Sequence[tuple[int, int]], seed: int = 0, size: int = SIZE, folder: str = "train") -> ShardFolder:
        rng, entries = np.random.default_rng(seed), []
        for shard, (real, fake) in enumerate(counts):
            labels = rng.permutation(["real"] * real + ["fake"] * fake)
            ids = [hashlib.sha256(f"{seed} {shard} {row}".encode()).hexdigest()[:32] for row in range(len(labels))]
            rows = pl.DataFrame({"image_id": ids, "source": ["noise"] * len(ids), "label": labels})
            pixels = (rng.integers(0, 256, (size, size, 3), np.uint8) for _ in ids)
            entries.append(write_shard(tmp_path / folder / f"{shard:05d}.h5", rows, pixels, 5))
        write_index(tmp_path / folder, size, entries)
        return ShardFolder(tmp_path / folder)

    return make
