"""Reading and sharding made images in one process, in two, on Ray and on Dask: `python -m bench.scaling`.

Each way starts its own workers in a new process, as a stage does; "work" is the second pass, when they stand.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from facesift.config.data import Ingest, Source
from facesift.core.parallel import Workers
from facesift.datasets.examination import examine_files
from facesift.datasets.layouts import Layout
from facesift.datasets.manifest import build_manifest
from facesift.shards.building import RawImageReader, Sharding, build_split

WAYS = {
    "1 process": Workers(backend="processes", jobs=1, address=None),
    "2 processes": Workers(backend="processes", jobs=2, address=None),
    "ray, 2 workers": Workers(backend="ray", jobs=2, address=None),
    "dask, 2 workers": Workers(backend="dask", jobs=2, address=None),
}
LIMITS = Ingest(max_bad_fraction=0, max_pixels=10**8, max_bytes=10**8)


def write_images(folder: Path, images: int) -> None:
    """JPEGs of 600 x 600 with a broad pattern, one in ten fake."""
    rng = np.random.default_rng(0)
    for number in range(images):
        path = folder / ("fake" if number % 10 == 0 else "real") / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        broad = Image.fromarray(rng.integers(0, 256, (60, 60, 3), dtype=np.uint8))
        broad.resize((600, 600), Image.Resampling.BICUBIC).save(path, quality=90)


def one_pass(raw: Path, out: Path, way: Workers) -> float:
    """Seconds to ingest and to shard all images."""
    start = time.perf_counter()
    layouts = {"made": Layout(Source(layout="class_folders"))}
    images = build_manifest(examine_files(raw, layouts, LIMITS, way, lambda _: None)).images
    rows = images.select("image_id", "source", "label", "container", "path")
    build_split(out / "train", rows, RawImageReader(raw, 64, 10**8), Sharding(256, 0, way))
    return time.perf_counter() - start


def main() -> None:
    """Print a row for each way, or with --way run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--raw", type=Path)
    given = parser.parse_args()
    if given.way:
        with tempfile.TemporaryDirectory() as room:
            passes = [one_pass(given.raw, Path(room), WAYS[given.way]) for _ in range(2)]
        print(f"{given.way:<16} start {passes[0] - passes[1]:5.1f} s  work {passes[1]:5.1f} s", flush=True)
        return
    with tempfile.TemporaryDirectory() as room:
        write_images(Path(room), given.images)
        for way in WAYS:
            subprocess.run([sys.executable, "-m", "bench.scaling", "--way", way, "--raw", room], check=True)  # noqa: S603


if __name__ == "__main__":
    main()
