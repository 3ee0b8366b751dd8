"""Inspects a folder or an archive: what ingest would find in it, measured on a sample of its images.

Everything is read by the functions that ingest reads with, so both say the same of a file.
"""

from __future__ import annotations

import math
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from facesift.config.compose import CONF, base_values
from facesift.config.data import Ingest
from facesift.config.params import Params
from facesift.core.classes import BINARY
from facesift.core.errors import FacesiftError
from facesift.core.parallel import ONE_PROCESS
from facesift.datasets.examination import CHUNK, examine_files, handle_bad_photos, handle_missing_faces
from facesift.datasets.image_groups import group_images
from facesift.datasets.left_out import check_classes, check_rows
from facesift.datasets.lost_files import check_losses, count_losses
from facesift.datasets.manifest import UNLABELLED, Manifest, build_manifest
from facesift.datasets.near_duplicates import LinkRule
from facesift.datasets.source_files import FileCounts, SourceFile, source_files
from facesift.images.face_detector import installed_detector
from facesift.images.paths import one_line
from facesift.inspection.layout_search import Found, Survey, Trial, search_layout, unlabelled_block

LEAST = 0.25  # share of the sample that the rarer classes get together, at least
NO_LABELS = (
    "no layout tells labels: people give them (facesift review); if all images are of one class, write layout: "
    "one_class, folder: {folder}, label: CLASS"
)
ARCHIVES = (".zip", ".tar", ".parquet")
Done = Callable[[int, int], None]


