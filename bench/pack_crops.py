"""Pack the centres of a study's photos for bench/gpu_cross_fit.py: `python -m bench.pack_crops FOLDER`.

It takes the images of the current study after stage split, at their own resolution, and divides them into folds by
class; near-duplicates stay in one fold. The pictures show real people: never commit them.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer
from numpy.typing import NDArray

from facesift.core.errors import FacesiftError
from facesift.images.archives import read_bytes
from facesift.images.decoding import decode
from workflow.dvc_command import run_script

SIDE, QUALITY, FOLDS, PARTS = 448, 90, 5, 2  # PARTS: zips, as some ways of copying take no large file
MOST_PIXELS = 50_000_000


def folds_of(labels: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide images into `FOLDS` folds, (n,), stratified by label; groups stay together."""
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

    folds = np.empty(len(labels), np.int64)
    splits = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(labels, labels, groups)
    for number, (_, held) in enumerate(splits):
        folds[held] = number
    return folds


def centre(data: bytes, name: str) -> bytes:
    """Cut the centre out of a photo and compress it, alike for all photos.

    Raises:
        FacesiftError: when the photo is smaller.
    """
    image = decode(data, MOST_PIXELS)
    if min(image.size) < SIDE:
        raise FacesiftError(f"{name}: {image.width} x {image.height} pixels, but {SIDE} a side are needed")
    left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
    buffer = io.BytesIO()
    image.crop((left, top, left + SIDE, top + SIDE)).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


def main(
    folder: Annotated[Path, typer.Argument(help="to write")],
    raw: Annotated[Path, typer.Option(help="folder of the study's images")] = Path("data/raw/rff"),
) -> None:
    """Pack the current study."""
    where = pl.read_parquet("data/manifest.parquet").select("image_id", "container", "path")
    images = pl.read_parquet("data/split.parquet").join(where, on="image_id").sort("image_id")
    labels = (images["label"] == "fake").cast(pl.Int64).to_numpy()
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in enumerate(np.array_split(np.arange(images.height), PARTS)):
        with zipfile.ZipFile(folder / f"crops{part}.zip", "w") as archive:
            for number in rows.tolist():
                container, path = images["container"][number], images["path"][number]
                archive.writestr(f"{number:06d}.jpg", centre(read_bytes(raw, container, path), path))
    np.savez(
        folder / "crops.npz",
        labels=labels,
        folds=folds_of(labels, images["group"].to_numpy()),
        groups=images["group"].to_numpy(),
        ids=images["image_id"].to_numpy().astype(str),
    )


if __name__ == "__main__":
    run_script(main)
