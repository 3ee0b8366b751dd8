"""What the benches of `make bench` share: the two ways of a bench, and the images that they work on."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from bench.shards import draw
from bench.toy import ROOT, compose_study
from facesift.config.data import Source
from facesift.config.params import Params, parse_params
from facesift.core.parallel import ONE_PROCESS
from facesift.shards.building import RawImageReader, Sharding, build_split
from facesift.shards.reading import ShardFolder

SIZE, BATCH = 64, 32
BUNDLE = ROOT / "models/committee"
Way = Callable[[], float]  # runs once, and returns seconds, bytes or megabytes
SOURCE = Source(
    layout="class_folders", within="*", folder=None, label=None, csv=None,
    columns=None, aliases={}, group=None, exclude=[],
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """A comparison.

    Attributes:
        what: what is compared, in a few words.
        ours: our way, in a few words.
        theirs: the other way.
        prepare: makes the data in a folder, in a size, and returns both ways.
        full: size of `make bench`, mostly images.
        small: size of `make bench-small`; None: left out there, as its figures would be noise or take long.
        unit: of the amounts.
        needs: a file without which the bench is left out.
    """

    what: str
    ours: str
    theirs: str
    prepare: Callable[[Path, int], tuple[Way, Way]]
    full: int
    small: int | None
    unit: str = "s"
    needs: Path | None = None


def processor_seconds(*whose: int) -> float:
    """Seconds that processors have worked.

    Args:
        whose: of `resource`: RUSAGE_SELF for this process, RUSAGE_CHILDREN for those that it started and that have
            ended; none: both.
    """
    found = map(resource.getrusage, whose or (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in found)


def timed(work: Callable[[], object], times: int = 1, clock: Callable[[], float] = processor_seconds) -> Way:
    """Make a way of something that is timed.

    Args:
        work: does it.
        times: how often it is done; the way's seconds are those of once. For what is over in a moment.
        clock: tells the seconds. The processor's time is that on one core, and other work beside changes it little.
    """

    def run() -> float:
        start = clock()
        for _ in range(times):
            work()
        return (clock() - start) / times

    return run


def decode_all(paths: Iterable[Path]) -> None:
    """Decode images and bring them to the size of the shards: the least that anybody has to do."""
    for path in paths:
        with Image.open(path) as image:
            np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


@cache
def _drawn() -> tuple[tempfile.TemporaryDirectory[str], list[int]]:
    """The images that have been drawn in this process, and their number as the only entry of a list."""
    return tempfile.TemporaryDirectory(prefix="facesift-bench-"), [0]


def raw_images(room: Path, images: int) -> tuple[pl.DataFrame, list[Path]]:
    """Draw images below `room/raw`, or link those of an earlier bench; return their rows and their paths."""
    folder, drawn = _drawn()
    kept = Path(folder.name) / "raw"
    if drawn[0] < images:
        shutil.rmtree(kept, ignore_errors=True)
        draw(kept, images).write_parquet(kept.parent / "rows.parquet")
        drawn[0] = images
    rows = pl.read_parquet(kept.parent / "rows.parquet").head(images)
    (room / "raw").mkdir()
    for name in rows["path"]:
        os.link(kept / name, room / "raw" / name)
    return rows, [room / "raw" / name for name in rows["path"]]


def shards_of(room: Path, rows: pl.DataFrame, out: str = "train") -> ShardFolder:
    """Build shards of such images in `room/out`."""
    build_split(room / out, rows, RawImageReader(room / "raw", SIZE, 10**8), Sharding(256, 0, ONE_PROCESS))
    return ShardFolder(room / out)


def recipe(name: str = "convnext2") -> tuple[Params, Any]:
    """Return the parameters of the embedded study, and the block of one of its members."""
    params = parse_params(compose_study("study=portraits"))
    member = params.members[name]
    return params, member.model_copy(update={"batch_size": BATCH})
