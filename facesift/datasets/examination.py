"""Examining raw files: each is read, decoded and hashed, and if asked for, the face in it is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from facesift.config.data import WHOLE, Crop, Ingest
from facesift.core.parallel import Workers, parallel_map
from facesift.datasets.layouts import Layout
from facesift.datasets.manifest import FACE_COLUMNS, IMAGES, QUARANTINE, Frames, Manifest, face_values
from facesift.datasets.near_duplicates import perceptual_hash
from facesift.datasets.source_files import SourceFile, printable, source_files
from facesift.images.archives import image_id, read_bytes
from facesift.images.decoding import BadImage, open_image, quantisation_hash, upright_rgb
from facesift.images.face_detector import installed_detector
from facesift.images.faces import NO_FACE

CHUNK = 256  # files examined by one task
UNLABELLED = "unlabelled"  # where the label is still to be given


def _row(raw: Path, claimed: SourceFile, limits: Ingest, crop: Crop) -> tuple[Any, ...]:
    """Read and decode one file into a row of `IMAGES`, and of `FACE` if faces are looked for, or raise `BadImage`."""
    file, source, says = claimed
    if printable(file.path) != file.path:
        raise BadImage("its name is not valid UTF-8: rename it")
    data = read_bytes(raw, file.container, file.path, limits.max_bytes)
    opened = open_image(data, limits.max_pixels)
    stored = (opened.format, opened.mode, len(data), quantisation_hash(opened))  # decoding may change the mode
    image = upright_rgb(opened)
    facts = (*image.size, *stored, perceptual_hash(image))
    face = face_values(installed_detector(crop.min_score).find(image)) if crop.finds else ()
    return image_id(data), source, says.label, *file, *facts, says.fold, says.difficulty, *says.edited, *face


def _examine_chunk(raw: Path, limits: Ingest, crop: Crop, chunk: Iterable[SourceFile]) -> Frames:
    rows, bad = [], []
    for claimed in chunk:
        try:
            rows.append(_row(raw, claimed, limits, crop))
        except BadImage as error:
            file, source, _ = claimed
            bad.append((source, printable(file.container), printable(file.path), error.reason))
    schema = pl.Schema({**IMAGES, **FACE_COLUMNS}) if crop.finds else IMAGES
    return pl.DataFrame(rows, schema, orient="row"), pl.DataFrame(bad, QUARANTINE, orient="row")


def examine_files(  # noqa: PLR0913 - what to read, how, and by whom
    raw: Path,
    layouts: Mapping[str, Layout],
    limits: Ingest,
    parallel: Workers,
    done: Callable[[int], None],
    *,
    crop: Crop = WHOLE,
) -> Iterator[Frames]:
    """Yield (usable, unusable) tables of a few hundred files each, in the order of their names whoever read them.

    Files are listed, read and decoded lazily by the processes `parallel`; `done` hears how many more are. Where `crop`
    is around faces, they are found here, once, and the usable tables have the columns `face_table.FACE`, too.
    """
    files = source_files(raw, layouts)
    chunks = iter(lambda: list(islice(files, CHUNK)), [])
    here = raw.absolute()  # a worker may have been started in another folder
    work = partial(_examine_chunk, here, limits, crop)
    for usable, unusable in parallel_map(work, chunks, parallel, shared=(here,)):
        done(usable.height + unusable.height)
        yield usable, unusable


def handle_missing_faces(manifest: Manifest, crop: Crop) -> Manifest:
    """Count the images with and without a face, and leave the latter out if `crop` says so.

    The counts are by source and by the label that the files give. Nothing happens where no faces are looked for.
    """
    if not crop.finds:
        return manifest
    counted = replace(manifest, faces=_count(manifest.images))
    if crop.unfound != "quarantine":
        return counted
    faceless = manifest.images.filter(pl.col("face_box").is_null())
    reason = f"{NO_FACE} that the detector is {crop.min_score:g} sure of (data.crop)"
    left_out = faceless.select("source", "container", "path", reason=pl.lit(reason))
    return replace(
        counted,
        images=manifest.images.filter(pl.col("face_box").is_not_null()),
        quarantine=pl.concat([manifest.quarantine, left_out]).sort("source", "container", "path"),
    )


def _count(images: pl.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    found = pl.col("face_box").is_not_null()
    table = images.group_by("source", pl.col("label").fill_null(UNLABELLED)).agg(
        found=found.sum().cast(pl.Int64), unfound=(~found).sum().cast(pl.Int64)
    )
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for row in table.sort("source", "label").to_dicts():
        counts.setdefault(row["source"], {})[row["label"]] = {name: row[name] for name in ("found", "unfound")}
    return counts
