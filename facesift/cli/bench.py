"""`facesift bench`: from the command line's words to a report."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

from facesift.bundle.card import read_card
from facesift.cli.speed import Load, measure_speed
from facesift.cli.speed_decisions import FasterWays
from facesift.cli.speed_graphs import (
    FP32,
    INT8,
    PER_IMAGE,
    PRECISIONS,
    Network,
    Subject,
    bundle_subject,
    networks_of,
    quantised,
    random_subject,
)
from facesift.core.errors import FacesiftError
from facesift.images.paths import check_paths, find_files

SCHEMA = 1
CLASSES = 2  # of an architecture by itself: the last layer is nothing beside the rest


@dataclass(frozen=True)
class Bench:
    """What the command line asks for; `facesift bench --help` explains it. Empty: the default."""

    bundles: list[Path]
    architectures: list[str]
    sizes: list[int]
    batches: list[int]
    threads: list[int]
    precisions: list[str]
    images: list[str]
    seconds: float


def run_bench(asked: Bench) -> dict[str, Any]:
    """Measure, and return the report; raises `FacesiftError` for what the user can put right."""
    _check(asked)
    with tempfile.TemporaryDirectory(prefix="facesift-bench-") as room:
        subjects = list(_subjects(asked, Path(room)))
        report = {"schema": SCHEMA, "machine": _machine(), "speed": _speeds(asked, subjects)}
        return report | {"decisions": list(_decisions(asked, subjects))}


def _check(asked: Bench) -> None:
    if not asked.bundles and not asked.architectures:
        raise FacesiftError("nothing to time: name a bundle's folder, or --architecture timm:NAME and --size")
    if asked.architectures and not asked.sizes:
        raise FacesiftError("--architecture: for images of which --size?")
    if asked.images and (asked.sizes or asked.architectures):
        raise FacesiftError("--images: with --size or --architecture the weights are random and decide nothing")
    for precision in asked.precisions:
        if precision not in PRECISIONS:
            raise FacesiftError(f"--precision {precision!r} is none; there are {', '.join(PRECISIONS)}")
    check_paths(asked.images)


def _subjects(asked: Bench, room: Path) -> Iterator[Subject]:
    """Yield all graphs to time; those that are no bundle's own are written below `room`."""
    for subject in _in_fp32(asked, room):
        for precision in asked.precisions or [FP32]:
            yield subject if precision == FP32 else quantised(subject, _new(room))


def _in_fp32(asked: Bench, room: Path) -> Iterator[Subject]:
    for bundle in asked.bundles:
        if not asked.sizes:
            yield bundle_subject(bundle)
            continue
        card = read_card(bundle)
        for size in asked.sizes:
            yield random_subject(str(bundle), networks_of(card), len(card.classes), size, _new(room))
    for name, size in product(asked.architectures, asked.sizes):
        network = Network({"name": name}, PER_IMAGE)
        yield random_subject(name, {"network": network}, CLASSES, size, _new(room))


def _new(room: Path) -> Path:
    return room / str(len(list(room.iterdir())))


def _speeds(asked: Bench, subjects: list[Subject]) -> list[dict[str, Any]]:
    rows = []
    for subject, threads, batch in product(subjects, asked.threads or [os.cpu_count() or 1], asked.batches or [1, 32]):
        speed = measure_speed(subject.graph, subject.image_size, Load(batch, threads, asked.seconds))
        named = {name: value for name, value in asdict(subject).items() if name != "graph"}
        rows.append(named | {"threads": threads, "batch": batch} | asdict(speed))
    return [row | {"relative": row["images_per_second"] / rows[0]["images_per_second"]} for row in rows]


def _decisions(asked: Bench, subjects: list[Subject]) -> Iterator[dict[str, Any]]:
    """Yield, for each bundle, what 8 bits and the cascade make of the user's images."""
    int8 = {subject.name: subject.graph.parent for subject in subjects if subject.precision == INT8}
    batch, threads = max(asked.batches or [32]), max(asked.threads or [os.cpu_count() or 1])
    for bundle in asked.bundles if asked.images else ():
        found = FasterWays(bundle, int8.get(str(bundle)), threads).measure(find_files(asked.images), batch)
        yield {"name": str(bundle), "threads": threads, "batch": batch} | found


def _machine() -> dict[str, Any]:
    return {
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "onnxruntime": version("onnxruntime"),
    }
