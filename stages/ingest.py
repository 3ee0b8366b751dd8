"""Read, check and hash every raw image: `python -m stages.ingest`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.config.weights import missing_weights
from facesift.core.errors import FacesiftError, for_terminal
from facesift.core.files import write_csv, write_json, write_parquet
from facesift.core.formatting import counted
from facesift.datasets.examination import examine_files, handle_bad_photos, handle_missing_faces
from facesift.datasets.label_tables import make_layouts
from facesift.datasets.layouts import Layout
from facesift.datasets.left_out import check_classes, check_rows, report_left_out, tell_left_out
from facesift.datasets.lost_files import check_losses, count_losses, report_losses, tell_losses
from facesift.datasets.manifest import Manifest, build_manifest, count_warnings, summarise_manifest
from facesift.datasets.relabelling import Relabelling, relabel
from facesift.datasets.reviews import likely_damaged, read_reviews
from facesift.datasets.source_files import FileCounts, count_files
from facesift.quality.photo_reasons import tell_reasons

REVIEWS = Path("data/reviews")
MANIFEST = Path("data/manifest.parquet")
QUARANTINE = Path("data/quarantine.csv")
METRICS = Path("data/figures/ingest.json")


def _read(raw: Path, layouts: Mapping[str, Layout], found: FileCounts, params: Params) -> Manifest:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task("images", total=found.recognised)

        def advance(files: int) -> None:
            progress.advance(bar, files)

        return build_manifest(
            examine_files(
                raw,
                layouts,
                params.ingest,
                params.parallel.workers,
                advance,
                crop=params.data.crop,
                quality=params.quality,
            )
        )


def _usable(raw: Path, layouts: Mapping[str, Layout], found: FileCounts, params: Params) -> Manifest:
    """Read all files; too many bad ones of a class, or no good one, is an error."""
    manifest = handle_missing_faces(_read(raw, layouts, found, params), params.data.crop)
    manifest = handle_bad_photos(manifest, params.quality)
    check_losses(count_losses(manifest.quarantine, found.by_class), manifest.quarantine, params.ingest)
    if manifest.images.is_empty():
        raise FacesiftError(
            f"{raw}: no usable image in {counted(found.recognised, 'file')}; lower ingest.max_bad_fraction to see why"
        )
    return manifest


def _judge(raw: Path, images: pl.DataFrame, params: Params) -> Relabelling:
    reviews = read_reviews(REVIEWS)
    for warning in likely_damaged(images["image_id"], reviews):
        print(warning)
    judged = relabel(images, reviews, params.class_names.names, two_persons=params.review.two_persons)
    if judged.images.is_empty():
        raise FacesiftError(
            f"{raw}: {counted(images.height, 'image')}, of which nobody has decided any, and their sources have the "
            "layout `reviewed`: review them first (`facesift review`), or add a source with labels"
        )
    return judged


def _tell_faces(faces: dict[str, dict[str, dict[str, int]]]) -> str:
    counts = [
        f"{counted['found']} of {counted['found'] + counted['unfound']} {source} {label}"
        for source, labels in faces.items()
        for label, counted in labels.items()
    ]
    return f"faces found: {', '.join(counts)}"


def _tell(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} x {name}" for name, number in counts.items())


def _advise(raw: Path, drawn: Collection[str]) -> None:
    """Say what to type if DVC does not keep the raw images: who works outside of this folder would not find them."""
    if raw.name in drawn:
        return
    inner = None if raw.is_symlink() else _linked_folder(raw)
    if inner:
        print(
            f"{inner} is a link, and DVC does not follow links below a folder: put the images, or a zip, in its place"
        )
    elif not raw.with_name(f"{raw.name}.dvc").is_file():
        print(
            f"{raw} is not under DVC, so queued and temporary experiments and colleagues do not find it until you type"
        )
        if raw.is_symlink():  # `dvc add` refuses a link
            there = shlex.quote(str(raw.resolve()))
            print(f"    rm {raw} && dvc add {there} -o {raw} && git add {raw}.dvc")
            print("It removes the link alone. DVC then keeps a copy of the images in its cache and one here.")
        else:
            print(f"    dvc add {raw} && git add {raw}.dvc")


def _linked_folder(raw: Path) -> Path | None:
    """Return the first link to a folder below a raw folder."""
    for folder, names, _ in os.walk(raw):
        for name in sorted(names):
            if (path := Path(folder, name)).is_symlink():
                return path
    return None


def main(params: Params) -> None:
    """Read `data/raw/<data.raw>` and `data/reviews`; write the manifest, the quarantine list and the counts."""
    if missing := missing_weights(params):  # a later stage would stop, after minutes or hours
        raise FacesiftError("\n".join(missing))
    raw = Path("data/raw") / params.data.raw
    layouts = make_layouts(raw, params.data.sources, params.class_names.names)
    found = count_files(raw, layouts)
    for line in tell_left_out(found):
        print(for_terminal(line))
    check_rows(found, params.ingest)
    manifest = _usable(raw, layouts, found, params)
    judged = _judge(raw, manifest.images, params)
    check_classes(raw, layouts, {*manifest.images["label"], *judged.images["label"]})
    labelled = replace(manifest, images=judged.images)
    write_parquet(MANIFEST, labelled.images)
    write_csv(QUARANTINE, pl.concat([labelled.quarantine, found.left_out()]), private=True)
    losses = count_losses(labelled.quarantine, found.by_class)
    counts = summarise_manifest(labelled) | report_left_out(found) | {"losses": report_losses(losses)}
    write_json(METRICS, counts | {"reviews": judged.report})
    copies = counted(labelled.exact_duplicates, "further copy", "further copies")
    print(f"{counted(labelled.images.height, 'image')}, {copies} dropped,", end=" ")
    unusable = counted(labelled.quarantine.height, "unusable file")
    print(f"{unusable}, {found.left_out().height:,} more left out ({QUARANTINE})")
    if warned := count_warnings(labelled.images):
        print(f"images with a warning: {_tell(warned)}")
    for line in tell_losses(losses):
        print(for_terminal(line))
    if labelled.faces is not None:
        print(_tell_faces(labelled.faces))
    if labelled.quality:
        print(f"bad photos: {tell_reasons(labelled.quality)}")
    if said := judged.sentence():
        print(said)
    _advise(raw, params.drawn)


if __name__ == "__main__":
    run(main)
