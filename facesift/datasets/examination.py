"""Examines raw files: reads, decodes and hashes each of them, and detects the face in it if asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image

from facesift.config.data import WHOLE, Crop, Ingest
from facesift.config.quality import Quality
from facesift.core.parallel import Workers, parallel_map
from facesift.datasets.layouts import Layout
from facesift.datasets.manifest import IMAGES, QUARANTINE, UNLABELLED, Frames, Manifest
from facesift.datasets.source_files import SourceFile, printable, source_files
from facesift.images.archives import image_id, read_bytes
from facesift.images.decoding import BadImage, notes, open_image, quantisation_hash, upright_rgb
from facesift.images.face_detector import installed_detector
from facesift.images.faces import FACE_COLUMNS, NO_FACE, face_values
from facesift.images.likeness import perceptual_hash, thumbnail
from facesift.quality.photo_figures import measure_photo
from facesift.quality.photo_reasons import QUALITY_COLUMNS, count_reasons, has_reason, judge, quality_values

CHUNK = 256  # files examined by one task


@dataclass(frozen=True)
class Look:
    """What is looked for in an image.

    Attributes:
        crop: where it is around faces, they are detected.
        quality: limits of a good photo; None: quality is not measured.
    """

    crop: Crop = WHOLE
    quality: Quality | None = None

    @property
    def schema(self) -> pl.Schema:
        """The columns of usable images."""
        faces = FACE_COLUMNS if self.crop.finds else {}
        return pl.Schema({**IMAGES, **faces, **({} if self.quality is None else QUALITY_COLUMNS)})

    def of(self, image: Image.Image) -> tuple[Any, ...]:
        """Return the values of the columns that follow those of `IMAGES`."""
        faces = installed_detector(self.crop.min_score).find_all(image) if self.crop.finds else None
        face = () if faces is None else face_values(next(iter(faces), None))
        if self.quality is None:
            return face
        figures = measure_photo(image, faces)
        return *face, *quality_values(figures, judge(figures, self.quality))


def _row(raw: Path, found: SourceFile, limits: Ingest, look: Look) -> tuple[Any, ...]:
    """Examine one file; return its row of `Look.schema` or raise `BadImage`."""
    file, source, said = found
    if printable(file.path) != file.path:
        raise BadImage("its name is not valid UTF-8: rename it")
    if said.problem:
        raise BadImage(said.problem)
    data = read_bytes(raw, file.container, file.path, limits.max_bytes)
    opened = open_image(data, limits.max_pixels, limits.formats)
    stored = (opened.format, opened.mode, len(data), quantisation_hash(opened))  # decoding may change the mode
    image = upright_rgb(opened)
    grey = image.convert("L")
    facts = (*image.size, *stored, perceptual_hash(grey), thumbnail(grey), "; ".join(notes(opened)) or None)
    known = None if said.group is None else f"{source}/{said.group}"
    return (
        image_id(data),
        source,
        said.label,
        *file,
        *facts,
        said.fold,
        known,
        said.difficulty,
        *said.edited,
        *look.of(image),
    )


def _examine_chunk(raw: Path, limits: Ingest, look: Look, chunk: Iterable[SourceFile]) -> Frames:
    rows, bad = [], []
    for found in chunk:
        try:
            rows.append(_row(raw, found, limits, look))
        except BadImage as error:
            file, source, said = found
            bad.append((source, said.label, printable(file.container), printable(file.path), error.reason))
    return pl.DataFrame(rows, look.schema, orient="row"), pl.DataFrame(bad, QUARANTINE, orient="row")


def examine_files(  # noqa: PLR0913 - what to read, how, and by whom
    raw: Path,
    layouts: Mapping[str, Layout],
    limits: Ingest,
    parallel: Workers,
    done: Callable[[int], None],
    *,
    crop: Crop = WHOLE,
    quality: Quality | None = None,
    files: Iterable[SourceFile] | None = None,
) -> Iterator[Frames]:
    """Examine every file that belongs to a source.

    Files are listed, read and decoded lazily, and come in the order of their names whichever process read them.

    Args:
        raw: the raw folder.
        layouts: each source's layout, by the source's name.
        limits: most bytes and pixels of an image.
        parallel: the processes that do the work.
        done: called with the number of files of each finished part.
        crop: where it is around faces, they are detected here, once.
        quality: limits of a good photo; None: quality is not measured.
        files: the files to examine; None: all.

    Yields:
        Usable images (`IMAGES`, `FACE_COLUMNS` where faces are detected, and `QUALITY_COLUMNS` where quality is
        measured) and unusable files (`QUARANTINE`), a few hundred files at a time.

    Raises:
        FacesiftError: when a zip is damaged, or a worker of a cluster cannot work.
    """
    remaining = iter(source_files(raw, layouts) if files is None else files)
    chunks = iter(lambda: list(islice(remaining, CHUNK)), [])
    here = raw.absolute()  # a worker may have been started in another folder
    work = partial(_examine_chunk, here, limits, Look(crop, quality))
    for usable, unusable in parallel_map(work, chunks, parallel, shared=(here,)):
        done(usable.height + unusable.height)
        yield usable, unusable


def handle_missing_faces(manifest: Manifest, crop: Crop) -> Manifest:
    """Count the images with and without a face, and quarantine the latter if `crop.unfound` says so.

    Args:
        manifest: the manifest, with `FACE_COLUMNS` where faces are detected.
        crop: whether faces are detected, and what happens to images without one.

    Returns:
        The manifest with `faces`, counted by source and by the label that the files give. The same manifest where no
        faces are detected.
    """
    if not crop.finds:
        return manifest
    counted = replace(manifest, faces=_count(manifest.images))
    if crop.unfound != "quarantine":
        return counted
    faceless = manifest.images.filter(pl.col("face_box").is_null())
    reason = f"{NO_FACE} that the detector is {crop.min_score:g} sure of (data.crop)"
    left_out = faceless.select("source", "label", "container", "path", reason=pl.lit(reason))
    return replace(
        counted,
        images=manifest.images.filter(pl.col("face_box").is_not_null()),
        quarantine=pl.concat([manifest.quarantine, left_out]).sort("source", "container", "path"),
    )


def handle_bad_photos(manifest: Manifest, quality: Quality) -> Manifest:
    """Count the bad photos, and quarantine those whose reason leads there.

    Args:
        manifest: the manifest, with `QUALITY_COLUMNS`.
        quality: what happens to bad photos.

    Returns:
        The manifest with `quality`: the images with each reason, by source and label.
    """
    counted = replace(manifest, quality=count_reasons(manifest.images, UNLABELLED))
    if not (closed := quality.names("quarantine")):
        return counted
    bad = manifest.images.with_columns(bad=has_reason(closed))
    reason = pl.col("quality") + pl.lit(f" (quality: {', '.join(closed)})")
    left_out = bad.filter("bad").select("source", "label", "container", "path", reason=reason)
    return replace(
        counted,
        images=bad.filter(~pl.col("bad")).drop("bad"),
        quarantine=pl.concat([manifest.quarantine, left_out]).sort("source", "container", "path"),
    )


def _count(images: pl.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    """Count images with and without a face: {source: {label: {found, unfound}}}."""
    found = pl.col("face_box").is_not_null()
    table = images.group_by("source", pl.col("label").fill_null(UNLABELLED)).agg(
        found=found.sum().cast(pl.Int64), unfound=(~found).sum().cast(pl.Int64)
    )
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for row in table.sort("source", "label").to_dicts():
        counts.setdefault(row["source"], {})[row["label"]] = {name: row[name] for name in ("found", "unfound")}
    return counts
