"""Benches of images, shards, plans and hashes. Each imports what it alone needs when it is prepared."""

# ruff: noqa: PLC0415

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.ways import BATCH, ROOT, SIZE, SOURCE, Way, decode_all, raw_images, recipe, shards_of, timed
from facesift.config.data import Ingest
from facesift.core.parallel import ONE_PROCESS
from facesift.datasets.examination import examine_files
from facesift.datasets.hash_search import close_pairs
from facesift.datasets.layouts import Layout
from facesift.datasets.manifest import build_manifest
from facesift.images.formats import FORMATS
from facesift.sampling.batches import shard_batches
from facesift.sampling.plans import make_plan
from facesift.shards.reading import ShardFolder

CLOSE = 48  # bits
EPOCHS = 10  # that are read, where one is over in a moment


def building(room: Path, images: int) -> tuple[Way, Way]:
    """Build shards; the floor is decoding and resizing alone."""
    rows, paths = raw_images(room, images)
    return timed(lambda: shards_of(room, rows)), timed(lambda: decode_all(paths))


def loading(room: Path, images: int) -> tuple[Way, Way]:
    """Read one epoch in batches: shards, and ImageFolder with a DataLoader."""
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    rows, paths = raw_images(room, images)
    shards = shards_of(room, rows)
    for path, label in zip(paths, rows["label"], strict=True):
        (room / "classes" / label).mkdir(parents=True, exist_ok=True)
        path.rename(room / "classes" / label / path.name)
    change = transforms.Compose([transforms.Resize((SIZE, SIZE)), transforms.ToTensor()])
    loader = DataLoader(ImageFolder(room / "classes", change), batch_size=BATCH)
    return _read(shards), timed(lambda: list(loader))


def _read(shards: ShardFolder) -> Way:
    """Read an epoch of shards in batches; several, as one is over in a moment."""
    return timed(lambda: list(shard_batches(shards, BATCH)), EPOCHS)


def loading_webdataset(room: Path, images: int) -> tuple[Way, Way]:
    """Read one epoch in batches: shards, and tar files of JPEGs by WebDataset."""
    from torch.utils.data import DataLoader
    from webdataset import WebDataset

    rows, paths = raw_images(room, images)
    with tarfile.open(room / "train-000.tar", "w") as archive:
        for number, (path, label) in enumerate(zip(paths, rows["label"], strict=True)):
            for ending, data in (("jpg", path.read_bytes()), ("cls", str(int(label == "fake")).encode())):
                member = tarfile.TarInfo(f"{number:06d}.{ending}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    opened = WebDataset(str(room / "train-000.tar"), shardshuffle=False).decode("pil").to_tuple("jpg", "cls")
    loader = DataLoader(opened.map_tuple(_pixels, int), batch_size=BATCH)
    shards = shards_of(room, rows)
    return _read(shards), timed(lambda: list(loader))


def loading_litdata(room: Path, images: int) -> tuple[Way, Way]:
    """Read one epoch in batches: shards, and the chunks of decoded pixels that LitData writes."""
    from litdata import StreamingDataLoader, StreamingDataset
    from litdata.streaming.writer import BinaryWriter

    rows, paths = raw_images(room, images)
    (room / "chunks").mkdir()
    writer = BinaryWriter(str(room / "chunks"), chunk_bytes="16MB")
    for number, (path, label) in enumerate(zip(paths, rows["label"], strict=True)):
        with Image.open(path) as image:
            writer[number] = {"pixels": _pixels(image), "label": int(label == "fake")}
    writer.done()
    writer.merge()
    loader = StreamingDataLoader(StreamingDataset(str(room / "chunks")), batch_size=BATCH)
    shards = shards_of(room, rows)
    return _read(shards), timed(lambda: list(loader))


def _pixels(image: Image.Image) -> NDArray[np.float32]:
    small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float32).transpose(2, 0, 1) / 255


