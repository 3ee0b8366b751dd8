"""Write the images of each split as HDF5 shards: `python -m stages.shard`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.classes import SPLITS
from facesift.core.files import read_parquet
from facesift.core.formatting import counted
from facesift.images.faces import FACE_COLUMNS
from facesift.shards.building import RawImageReader, Sharding, build_split
from facesift.shards.index import ShardEntry

SHARDS = Path("data/shards")
COLUMNS = ["image_id", "source", "label", "container", "path"]
FACES = ["width", "height", *FACE_COLUMNS]


def main(params: Params) -> None:
    """Read `data/manifest.parquet`, `data/split.parquet` and the raw files; write `data/shards/{train,val,test}`."""
    columns = COLUMNS + FACES if params.data.crop.finds else COLUMNS
    places = read_parquet(Path("data/manifest.parquet"), columns)
    images = places.join(read_parquet(Path("data/split.parquet"), ["image_id", "split"]), on="image_id")
    data = params.data
    reader = RawImageReader(
        Path("data/raw") / data.raw, data.image_size, params.ingest.max_pixels, data.resize, data.crop
    )
    sharding = Sharding(params.shard.images, params.seed, params.parallel.workers, params.class_names.names)
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars) as progress:
        for split in SPLITS:
            rows = images.filter(pl.col("split") == split)
            bar = progress.add_task(f"{split} images", total=rows.height)

            def advance(entry: ShardEntry, bar: TaskID = bar) -> None:
                progress.advance(bar, entry.images)

            index = build_split(SHARDS / split, rows, reader, sharding, advance)
            counts = [sum(each) for each in zip(*(entry.counts for entry in index.shards), strict=True)]
            said = ", ".join(f"{count} {name}" for count, name in zip(counts, index.classes, strict=True))
            progress.print(f"{split}: {said} in {counted(len(index.shards), 'shard')}")


if __name__ == "__main__":
    run(main)
