"""Where a head sees the forgery: how often its strongest place lies in a replaced part of the face, against chance.

`python -m bench.where MEMBER` in a study with RFF, after `dvc repro train@MEMBER`. RFF's file names say which of left
eye, right eye, nose and mouth were replaced. A part is a circle around the detector's landmarks. From each map the mean
map of the real validation images is subtracted: some places score high in every face.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer
from numpy.typing import NDArray

from facesift.config.backbones import Backbone
from facesift.config.params import load_params
from facesift.core.classes import PARTS
from facesift.core.files import read_parquet, write_json
from facesift.core.intervals import clopper_pearson
from facesift.images.faces import FACE_COLUMNS, Face, face_of_row
from facesift.networks.weights import load_head
from facesift.networks.weights_header import read_header
from facesift.report.heat_map import HeatMaps, open_heat_maps
from facesift.shards.building import RawImageReader
from facesift.shards.index import FeatureBlock

RADIUS = 0.45  # of a part's circle, in distances of the eyes
VIEW = "face"
Map = NDArray[np.float32]
Box = tuple[int, int, int, int]


def part_centres(face: Face) -> dict[str, tuple[float, float]]:
    """Return the middle of each part of a face, in pixels of the image; "left" has the smaller x."""
    points = np.array(face.landmarks)
    places = [points[0], points[1], points[2], points[3:].mean(axis=0)]
    return {part: (float(x), float(y)) for part, (x, y) in zip(PARTS, places, strict=True)}


def inside(face: Face, parts: Iterable[str], box: Box, grid: int) -> NDArray[np.bool_]:
    """Say which patches of a view have their middle in one of some parts: (grid, grid)."""
    left, top, right, _ = box
    steps = (np.arange(grid) + 0.5) * (right - left) / grid
    x, y = left + steps[None, :], top + steps[:, None]
    eyes = np.array(face.landmarks[:2])
    radius = RADIUS * float(np.linalg.norm(eyes[0] - eyes[1]))
    centres = part_centres(face)
    near = [np.hypot(x - centres[part][0], y - centres[part][1]) <= radius for part in parts]
    return np.any(near, axis=0)


def _maps(maps: HeatMaps, reader: RawImageReader, rows: pl.DataFrame) -> list[tuple[dict[str, Any], Box, Map]]:
    found = []
    for row in rows.iter_rows(named=True):
        image = reader.image(row["image_id"], row["container"], row["path"])
        box, values = maps.of(image, face_of_row(row))[VIEW]
        found.append((row, box, values))
    return found


def measure(fakes: list[tuple[dict[str, Any], Box, Map]], usual: Map) -> dict[str, Any]:
    """Count how often the strongest patch, after subtracting the usual map, lies in a replaced part."""
    hits, chances = 0, []
    for row, box, values in fakes:
        face, parts = face_of_row(row), [part for part in PARTS if row[part]]
        if face is None:
            continue
        where = inside(face, parts, box, len(values))
        hits += int(where[np.unravel_index(np.argmax(values - usual), values.shape)])
        chances.append(float(where.mean()))
    chance = float(np.mean(chances))
    share = hits / len(chances)
    return {
        "fakes": len(chances), "hits": hits, "share": share, "share_interval": clopper_pearson(hits, len(chances)),
        "chance": chance, "times_chance": share / chance,
    }  # fmt: skip


def main(
    member: Annotated[str, typer.Argument(help="A linear head of the study that sees the view `face`.")],
    output: Annotated[Path, typer.Option(help="JSON file to write.")] = Path(".work/where.json"),
) -> None:
    """Measure it on the test fakes, and print it."""
    params = load_params()
    weights = Path(f"models/{member}.safetensors")
    card = read_header(weights).stored["preprocessing"]["features"]
    blocks = [FeatureBlock.model_validate(block) for block in card["blocks"]]
    maps = open_heat_maps(
        Backbone.model_validate(card["backbone"]), blocks, load_head(weights), params.class_names.number
    )
    columns = ["image_id", "container", "path", "label", *PARTS, *FACE_COLUMNS]
    rows = read_parquet(Path("data/manifest.parquet"), columns)
    rows = rows.join(read_parquet(Path("data/split.parquet"), ["image_id", "split"]), on="image_id")
    reader = RawImageReader(Path("data/raw") / params.data.raw, 1, params.ingest.max_pixels)
    real = rows.filter((pl.col("split") == "val") & (pl.col("label") != params.positive))
    fake = rows.filter((pl.col("split") == "test") & (pl.col("label") == params.positive) & pl.any_horizontal(*PARTS))
    usual = np.mean([values for _, _, values in _maps(maps, reader, real)], axis=0)
    report = measure(_maps(maps, reader, fake), usual)
    write_json(output, report)
    low, high = report["share_interval"]
    typer.echo(
        f"{member}: the strongest place lies in a replaced part in {report['hits']} of {report['fakes']} test fakes "
        f"({report['share']:.1%}, {low:.0%} to {high:.0%}); by chance {report['chance']:.1%}: "
        f"{report['times_chance']:.2f} times chance"
    )


if __name__ == "__main__":
    typer.run(main)