@dataclass(frozen=True)
class Asked:
    """What to inspect, and how.

    Attributes:
        path: a folder or an archive.
        params: of the project: limits, classes, near-duplicates.
        classes: names of the classes.
        sample: most images that are decoded; None: all.
        faces: whether faces are detected.
    """

    path: Path
    params: Params
    classes: tuple[str, ...]
    sample: int | None = None
    faces: bool = True


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        path: what was inspected.
        name: for the source and the folder below data/raw/.
        as_entry: whether the path itself goes into data/raw/NAME/; else its contents do.
        best: the layout that fits best.
        others: further layouts that were tried.
        manifest: the sampled files, as ingest would have them.
        sampled: how many files of each class were decoded.
        stops: why ingest would stop, as it says it; empty where it would not.
        no_faces: why no faces were detected; "" where they were.
        groups: what `ImageGroups.report` says of the sample; None without a usable image.
        other_classes: the names of the classes, where they are not those of all studies.
        raw: what stands for data/raw/NAME/ as long as `inspected` is open.
    """

    path: Path
    name: str
    as_entry: bool
    best: Found
    others: list[Found]
    manifest: Manifest
    sampled: Mapping[str, int]
    stops: list[str]
    no_faces: str
    groups: dict[str, Any] | None
    other_classes: list[str]
    raw: Path

    @property
    def files(self) -> int:
        """How many files the layout finds."""
        return 0 if self.best.counts is None else self.best.counts.recognised

    @property
    def few_faces(self) -> bool:
        """Whether faces were looked for, and less than half of the images have one."""
        images = self.manifest.images
        return not self.no_faces and 2 * images["face_box"].count() < images.height

    def by_class(self, column: str) -> dict[str, dict[str, int]]:
        """Count the sampled images by class and the values of a column, the most frequent first."""
        label = pl.col("label").fill_null(UNLABELLED)
        counted = self.manifest.images.group_by(label.alias("of"), pl.col(column).cast(pl.String).alias("value")).len()
        found: dict[str, dict[str, int]] = {}
        for of, value, number in counted.sort("of", "len", "value", descending=[False, True, False]).rows():
            found.setdefault(of, {})[str(value)] = number
        return found

    def folders(self) -> tuple[int, int]:
        """Return how many folders hold the sampled images, and how many of them hold several."""
        images = self.manifest.images
        places = images.select("container", "path").rows()
        counts = Counter((container, str(PurePosixPath(path).parent)) for container, path in places)
        return len(counts), sum(number > 1 for number in counts.values())


def source_name(path: Path) -> str:
    """Make a name for a source and its raw folder of a path.

    >>> source_name(Path("/tmp/my faces-2.zip")), source_name(Path("2024/"))
    ('my_faces_2', 'data_2024')
    """
    stem = path.name[: -len(path.suffix)] if path.suffix.casefold() in ARCHIVES else path.name
    name = re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_") or "data"
    return name if name[0].isalpha() else f"data_{name}"


@contextmanager
def inspected(asked: Asked, done: Done = lambda _done, _all: None) -> Iterator[Inspection]:
    """Inspect a folder or an archive; its images can be read as long as the context is open.

    Args:
        asked: what to inspect.
        done: called with the number of files of each finished part, and of all that are decoded; first with 0.

    Yields:
        What was found.

    Raises:
        FacesiftError: when nothing is there, or no file is an image.
    """
    path = asked.path.absolute()
    if not path.exists():
        raise FacesiftError(f"{asked.path}: no such file or folder")
    if not path.is_dir() and path.suffix.casefold() not in ARCHIVES:
        raise FacesiftError(f"{asked.path}: neither a folder nor one of {', '.join(ARCHIVES)}")
    room = Path(tempfile.mkdtemp(prefix="facesift-"))
    try:
        _link(room / path.name, path)
        raw, as_entry = (path, False) if path.is_dir() else (room, True)
        tried = _tried(asked, raw)
        if not any(each.counts for each in tried):
            raw, as_entry, tried = room, True, [*_unlabelled(asked, room), *tried]
        named = partial(_as_named, room, path)
        tried = [replace(each, why_not=named(each.why_not)) for each in tried]
        found = _examine(asked, raw, tried, done, as_entry=as_entry)
        yield replace(found, stops=[named(each) for each in found.stops])
    except FacesiftError as error:
        raise FacesiftError(_as_named(room, path, str(error))) from None
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _as_named(room: Path, path: Path, text: str) -> str:
    """Say where things are to the user, and not through which link they were read."""
    return text.replace(f"{room}/", f"{path.parent}/").replace(str(room), str(path))


def _link(entry: Path, path: Path) -> None:
    """Make an entry of a raw folder that stands for what is inspected."""
    try:
        entry.symlink_to(path, target_is_directory=path.is_dir())
    except OSError as error:  # Windows lets only some users make links; labelled folders do without
        if not path.is_dir():
            raise FacesiftError(
                f"{path}: cannot be linked ({error.strerror}): put it into a folder and inspect that"
            ) from error


def _tried(asked: Asked, raw: Path) -> list[Found]:
    return search_layout(raw, Trial(source_name(asked.path.absolute()), asked.classes, base_values(CONF)["source"]))


def _unlabelled(asked: Asked, raw: Path) -> list[Found]:
    """Return a source for images without labels: people give them."""
    block = unlabelled_block(Survey.of(raw), raw)
    if block is None:
        return []
    trial = Trial(source_name(asked.path.absolute()), asked.classes, base_values(CONF)["source"])
    return [trial.run(raw, block, [NO_LABELS.format(**block)])]


def _examine(asked: Asked, raw: Path, tried: list[Found], done: Done, *, as_entry: bool) -> Inspection:
    best = next((each for each in tried if each.counts), None)
    if best is None or best.counts is None:
        why = "; ".join(dict.fromkeys(each.why_not for each in tried if each.why_not))
        raise FacesiftError(f"{one_line(str(asked.path))}: {why or 'no image is found there'}")
    params, why_no_faces = asked.params, _why_no_faces(asked)
    crop = params.data.crop.model_copy(update={"method": "none" if why_no_faces else "face", "unfound": "centre"})
    quotas = sample_quotas(best.counts.by_class, asked.sample)
    files = spread(source_files(raw, best.layouts), best.counts.by_class, quotas)
    total = sum(quotas.values())
    workers = params.parallel.workers if total > CHUNK else ONE_PROCESS
    done(0, total)

    def advance(number: int) -> None:
        done(number, total)

    examined = examine_files(
        raw, best.layouts, params.ingest, workers, advance, crop=crop, quality=params.quality, files=files
    )
    manifest = handle_missing_faces(build_manifest(examined), crop)
    manifest = handle_bad_photos(manifest, params.quality)
    groups = None if manifest.images.is_empty() else group_images(manifest.images, LinkRule.of(params.split)).report()
    name = source_name(asked.path.absolute())
    others = [each for each in tried if each is not best]
    classes = [] if asked.classes == BINARY else list(asked.classes)
    return Inspection(
        asked.path,
        name,
        as_entry,
        best,
        others,
        manifest,
        quotas,
        _stops(best, raw, manifest, quotas, params.ingest),
        why_no_faces,
        groups,
        classes,
        raw,
    )


def _stops(best: Found, raw: Path, manifest: Manifest, sampled: Mapping[str, int], limits: Ingest) -> list[str]:
    """Say why ingest would stop."""
    counts = best.counts or FileCounts({})
    checks: list[Callable[[], None]] = [
        lambda: check_rows(counts, limits),
        lambda: check_classes(raw, best.layouts, counts.by_class),
        lambda: check_losses(count_losses(manifest.quarantine, sampled), manifest.quarantine, limits),
    ]
    found = []
    for check in checks:
        try:
            check()
        except FacesiftError as error:
            found.append(str(error).partition("\n")[0])
    return found


def _why_no_faces(asked: Asked) -> str:
    """Say why no faces are detected; "" where they can be."""
    if not asked.faces:
        return "not asked for"
    try:
        installed_detector(asked.params.data.crop.min_score)
    except FacesiftError as error:
        return str(error)
    return ""


def sample_quotas(by_class: Mapping[str, int], most: int | None) -> dict[str, int]:
    """Divide a sample among the classes: by their sizes, and none gets much less than an equal share of `LEAST`.

    >>> sample_quotas({"fake": 10, "real": 990}, 100)
    {'fake': 10, 'real': 99}
    """
    total = sum(by_class.values())
    if most is None or total <= most:
        return dict(by_class)
    least = math.ceil(most * LEAST / len(by_class))
    return {label: min(number, max(least, number * most // total)) for label, number in by_class.items()}


def spread(files: Iterator[SourceFile], by_class: Mapping[str, int], quotas: Mapping[str, int]) -> Iterator[SourceFile]:
    """Yield as many files of each class as its quota, spread evenly over all of them."""
    seen: Counter[str] = Counter()
    for file in files:
        label = file[2].label or UNLABELLED
        before, seen[label] = seen[label], seen[label] + 1
        quota, number = quotas.get(label, 0), max(by_class.get(label, 0), 1)
        if seen[label] * quota // number > before * quota // number:
            yield file


def as_json(inspection: Inspection) -> dict[str, Any]:
    """Lay out what was found for `--json`."""
    best, manifest = inspection.best, inspection.manifest
    counts = best.counts
    return {
        "path": str(inspection.path),
        "name": inspection.name,
        "layout": best.block,
        "notes": list(best.notes),
        "files": {} if counts is None else counts.by_class,
        "passed_over": {} if counts is None else dict(counts.passed),
        "ignored": 0 if counts is None else counts.ignored,
        "rows_without_image": {} if counts is None else {name: len(rows) for name, rows in counts.lost.items()},
        "sampled": dict(inspection.sampled),
        "stops": inspection.stops,
        "usable": manifest.images.height,
        "exact_duplicates": manifest.exact_duplicates,
        "unusable": manifest.quarantine.select("label", "container", "path", "reason").to_dicts(),
        "formats": inspection.by_class("format"),
        "folds": inspection.by_class("fold"),
        "faces": manifest.faces,
        "quality": manifest.quality,
        "groups": inspection.groups,
    }
