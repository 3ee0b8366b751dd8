"""Divide the images into train, validation and test: `python -m stages.split`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.classes import SPLITS
from facesift.core.files import read_parquet, write_json, write_parquet
from facesift.core.formatting import counted
from facesift.datasets.image_groups import GROUP_COLUMNS
from facesift.datasets.splitting import SplitResult, split_images, summarise_split
from facesift.quality.photo_reasons import referred_column, refers

MANIFEST = Path("data/manifest.parquet")
SPLIT = Path("data/split.parquet")
METRICS = Path("data/figures/split.json")
COLUMNS = ["image_id", "source", "label", "fold", *GROUP_COLUMNS]


def _counts(division: SplitResult) -> Table:
    counted = division.table.group_by("source", "label", "split").len()
    numbers = {(source, label, split): number for source, label, split, number in counted.rows()}
    table = Table("source", "label", *SPLITS)
    for column in table.columns[2:]:
        column.justify = "right"
    for source, label in sorted({(source, label) for source, label, _ in numbers}):
        table.add_row(source, label, *(f"{numbers.get((source, label, split), 0):,}" for split in SPLITS))
    return table


def _tell_groups(groups: dict[str, Any]) -> str:
    near, known = groups["near_duplicates"], groups["known_groups"]
    refused = near["refused"]
    said = (
        f"{counted(near['images'], 'near-duplicate')} kept together in {counted(near['groups'], 'group')}, the largest "
        f"of {counted(near['largest'], 'image')} ({near['largest_bits']} bits); close hashes refused: "
        f"{refused['thumbnail']:,} by thumbnails, {refused['diameter']:,} by the groups' diameter"
    )
    if near["look_alikes"]:
        said += f"; {counted(near['look_alikes'], 'picture')} in clusters of look-alikes"
    return said + (
        f"; {counted(known['images'], 'image')} in {counted(known['groups'], 'group')} of data.sources"
        if known["groups"]
        else ""
    )


def _refer(table: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Mark the images that a person decides because no face was found in them, or because they are bad photos."""
    faces = ["face_box"] if params.data.crop.refers else []
    reasons = ["quality"] if params.quality.names("review") else []
    images = read_parquet(MANIFEST, ["image_id", *faces, *reasons])
    marked = images.select("image_id", referred_column(images, params.data.crop, params.quality))
    return table.join(marked, on="image_id", how="left", maintain_order="left")


def main(params: Params) -> None:
    """Read `data/manifest.parquet`; write `data/split.parquet` and `data/figures/split.json`."""
    division = split_images(read_parquet(MANIFEST, COLUMNS), params.split, params.seed, params.class_names.names)
    write_parquet(SPLIT, _refer(division.table, params) if refers(params.data.crop, params.quality) else division.table)
    write_json(METRICS, summarise_split(division))
    Console().print(_counts(division))
    print(_tell_groups(division.groups))
    if division.removed_leaks:
        left_out = counted(division.removed_leaks, "image")
        print(f"{left_out} left out: of one group with images in a later predefined split")


if __name__ == "__main__":
    run(main)
