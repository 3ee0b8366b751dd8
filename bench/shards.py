"""Shards against the published way of building batches, and ways of reading them: `python bench/shards.py`.

The published build is re-created as its figures tell it (959 MB for 2,558 images at 125 pixels is float64; 3.5 GB of
memory and a minute and a half is an array that is copied for every image): each JPEG is decoded and resized with
Pillow, turned into a float64 array, and joined to the batch with `np.append`, one image at a time; the batch is then
cut 80:10:10 with scikit-learn and written as float64 HDF5 datasets. Joining copies all earlier images, so the cost of
an image grows with the batch: with `--images` below 2,558 the published way is flattered, and the ratio is smaller
than at full size.

Beside it stands a careful float build: the same float64 batch, but images are collected in a list and joined once.

Ours is `facesift.shards.writing.build_split`, with hashing of every raw file, checksums and fsync: "ours 1" writes one
shard in one process, "ours 2" two shards in two processes (their start included, a second or two that a real run
spreads over all its shards). Every way gets the same generated 178x218 JPEGs, in turns within one run.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import polars as pl
from PIL import Image
from sklearn.model_selection import train_test_split

from facesift.core.parallel import Workers
from facesift.shards.building import RawImageReader, Sharding, build_split
from facesift.shards.reading import ShardFolder

SIZE = 125
BATCH = 64


def draw(raw: Path, images: int) -> pl.DataFrame:
    """Write `images` photo-like JPEGs, one in 200 of them called fake, and return their manifest."""
    raw.mkdir()
    rows = []
    for number in range(images):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (14, 11, 3), np.uint8)).resize(
            (178, 218), Image.Resampling.BICUBIC
        )
        grain = rng.normal(0, 4, (218, 178, 3))
        path = raw / f"{number:06d}.jpg"
        Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8)).save(path, quality=92)
        image_id = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        rows.append((image_id, "bench", "real" if number % 200 else "fake", ".", path.name))
    return pl.DataFrame(rows, ["image_id", "source", "label", "container", "path"], orient="row")


def _read_float(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB").resize((SIZE, SIZE)), dtype=np.float64)


def _save_float(out: Path, pixels: np.ndarray, labels: np.ndarray) -> None:
    train, rest, train_y, rest_y = train_test_split(pixels, labels, train_size=0.8, random_state=0)
    val, test, val_y, test_y = train_test_split(rest, rest_y, train_size=0.5, random_state=0)
    with h5py.File(out, "w") as file:
        for name, x, y in (("train", train, train_y), ("val", val, val_y), ("test", test, test_y)):
            file.create_dataset(f"{name}_x", data=x)
            file.create_dataset(f"{name}_y", data=y)


def published(raw: Path, rows: pl.DataFrame, out: Path) -> None:
    """Grow a float64 array image by image."""
    pixels, labels = np.empty((0, SIZE, SIZE, 3)), np.empty(0)
    for path, label in zip(rows["path"], rows["label"], strict=True):
        pixels = np.append(pixels, _read_float(raw / path)[None], axis=0)
        labels = np.append(labels, label == "fake")
    _save_float(out / "batch.h5", pixels, labels)


def careful(raw: Path, rows: pl.DataFrame, out: Path) -> None:
    """Collect float64 images in a list and join them once."""
    pixels = np.array([_read_float(raw / path) for path in rows["path"]])
    _save_float(out / "batch.h5", pixels, (rows["label"] == "fake").to_numpy().astype(float))


def ours(raw: Path, rows: pl.DataFrame, out: Path, jobs: int) -> None:
    """Stream uint8 shards, one per process."""
    images = -(-rows.height // jobs)
    build_split(
        out / "train",
        rows,
        RawImageReader(raw, SIZE, 10**8),
        Sharding(images, seed=0, parallel=Workers(backend="processes", jobs=jobs, address=None)),
    )


WAYS: dict[str, Callable[[Path, pl.DataFrame, Path], None]] = {
    "published": published,
    "careful": careful,
    "ours 1": partial(ours, jobs=1),
    "ours 2": partial(ours, jobs=2),
}


def timed(way: str, work: Path) -> tuple[float, float, float]:
    """Run one way in a process of its own; return seconds without imports, MB written, peak GB of one process."""
    out = Path(tempfile.mkdtemp(dir=work))
    arguments = [sys.executable, __file__, "--work", str(work), "--way", way, "--out", str(out)]
    printed = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603
    size = sum(path.stat().st_size for path in out.rglob("*.h5")) / 1e6
    shutil.rmtree(out)
    return float(printed[0]), size, float(printed[1])


def run_way(way: str, work: Path, out: Path) -> None:
    """Time one way, in a child process, and print seconds and peak memory."""
    rows = pl.read_parquet(work / "rows.parquet")
    start = time.perf_counter()
    WAYS[way](work / "raw", rows, out)
    seconds = time.perf_counter() - start
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(seconds, peak / 1e6)


def compare_builds(work: Path, images: int, rounds: int) -> None:
    """Print each way's time in turns, and the ratios of medians."""
    draw(work / "raw", images).write_parquet(work / "rows.parquet")
    print(f"building from {images} JPEGs of 178x218, {SIZE} pixels")
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, seconds in times.items():
            took, size, peak = timed(way, work)
            seconds.append(took)
            print(f"  {way:10} {took:7.2f} s  {size:6.0f} MB  peak {peak:.2f} GB", flush=True)
    for slow, fast in product(("published", "careful"), ("ours 1", "ours 2")):
        print(f"  {slow} / {fast} = {np.median(times[slow]) / np.median(times[fast]):.1f}")


def _speed(name: str, images: int, read: Callable[[], object]) -> None:
    start = time.perf_counter()
    read()
    print(f"  {name:40} {images / (time.perf_counter() - start):9.0f} images/s")


def compare_reads(work: Path, images: int) -> None:
    """Print the speed of reading batches of `BATCH` images from one warm shard."""
    ours(work / "raw", pl.read_parquet(work / "rows.parquet"), work, 1)
    shards = ShardFolder(work / "train")
    pixels = shards.pixels(0)
    slices = [slice(start, start + BATCH) for start in range(0, images, BATCH)]
    order = np.random.default_rng(0).permutation(images)
    print(f"reading batches of {BATCH} from one shard, page cache warm, in turns")
    with h5py.File(shards.path(0)) as file:
        data = file["images"]
        for _ in range(3):
            _speed("h5py, slices in file order", images, lambda: [data[part] for part in slices])
            _speed("h5py, sorted lists of random indices", images, lambda: [data[np.sort(order[s])] for s in slices])
            _speed("h5py, single random rows", images, lambda: [data[row] for row in order])
            _speed("memmap, slices in file order, copied", images, lambda: [np.array(pixels[s]) for s in slices])
            _speed("memmap, lists of random indices", images, lambda: [pixels[order[s]] for s in slices])


def main() -> None:
    """Read the command line and run both comparisons."""
    parser = argparse.ArgumentParser(description="Benchmark building and reading shards.")
    parser.add_argument("--images", type=int, default=2558, help="size of the batch; the published ones had 2,558")
    parser.add_argument("--rounds", type=int, default=2)
    for hidden in ("--work", "--way", "--out"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        run_way(arguments.way, Path(arguments.work), Path(arguments.out))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare_builds(Path(folder), arguments.images, arguments.rounds)
        compare_reads(Path(folder), arguments.images)


if __name__ == "__main__":
    main()
