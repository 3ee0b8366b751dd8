"""Screening spread over processes or a cluster: a task is some files, decided by the process's own committee."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

import polars as pl

from facesift.core.parallel import Workers, parallel_map
from facesift.images.archives import LOOSE
from facesift.images.paths import InputFile
from facesift.screening.committee import Committee
from facesift.screening.stream import Tables

BATCHES = 8  # of a task: enough to be worth sending, few enough that all processes end at about the same time


@dataclass(frozen=True)
class Order:
    """Which committee decides, and how; see `Committee.load` and `Committee.screen`."""

    bundle: Path
    runtime: str
    rule: str | None
    point: str | None
    batch_size: int
    cascade: bool
    stop_early: bool


def screen_spread(files: Iterable[InputFile], order: Order, parallel: Workers) -> Tables:
    """Yield the decisions table of `files` in their order, a task's rows at a time, whatever processes decide them.

    Each process loads the bundle once and uses one thread. The rows are those of `Committee.screen_found` with one
    thread. Raises what `Committee.load` and `parallel.parallel_map` raise.
    """
    bundle = order.bundle.absolute()
    here = replace(order, bundle=bundle)
    rest = map(_absolute, files)
    parts = iter(lambda: list(islice(rest, BATCHES * order.batch_size)), [])
    yield from parallel_map(partial(screen_part, here), parts, parallel, shared=(bundle,))


def screen_part(order: Order, files: list[InputFile]) -> pl.DataFrame:
    """Decide some files in this process."""
    return pl.concat(_committee(order).screen_found(files, order.batch_size, 1, cascade=order.cascade))


@lru_cache(maxsize=1)
def _committee(order: Order) -> Committee:
    return Committee.load(order.bundle, order.runtime, 1, order.rule, order.point, stop_early=order.stop_early)


def _absolute(file: InputFile) -> InputFile:
    """Say where a file lies in a way that does not depend on a process's current folder; its name stays."""
    if file.reason:
        return file
    if file.container == LOOSE:
        return file._replace(path=str(Path(file.path).absolute()))
    return file._replace(container=str(Path(file.container).absolute()))
