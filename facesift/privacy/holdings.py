"""Finds everything in a project that holds an image or names it: raw files, tables, shards, answers, DVC's cache."""

from __future__ import annotations

import configparser
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import IMAGE_ID
from facesift.images.archives import LOOSE, image_id, list_files, read_bytes
from facesift.images.bad_image import BadImage

RAW, REVIEWS = Path("data/raw"), Path("data/reviews")
LOGS = Path("log")  # where docs/serving.md lets the service write its decisions
TABLES = (".csv", ".jsonl", ".ndjson", ".parquet")  # of `facesift screen`, which people write into the project's folder
OUTPUTS = (Path("data"), Path("metrics"), Path("models"), Path("report"), Path("dvc_plots"), Path(".work"))
SHOWN = (
    Path("data/pictures"),
    Path("report"),
    Path(".work/inspect"),
)  # pictures name no image, so that no search finds one in them
CACHE, CONFIG = Path(".dvc/cache/files/md5"), (Path(".dvc/config"), Path(".dvc/config.local"))
LOCK = Path("dvc.lock")
EXPERIMENTS = Path(".dvc/tmp/exps")  # work trees of queued experiments


@dataclass(frozen=True)
class Holding:
    """Something that holds an image or names it.

    Attributes:
        path: the file.
        kind: `raw` (the image itself), `answers`, `output` (made by a stage), `table` (named by the user), `cache` (an
            object of DVC's cache) or `remote` (an object of a remote on this machine).
        inside: of an image in a zip, its path there; else "".
        sure: whether the image was found in it; otherwise it may show the image.
    """

    path: Path
    kind: str
    inside: str = ""
    sure: bool = True


def find_holdings(root: Path, wanted: str, tables: tuple[Path, ...] = ()) -> Iterator[Holding]:
    """Look through a project.

    Every byte of it is read. Parquet tables are searched by their column image_id, zips by the hashes of their files,
    all other files for the id itself.

    Args:
        root: the project's folder.
        wanted: id of the image.
        tables: further files, such as tables that `facesift screen` wrote; of folders, all tables in them.

    Yields:
        What holds the image.
    """
    yield from _raw(root, wanted)
    for folder in OUTPUTS:
        for path in _files(root / folder, but=(root / RAW,)):
            kind = "answers" if path.parent == root / REVIEWS else "output"
            if holds(path, wanted):
                yield Holding(path, kind)
            elif any(path.is_relative_to(root / shown) for shown in SHOWN):
                yield Holding(path, kind, sure=False)
    for path in _tables(root, tables):
        if holds(path, wanted):
            yield Holding(path, "table")
    for folder in (CACHE, EXPERIMENTS):
        yield from (Holding(path, "cache") for path in _files(root / folder) if holds(path, wanted))
    for remote in local_remotes(root):
        yield from (Holding(path, "remote") for path in _files(remote) if holds(path, wanted))


def _tables(root: Path, named: tuple[Path, ...]) -> Iterator[Path]:
    """Yield tables of decisions: those in the project's folder, the logs of the service, and what the user names."""
    here = (path for path in sorted(root.glob("*")) if path.suffix in TABLES and path.is_file())
    inside = (path for folder in (root / LOGS, *named) if folder.is_dir() for path in _files(folder))
    tables = {path.resolve(): path for path in (*here, *inside, *(path for path in named if not path.is_dir()))}
    yield from tables.values()


def places(root: Path, named: tuple[Path, ...] = ()) -> list[str]:
    """Return the places that `find_holdings` looks into, in words; those that are not there are left out."""
    folders = [each for each in (*OUTPUTS, LOGS, CACHE, EXPERIMENTS) if (root / each).is_dir()]
    tables = f"tables in this folder (*{', *'.join(TABLES)})"
    return [*map(str, folders), tables, *map(str, named), *map(str, local_remotes(root))]


def _files(folder: Path, but: tuple[Path, ...] = ()) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not any(path.is_relative_to(each) for each in but):
            yield path


