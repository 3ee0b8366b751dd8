"""Compute every image's features by a frozen backbone and write them as shards: `python -m stages.embed clip_b16`."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import polars as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from facesift.config.backbones import Backbone
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.classes import SPLITS
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet
from facesift.images.faces import FACE_COLUMNS
from facesift.networks.embedding import Embedding, write_feature_shards
from facesift.networks.feature_store import FeatureStore, remove_other_stores
from facesift.shards.building import RawImageReader, Sharding

FEATURES = Path("data/features")
STORE = Path(".work/embed")  # outside the stage's outputs, which DVC clears before a run
COLUMNS = ["image_id", "source", "label", "container", "path"]


def main(params: Params, name: str) -> None:
    """Read the manifest, the split and the raw files; write `data/features/<name>/{train,val,test}`."""
    if name not in params.backbones:
        raise FacesiftError(f"backbones: {name} is none; there are {', '.join(params.backbones) or 'none'}")
    backbone, raw = params.backbones[name], Path("data/raw") / params.data.raw
    faces = list(FACE_COLUMNS) if params.data.crop.finds else []
    places = read_parquet(Path("data/manifest.parquet"), COLUMNS + faces)
    images = places.join(read_parquet(Path("data/split.parquet"), ["image_id", "split"]), on="image_id")
    reader = RawImageReader(raw, 1, params.ingest.max_pixels)
    embedding = Embedding(reader, backbone, STORE / name, params.parallel.workers)
    # fitting in folds learns from all images in turn, and so from copies of all of them
    folds = bool(params.evaluation.cross_fit or params.evaluation.leave_out)
    learned = images if folds else images.filter(pl.col("split") == "train")
    stores = _compute(images, learned, embedding, name)
    sharding = Sharding(params.shard.images, params.seed, classes=params.class_names.names)
    for split in SPLITS:
        rows = images.filter(pl.col("split") == split)
        wanted = stores if split == "train" or folds else stores[:1]
        write_feature_shards(FEATURES / name / split, rows, wanted, backbone, sharding)
    for store in stores:
        store.remove_others(images["image_id"])
    remove_other_stores(stores)


def _compute(images: pl.DataFrame, learned: pl.DataFrame, embedding: Embedding, name: str) -> list[FeatureStore]:
    """Compute what is missing; show progress, and say how fast it went."""
    spec: Backbone = embedding.backbone
    parts = [(images, False)] + ([(learned, True)] if spec.copies.count else [])
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    stores = []
    with Progress(*bars) as progress:
        for rows, copies in parts:
            what = f"{name}: {'damaged copies' if copies else 'images'}"
            bar, start = progress.add_task(what, total=rows.height), time.monotonic()
            stores.append(embedding.compute(rows, partial(progress.advance, bar), copies=copies))
            seconds = max(time.monotonic() - start, 1e-9)
            progress.print(f"{what}: {rows.height:,} in {seconds:.0f} s ({rows.height / seconds:.1f} a second)")
    return stores


if __name__ == "__main__":
    run(main)
