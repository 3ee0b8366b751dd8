"""Example images on the page: test images of each outcome, with their file and the votes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import Any

import polars as pl
from numpy.typing import NDArray

from facesift.report.page import Gallery, PageSection, Picture
from facesift.shards.reading import ShardFolder

QUALITY = 90  # of the JPEGs on the page
STRIP, SMALL = 5, 112  # pictures of each outcome on the first screen, and pixels of their sides
DRAWN = "The first by image_id, which is a hash of the file: in effect drawn at random, not chosen by hand."


def outcomes(positive: str) -> dict[str, pl.Expr]:
    """Name the outcomes of a decision.

    Args:
        positive: name of the class looked for.

    Returns:
        By the name of the outcome, an expression that is true for rows (label, decision) with that outcome.
    """
    label, decision = pl.col("label"), pl.col("decision")
    fake, review = label == positive, decision == "review"
    return {
        f"Caught: {positive} decided {positive}": fake & (decision == positive),
        f"Missed: {positive} decided otherwise": fake & ~review & (decision != positive),
        f"For review: {positive}": fake & review,
        f"False alarms: not {positive}, decided {positive}": ~fake & (decision == positive),
        f"For review: not {positive}": ~fake & review,
    }


def examples_section(decisions: pl.DataFrame, shards: ShardFolder, positive: str, most: int) -> PageSection:
    """Show some images of each outcome.

    Args:
        decisions: the test images, with image_id, label, container, path, vote_<voter> ... and decision.
        shards: shards of the test split.
        positive: name of the class looked for.
        most: images of each outcome at most.

    Returns:
        The section with a gallery for each outcome that occurs.
    """
    ordered = decisions.sort("image_id")
    chosen = {name: ordered.filter(rows) for name, rows in outcomes(positive).items()}
    shown = [image_id for table in chosen.values() for image_id in table["image_id"].head(most)]
    pictures = thumbnails(shards, shown)
    galleries = [
        Gallery(f"{name} ({table.height})", [_picture(row, pictures) for row in table.head(most).to_dicts()])
        for name, table in chosen.items()
        if table.height
    ]
    return PageSection("Examples", [DRAWN], galleries=galleries, reader="board")


def strips(decisions: pl.DataFrame, shards: ShardFolder, positive: str) -> list[Gallery]:
    """Choose small pictures of faces caught, missed and wrongly stopped, for the first screen.

    Args:
        decisions: as for `examples_section`.
        shards: shards of the test split.
        positive: name of the class looked for.
    """
    fake, decision = pl.col("label") == positive, pl.col("decision")
    kinds = {
        "Caught": fake & ((decision == positive) | (decision == "review")),
        "Missed": fake & (decision != positive) & (decision != "review"),
        "Wrongly stopped": ~fake & (decision == positive),
        "Real, sent to a person": ~fake & (decision == "review"),
    }
    ordered = decisions.sort((decision == "review"), "image_id")
    chosen = {name: ordered.filter(rows) for name, rows in kinds.items()}
    first = {name: table["image_id"].head(STRIP).to_list() for name, table in chosen.items()}
    pictures = thumbnails(shards, [image_id for each in first.values() for image_id in each], SMALL)
    return [
        Gallery(name, [Picture(pictures[one], f"{name}: {one[:8]}") for one in each], f"{chosen[name].height:,}")
        for name, each in first.items()
    ]


def _picture(row: dict[str, str], pictures: dict[str, str]) -> Picture:
    votes = [vote for column, vote in row.items() if column.startswith("vote_")]
    said = ", ".join(f"{votes.count(name)} {name}" for name in sorted(set(votes)))
    name = row["path"].rpartition("/")[2]
    return Picture(pictures[row["image_id"]], f"{name} ({said})", row["path"])


def thumbnails(shards: ShardFolder, image_ids: Iterable[str], longest: int | None = None) -> dict[str, str]:
    """Return images as the networks saw them, as JPEG data URIs.

    Args:
        shards: shards that hold the images; those without any of them are not read.
        image_ids: images to return.
        longest: pixels of a side at most; None: as they are.

    Returns:
        The data URIs by image_id.
    """
    wanted = set(image_ids)
    found: dict[str, str] = {}
    for shard in range(len(shards.sizes)):
        rows = [(row, one) for row, one in enumerate(shards.image_ids(shard)) if one in wanted]
        pixels = shards.pixels(shard) if rows else None
        found |= {one: _data_uri(pixels[row], longest) for row, one in rows} if pixels is not None else {}
    return found


def _data_uri(pixels: NDArray[Any], longest: int | None) -> str:
    from PIL import Image  # noqa: PLC0415

    data, image = io.BytesIO(), Image.fromarray(pixels)
    if longest is not None:
        image.thumbnail((longest, longest))
    image.save(data, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