def loading_mapped(room: Path, images: int) -> tuple[Way, Way]:
    """Read one epoch in batches; the floor is a numpy memmap of the same pixels."""
    shards = shards_of(room, raw_images(room, images)[0])
    whole = np.concatenate([shards.pixels(shard) for shard in range(len(shards.sizes))])
    np.save(room / "pixels.npy", whole)
    mapped = np.load(room / "pixels.npy", mmap_mode="r")
    starts = range(0, len(mapped), BATCH)
    floor = timed(lambda: [np.asarray(mapped[start : start + BATCH], np.float32) for start in starts], EPOCHS)
    return _read(shards), floor


def plans(room: Path, images: int) -> tuple[Way, Way]:
    """Re-sample with SMOTE: a plan's bytes, and those of the images that imbalanced-learn returns."""
    from imblearn.over_sampling import SMOTE

    shards, (_, member) = shards_of(room, raw_images(room, images)[0]), recipe()
    resample = member.resample.model_copy(update={"scope": "split", "smote": 1.0, "undersample": None, "neighbours": 3})

    def plan() -> float:
        make_plan(shards, resample, 0).write_parquet(room / "plan.parquet")
        return float((room / "plan.parquet").stat().st_size)

    def matrix() -> float:
        numbers = range(len(shards.sizes))
        pixels = np.concatenate([shards.pixels(each) for each in numbers]).reshape(shards.images, -1)
        labels = np.concatenate([shards.labels(each) for each in numbers])
        made, _ = SMOTE(k_neighbors=3, random_state=0).fit_resample(pixels.astype(np.float32), labels)
        return float(made.nbytes)

    return plan, matrix


MEMORY = """
import sys
from pathlib import Path
import polars as pl
from facesift.cli.bench_timing import peak_memory
from facesift.core.parallel import ONE_PROCESS
from facesift.shards.building import RawImageReader, Sharding, build_split
room = Path(sys.argv[1])
rows = pl.read_parquet(room / "rows.parquet")
build_split(room / "train", rows, RawImageReader(room / "raw", 64, 10**8), Sharding(256, 0, ONE_PROCESS))
print(peak_memory())
"""


def memory(room: Path, images: int) -> tuple[Way, Way]:
    """Peak memory of building shards from four times the images; the floor is that of the images once."""

    def peak(name: str, count: int) -> Way:
        (room / name).mkdir()
        raw_images(room / name, count)[0].write_parquet(room / name / "rows.parquet")
        command = [sys.executable, "-c", MEMORY, str(room / name)]
        return lambda: float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)  # noqa: S603

    return peak("four", 4 * images), peak("one", images)


def ingest(room: Path, images: int) -> tuple[Way, Way]:
    """Read, check, hash and describe raw files; the floor is decoding them."""
    _, paths = raw_images(room, images)
    (room / "set/real").mkdir(parents=True)
    for path in paths:
        path.rename(room / "set/real" / path.name)
    found, layouts = sorted((room / "set/real").iterdir()), {"made": Layout(SOURCE)}
    limits = Ingest(max_bad_fraction=0, max_unmatched=0, max_pixels=10**8, max_bytes=10**8, formats=[*FORMATS])

    def decode() -> None:
        for path in found:
            with Image.open(path) as image:
                image.convert("RGB")

    examined = timed(lambda: build_manifest(examine_files(room / "set", layouts, limits, ONE_PROCESS, lambda _: None)))
    return examined, timed(decode)


def near_duplicates(_: Path, images: int) -> tuple[Way, Way]:
    """Find close pairs among hashes, and by counting the bits of every pair with numpy."""
    rng = np.random.default_rng(0)  # hashes that agree in three of four bits, as those of aligned faces do
    words = np.packbits(rng.random((images, 256)) < rng.choice([0.25, 0.75], 256), axis=1).view(np.uint64)

    def count() -> None:
        for row in range(images):
            np.flatnonzero(np.bitwise_count(words[row] ^ words[row + 1 :]).sum(axis=1) <= CLOSE)

    return timed(lambda: close_pairs(words, CLOSE)), timed(count)
