"""The manifest: one row for every usable image of a raw folder, and the quarantine list of unusable files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import polars as pl

from facesift.core.classes import PARTS

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
        "quantisation": pl.String,  # of a JPEG, see `quantisation_hash`; for the audit alone, no model may see it
        "phash": pl.String,
        "thumbnail": pl.Binary,  # see `likeness.thumbnail`
        "warning": pl.String,  # what is wrong with a file that is used all the same
        "fold": pl.String,
        "known_group": pl.String,  # `data.sources.X.group`, with the source's name; null without one
        "difficulty": pl.String,
        **dict.fromkeys(PARTS, pl.Boolean),
    }
)
QUARANTINE = pl.Schema(dict.fromkeys(("source", "label", "container", "path", "reason"), pl.String))
UNLABELLED = "unlabelled"  # where the label is still to be given
FOLD_ORDER = {"test": 0, "val": 1, "train": 2}
Frames = tuple[pl.DataFrame, pl.DataFrame]  # usable images, unusable files


@dataclass(frozen=True)
class Manifest:
    """The images of a study and the files that cannot be used.

    Attributes:
        images: usable images, with the columns `IMAGES`, and `FACE_COLUMNS` where faces are detected.
        quarantine: unusable files with the reason, with the columns `QUARANTINE`.
        exact_duplicates: how many further files with the same bytes as an image were dropped.
        faces: where faces are detected, the number of images {found, unfound} by source and label.
        quality: where quality is measured, the number of images with each reason by source and label.
    """

    images: pl.DataFrame
    quarantine: pl.DataFrame
    exact_duplicates: int
    faces: dict[str, dict[str, dict[str, int]]] | None = None
    quality: dict[str, dict[str, dict[str, int]]] | None = None


def build_manifest(examined: Iterable[Frames]) -> Manifest:
    """Put the tables of examined files together: one row per distinct image, sorted by `image_id`.

    Of files with the same bytes one is kept (see `drop_exact_copies`). Where they have different labels, all of them go
    to quarantine.

    Args:
        examined: tables of usable images and of unusable files, as `examination.examine_files` yields them.

    Returns:
        The manifest, without counts of faces.
    """
    usable, unusable = [pl.DataFrame(schema=IMAGES)], [pl.DataFrame(schema=QUARANTINE)]
    for good, bad in examined:
        usable.append(good)
        unusable.append(bad)
    images = pl.concat(usable, how="diagonal")  # the empty first one has no faces
    torn = contradicting_labels(images)
    reasons = torn.select(
        "source", "label", "container", "path", reason="the same bytes are labelled " + pl.col("other")
    )
    quarantine = pl.concat(chain(unusable, [reasons])).sort("source", "container", "path")
    agreed = images.filter(~pl.col("image_id").is_in(torn["image_id"].unique().implode()))
    kept = drop_exact_copies(agreed)
    return Manifest(kept, quarantine, agreed.height - kept.height)


def drop_exact_copies(images: pl.DataFrame) -> pl.DataFrame:
    """Keep one row per `image_id`, and sort by it.

    Rows with a label come before those without, then test before val before train before no fold, then by source and
    path: the first is kept.
    """
    fold = pl.col("fold").replace_strict(FOLD_ORDER, default=len(FOLD_ORDER))
    ranked = images.sort("image_id", pl.col("label").is_null(), fold, "source", "container", "path")
    return ranked.filter(pl.col("image_id").ne_missing(pl.col("image_id").shift(1)))


def contradicting_labels(images: pl.DataFrame) -> pl.DataFrame:
    """Find files with the same bytes and different labels.

    Args:
        images: rows of a manifest, several for one `image_id`.

    Returns:
        These rows, with the column `other`: the other label and a file that has it.
    """
    twice = images.filter(pl.col("image_id").is_duplicated())
    torn = twice.filter(pl.col("label").drop_nulls().n_unique().over("image_id") > 1).sort(
        "source", "container", "path"
    )
    places = torn.drop_nulls("label").group_by("image_id", "label", maintain_order=True).first()
    places = places.select(
        "image_id", said="label", other=pl.col("label") + " at " + pl.col("container") + ":" + pl.col("path")
    )
    pairs = torn.join(places, on="image_id", how="left", maintain_order="left_right")
    others = pairs.filter(pl.col("label").ne_missing(pl.col("said"))).drop("said")
    return others.unique(["image_id", "source", "container", "path"], keep="first", maintain_order=True)


def count_warnings(images: pl.DataFrame) -> dict[str, int]:
    """Count the images with each warning, sorted by the warning."""
    return dict(images.drop_nulls("warning").group_by("warning").len().sort("warning").iter_rows())


def summarise_manifest(manifest: Manifest) -> dict[str, Any]:
    """Count images by source and label, further copies and quarantined files, for `data/figures/ingest.json`.

    Args:
        manifest: the study's manifest.
    """
    counts: dict[str, dict[str, int]] = {}
    for source, label, number in manifest.images.group_by("source", "label").len().sort("source", "label").rows():
        counts.setdefault(source, {})[label] = number
    counted = {"faces": manifest.faces, "quality": manifest.quality}
    return {
        "images": counts,
        "exact_duplicates": manifest.exact_duplicates,
        "quarantined": manifest.quarantine.height,
        "warnings": count_warnings(manifest.images),
    } | {name: values for name, values in counted.items() if values is not None}
