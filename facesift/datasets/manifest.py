"""The manifest: one row for every usable image of a raw folder; and the quarantine list of those that are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from facesift.config.data import Ingest
from facesift.core.errors import FacesiftError
from facesift.datasets.duplicates import contradictions, keep_one
from facesift.datasets.layouts import PARTS, Claim, Layout, claim
from facesift.images.archives import RawFile, list_files

IMAGES = pl.Schema(
    {
        "image_id": pl.String,  # the first 32 hexadecimal digits of the SHA-256 of the file's bytes
        "source": pl.String,
        "label": pl.String,
        "container": pl.String,  # a zip relative to the raw folder, or "." for a loose file
        "path": pl.String,  # inside its container
        "width": pl.Int32,  # upright
        "height": pl.Int32,
        "format": pl.String,
        "mode": pl.String,  # Pillow's, as stored
        "bytes": pl.Int64,
        "quantisation": pl.String,  # of a JPEG, see `images.quantisation`; for the audit alone, no model may see it
        "phash": pl.String,
        "fold": pl.String,
        "difficulty": pl.String,
        **dict.fromkeys(PARTS, pl.Boolean),
    }
)
QUARANTINE = pl.Schema(dict.fromkeys(("source", "container", "path", "reason"), pl.String))
SHOWN = 5  # reasons quoted when too many files are bad

Claimed = tuple[RawFile, str, Claim]
Frames = tuple[pl.DataFrame, pl.DataFrame]


@dataclass(frozen=True)
class Survey:
    """How many files some source claims, how many none does, and one of the latter."""

    claimed: int
    ignored: int
    example: str | None


@dataclass(frozen=True)
class Manifest:
    """Usable images (`IMAGES`), unusable files (`QUARANTINE`), and how many further copies were dropped.

    Where faces are looked for, images have the columns `face_table.FACE`, too, and `faces` counts images by source and
    label as {found, unfound}.
    """

    images: pl.DataFrame
    quarantine: pl.DataFrame
    exact_duplicates: int
    faces: dict[str, dict[str, dict[str, int]]] | None = None


def survey(raw: Path, layouts: Mapping[str, Layout]) -> Survey:
    """Count the files of the raw folder by whether a source claims them.

    Raises `FacesiftError` when the folder is missing, a zip is damaged, or no file is claimed.
    """
    if not raw.is_dir():
        raise FacesiftError(f"{raw}: no such folder; put the images there, unpacked or as the zip files downloaded")
    claimed, ignored, example = 0, 0, None
    for file in list_files(raw):
        if claim(layouts, file):
            claimed += 1
        else:
            ignored += 1
            example = example or printable(f"{file.container}:{file.path}")
    if not claimed:
        wanted = "; ".join(_wanted(name, layout) for name, layout in layouts.items())
        seen = f"{ignored} other files, for example {example}" if ignored else "no files"
        raise FacesiftError(f"{raw}: no image found, but {seen}. Looked in folders and zip files for {wanted}")
    return Survey(claimed, ignored, example)


def _wanted(name: str, layout: Layout) -> str:
    source = layout.source
    kinds = {
        "rff": "folders training_real and training_fake",
        "one_class": f"a folder {source.folder}",
        "class_folders": f"folders {' and '.join(layout.classes)}",
        "reviewed": f"a folder {source.folder}",
        "csv": f"a folder {source.folder} of images listed in {source.csv}",
    }
    return f"{kinds[source.layout]} in {source.within} (data.sources.{name})"


def printable(name: str) -> str:
    r"""Show a file name that is not valid UTF-8 with escapes: tables and terminals take UTF-8 only.

    >>> printable("caf\udce9.jpg")
    'caf\\udce9.jpg'
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def claims(raw: Path, layouts: Mapping[str, Layout]) -> Iterator[Claimed]:
    """Yield every file that some source claims, with the source's name and what the path says."""
    for file in list_files(raw):
        claimed = claim(layouts, file)
        if claimed:
            yield file, *claimed


def assemble(examined: Iterable[Frames]) -> Manifest:
    """Put the tables together: one row per distinct image, sorted by `image_id`.

    Of files with the same bytes one is kept (see `duplicates.keep_one`); where they carry both labels, all of
    them go to quarantine.
    """
    usable, unusable = [pl.DataFrame(schema=IMAGES)], [pl.DataFrame(schema=QUARANTINE)]
    for good, bad in examined:
        usable.append(good)
        unusable.append(bad)
    images = pl.concat(usable, how="diagonal")  # the empty first one has no faces
    torn = contradictions(images)
    reasons = torn.select("source", "container", "path", reason="the same bytes are labelled " + pl.col("other"))
    quarantine = pl.concat(chain(unusable, [reasons])).sort("source", "container", "path")
    agreed = images.filter(~pl.col("image_id").is_in(torn["image_id"].unique().implode()))
    kept = keep_one(agreed)
    return Manifest(kept, quarantine, agreed.height - kept.height)


def check_quarantine(quarantine: pl.DataFrame, claimed: int, limits: Ingest) -> None:
    """Raise `FacesiftError` with the first reasons when more than `max_bad_fraction` of the files are bad."""
    if quarantine.height <= limits.max_bad_fraction * claimed:
        return
    first = [f"  {row['container']}:{row['path']}: {row['reason']}" for row in quarantine.head(SHOWN).to_dicts()]
    raise FacesiftError(
        f"{quarantine.height} of {claimed} files are bad, more than ingest.max_bad_fraction "
        f"({limits.max_bad_fraction:g}) allows. Mend or remove them, or raise the limit. The first:\n"
        + "\n".join(first)
    )


def summary(manifest: Manifest, ignored: int) -> dict[str, Any]:
    """Counts for `data/figures/ingest.json`."""
    counts: dict[str, dict[str, int]] = {}
    for source, label, number in manifest.images.group_by("source", "label").len().sort("source", "label").rows():
        counts.setdefault(source, {})[label] = number
    return {
        "images": counts,
        "exact_duplicates": manifest.exact_duplicates,
        "quarantined": manifest.quarantine.height,
        "ignored": ignored,
    } | ({} if manifest.faces is None else {"faces": manifest.faces})
