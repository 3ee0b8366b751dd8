"""Distributed screening: processes or a cluster decide the files, each process with its own committee."""

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
from facesift.screening.columns import Tables
from facesift.screening.committee import Committee

BATCHES = 8  # of a task: enough to be worth sending, few enough that all processes end at about the same time


@dataclass(frozen=True)
class BundleOptions:
    """Which bundle decides, and how.

    Attributes:
        bundle: its folder.
        runtime: see `Committee.load`; so are `rule`, `point` and `stop_early`.
        rule: a voting rule in place of the bundle's own.
        point: an operating point in place of a voting rule.
        batch_size: images scored at a time.
        cascade: see `Committee.screen`.
        stop_early: whether to use the bundle's stopping rule.
        timed: whether rows have the time of the decision.
        prevalence: share of the positive class that probabilities are to hold for; None: the bundle's.
    """

    bundle: Path
    runtime: str
    rule: str | None
    point: str | None
    batch_size: int
    cascade: bool
    stop_early: bool
    timed: bool = True
    prevalence: float | None = None


def screen_distributed(files: Iterable[InputFile], options: BundleOptions, parallel: Workers) -> Tables:
    """Screen files in several processes; each loads the bundle once and uses one thread.

    Args:
        files: as `images.paths.find_files` found them.
        options: which bundle decides, and how.
        parallel: the processes.

    Yields:
        The decisions table in the order of the files, a task's rows at a time. The rows are those of
        `Committee.screen_found` with one thread.

    Raises:
        FacesiftError: see `Committee.load` and `parallel.parallel_map`.
    """
    bundle = options.bundle.absolute()
    here = replace(options, bundle=bundle)
    rest = map(_absolute, files)
    parts = iter(lambda: list(islice(rest, BATCHES * options.batch_size)), [])
    yield from parallel_map(partial(screen_part, here), parts, parallel, shared=(bundle,))


def screen_part(options: BundleOptions, files: list[InputFile]) -> pl.DataFrame:
    """Decide some files in this process."""
    way = {"cascade": options.cascade, "timed": options.timed}
    return pl.concat(_committee(options).screen_found(files, options.batch_size, 1, **way))


@lru_cache(maxsize=1)
def _committee(options: BundleOptions) -> Committee:
    return Committee.load(
        options.bundle,
        options.runtime,
        1,
        options.rule,
        options.point,
        stop_early=options.stop_early,
        prevalence=options.prevalence,
    )


def _absolute(file: InputFile) -> InputFile:
    """Say where a file lies in a way that does not depend on a process's current folder; its name stays."""
    if file.reason:
        return file
    if file.container == LOOSE:
        return file._replace(path=str(Path(file.path).absolute()))
    return file._replace(container=str(Path(file.container).absolute()))