def _raw(root: Path, wanted: str) -> Iterator[Holding]:
    for folder in sorted(path for path in (root / RAW).glob("*") if path.is_dir()):
        for file in list_files(folder):
            if _is(folder, file.container, file.path, wanted):
                loose = file.container == LOOSE
                yield Holding(folder / (file.path if loose else file.container), "raw", "" if loose else file.path)


def _is(folder: Path, container: str, path: str, wanted: str) -> bool:
    try:
        return image_id(read_bytes(folder, container, path)) == wanted
    except BadImage:
        return False


def holds(path: Path, wanted: str) -> bool:
    """Return whether a file of any kind holds an image or names it."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file:
        magic = file.read(4)
        if magic == b"PAR1":
            return _in_table(path, wanted)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            # The store of features has ids as 16 bytes.
            if data.find(wanted.encode()) >= 0 or data.find(bytes.fromhex(wanted)) >= 0:
                return True
            if magic != b"PK\3\4":
                return image_id(data[:]) == wanted
    return _in_zip(path, wanted)


def _in_table(path: Path, wanted: str) -> bool:
    try:
        found = pl.scan_parquet(path).filter(pl.col("image_id") == wanted).select(pl.len()).collect()
    except (pl.exceptions.PolarsError, OSError):  # without such a column, or damaged: `make check` names it
        return False
    return bool(found.item())


def _in_zip(path: Path, wanted: str) -> bool:
    from facesift.images.zips import list_entries  # noqa: PLC0415 - a cache is full of other things

    try:
        return any(_is(path.parent, path.name, name, wanted) for name in list_entries(path))
    except FacesiftError:
        return False


def local_remotes(root: Path) -> list[Path]:
    """Return the folders of DVC's remotes that are on this machine."""
    return [folder for url in remotes(root) if "://" not in url and (folder := root / ".dvc" / url).is_dir()]


def remotes(root: Path) -> list[str]:
    """Return the addresses of DVC's remotes, as DVC's configuration has them."""
    found: list[str] = []
    for path in CONFIG:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        if (root / path).is_file():
            parser.read_string((root / path).read_text(encoding="utf-8"))
        found += [parser[name]["url"] for name in parser.sections() if "url" in parser[name]]
    return list(dict.fromkeys(found))


def group_of(root: Path, wanted: str) -> list[str]:
    """Return the other images that the study takes for copies, or for the same person: ids, sorted."""
    path = root / "data/split.parquet"
    if not path.is_file():
        return []
    rows = pl.read_parquet(path, columns=["image_id", "group"])
    groups = rows.filter(image_id=wanted)["group"]
    return sorted(set(rows.filter(pl.col("group").is_in(groups.implode()))["image_id"]) - {wanted})


def stages_to_run(root: Path, holdings: list[Holding]) -> list[str]:
    """Return the stages that made what holds the image, and all that follow them, in the order of dvc.lock."""
    if not (root / LOCK).is_file():
        return []
    lock: Mapping[str, Any] = yaml.safe_load((root / LOCK).read_text(encoding="utf-8")).get("stages", {})
    changed = {each.path.relative_to(root) for each in holdings if each.kind in {"raw", "answers", "output"}}
    stages: list[str] = []
    while True:
        new = [name for name, stage in lock.items() if name not in stages and _touched(stage, changed)]
        if not new:
            return [name for name in lock if name in stages]
        stages += new
        changed |= {Path(out["path"]) for name in new for out in lock[name].get("outs", [])}


def _touched(stage: Mapping[str, Any], changed: set[Path]) -> bool:
    places = [Path(each["path"]) for kind in ("deps", "outs") for each in stage.get(kind, [])]
    return any(path.is_relative_to(place) or place.is_relative_to(path) for place in places for path in changed)


def id_of(text: str) -> str:
    """Return the id of an image that is named by its id, or by a file with its bytes.

    Raises:
        FacesiftError: when it is neither.
    """
    if IMAGE_ID.fullmatch(text):
        return text
    if Path(text).is_file():
        return image_id(Path(text).read_bytes())
    raise FacesiftError(f"{text}: neither an id (32 hexadecimal digits, column image_id) nor a file")
