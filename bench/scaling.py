"""Time reading and sharding generated images in one process, in two, on Ray and on Dask: `python -m bench.scaling`.

Each way runs in a new process, as a stage does, and starts its own workers. Two passes are timed: "work" is the second
one, with the workers there, and "start" is what the first took longer.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from bench.ways import SOURCE
from facesift.config.data import Ingest
from facesift.core.parallel import Workers
from facesift.datasets.examination import examine_files
from facesift.datasets.layouts import Layout
from facesift.datasets.manifest import build_manifest
from facesift.images.formats import FORMATS
from facesift.shards.building import RawImageReader, Sharding, build_split
from workflow.dvc_command import run_script

WAYS = {
    "1 process": Workers(backend="processes", jobs=1, address=None),
    "2 processes": Workers(backend="processes", jobs=2, address=None),
    "ray, 2 workers": Workers(backend="ray", jobs=2, address=None),
    "dask, 2 workers": Workers(backend="dask", jobs=2, address=None),
}
LIMITS = Ingest(max_bad_fraction=0, max_unmatched=0, max_pixels=10**8, max_bytes=10**8, formats=[*FORMATS])


def write_images(folder: Path, images: int) -> None:
    """Write JPEGs of 600 x 600 pixels with a coarse pattern, one in ten of them fake."""
    rng = np.random.default_rng(0)
    for number in range(images):
        path = folder / ("fake" if number % 10 == 0 else "real") / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (60, 60, 3), dtype=np.uint8))
        coarse.resize((600, 600), Image.Resampling.BICUBIC).save(path, quality=90)


def one_pass(raw: Path, out: Path, way: Workers) -> float:
    """Read, check and shard all images of `raw` into `out`; return the seconds."""
    start = time.perf_counter()
    layouts = {"generated": Layout(SOURCE)}
    images = build_manifest(examine_files(raw, layouts, LIMITS, way, lambda _: None)).images
    rows = images.select("image_id", "source", "label", "container", "path")
    build_split(out / "train", rows, RawImageReader(raw, 64, 10**8), Sharding(256, 0, way))
    return time.perf_counter() - start


def time_way(way: str, raw: Path) -> None:
    """Time two passes in this process and print one row."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = (one_pass(raw, Path(folder), WAYS[way]) for _ in range(2))
    print(f"{way:<16} start {first - second:5.1f} s  work {second:5.1f} s", flush=True)


def main(
    *,
    images: Annotated[int, typer.Option(min=1, help="how many to generate")] = 4096,
    way: Annotated[str | None, typer.Option(hidden=True)] = None,
    raw: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Print a row of seconds for each way to spread the work."""
    if way and raw:  # in the child process of one way
        time_way(way, raw)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), images)
        for each in WAYS:
            command = [sys.executable, "-m", "bench.scaling", "--way", each, "--raw", folder]
            subprocess.run(command, check=True)  # noqa: S603


if __name__ == "__main__":
    run_script(main)
