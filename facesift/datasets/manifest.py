"""The manifest: one row for every usable image of a raw folder, and the quarantine list of unusable files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import polars as pl

from facesift.config.data import Ingest
from facesift.core.errors import FacesiftError
from facesift.datasets.layouts import PARTS
from facesift.images.faces import Face

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
# In pixels of the upright image, see `faces.Face`; all null where no face was found.
FACE_COLUMNS: dict[str, pl.DataType] = {
    "face_box": pl.Array(pl.Float64, 4),
    "face_landmarks": pl.Array(pl.Float64, (5, 2)),
    "face_score": pl.Float64(),
}
FOLD_ORDER = {"test": 0, "val": 1, "train": 2}
SHOWN = 5  # reasons quoted when too many files are bad
Frames = tuple[pl.DataFrame, pl.DataFrame]


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


def face_values(face: Face | None) -> tuple[Any, ...]:
    """Return a face as a row of `FACE`."""
    return (None, None, None) if face is None else (face.box, face.landmarks, face.score)


def face_of_row(row: dict[str, Any]) -> Face | None:
    """Return the face of a manifest's row; None where none was found, or looked for."""
    if row.get("face_box") is None:
        return None
    left, top, right, bottom = row["face_box"]
    return Face((left, top, right, bottom), tuple((x, y) for x, y in row["face_landmarks"]), row["face_score"])


def referred_column(images: pl.DataFrame) -> pl.Series:
    """Column `referred` of a manifest's images: no face was found, so a person decides, whatever the committee says."""
    return images["face_box"].is_null().rename("referred")


def build_manifest(examined: Iterable[Frames]) -> Manifest:
    """Put the tables together: one row per distinct image, sorted by `image_id`.

    Of files with the same bytes one is kept (see `duplicates.keep_one`); where they carry both labels, all of
    them go to quarantine.
    """
    usable, unusable = [pl.DataFrame(schema=IMAGES)], [pl.DataFrame(schema=QUARANTINE)]
    for good, bad in examined:
        usable.append(good)
        unusable.append(bad)
    images = pl.concat(usable, how="diagonal")  # the empty first one has no faces
    torn = contradicting_labels(images)
    reasons = torn.select("source", "container", "path", reason="the same bytes are labelled " + pl.col("other"))
    quarantine = pl.concat(chain(unusable, [reasons])).sort("source", "container", "path")
    agreed = images.filter(~pl.col("image_id").is_in(torn["image_id"].unique().implode()))
    kept = drop_exact_copies(agreed)
    return Manifest(kept, quarantine, agreed.height - kept.height)


def drop_exact_copies(images: pl.DataFrame) -> pl.DataFrame:
    """Keep one row per `image_id`, sorted by it: the first of test, val, train, no fold, then by source and path.

    A row without a label gives way to those with one.
    """
    fold = pl.col("fold").replace_strict(FOLD_ORDER, default=len(FOLD_ORDER))
    ranked = images.sort("image_id", pl.col("label").is_null(), fold, "source", "container", "path")
    return ranked.filter(pl.col("image_id").ne_missing(pl.col("image_id").shift(1)))


def contradicting_labels(images: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose bytes appear under several labels, with `other`: where they have another label."""
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


def summarise_manifest(manifest: Manifest, ignored: int) -> dict[str, Any]:
    """Counts for `metrics/ingest.json`."""
    counts: dict[str, dict[str, int]] = {}
    for source, label, number in manifest.images.group_by("source", "label").len().sort("source", "label").rows():
        counts.setdefault(source, {})[label] = number
    return {
        "images": counts,
        "exact_duplicates": manifest.exact_duplicates,
        "quarantined": manifest.quarantine.height,
        "ignored": ignored,
    } | ({} if manifest.faces is None else {"faces": manifest.faces})
