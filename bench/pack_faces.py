"""Pack RFF and CelebA for a machine with a GPU and little else: `python -m bench.pack_faces --rff ZIP --celeba ZIP`.

The stages of the study rff_celeba read both downloads, split and shard them, and the sampling plans are made, because
all that needs packages which bench/gpu.py does without. The packed folder holds, for each split, a zip of JPEGs and a
table of labels; for each network its recipe and its plan. All images are compressed alike, so that the packing tells no
source from another. The pictures show real people: the folder is for the machines that may have the downloads.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer
import yaml
from numpy.typing import NDArray
from PIL import Image

from bench.packed_faces import BACKBONE, FACES, SPLIT_COLUMNS, VERSION, image_name
from bench.toy import ROOT, compose_study
from bench.training_runs import prepare
from facesift.config.compose import base_values, filled_member
from facesift.config.params import Params
from facesift.core.classes import SPLITS
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet, whole_folder, write_json
from facesift.sampling.plans import make_plan
from facesift.shards.reading import ShardFolder
from workflow.dvc_command import run_script

RECIPE = ROOT / "bench/gpu_backbone.yaml"
PACKED = ROOT / ".work/packed_faces"
Tree = dict[str, Any]


def packed_study() -> Tree:
    """Compose the study: rff_celeba with the four networks that vote, and the backbone."""
    tree = compose_study("study=rff_celeba")
    backbone = filled_member(yaml.safe_load(RECIPE.read_text(encoding="utf-8")), base_values(ROOT / "conf"))
    published = {name: recipe for name, recipe in tree["members"].items() if recipe["votes"]}
    return tree | {"members": published | {BACKBONE: backbone}}


def pack(tree: Tree, raw: Path, folder: Path, quality: int, most: float) -> Tree:
    """Run the study's data stages in a temporary folder, and pack what they wrote.

    Args:
        tree: parameters of the study.
        raw: holds the study's raw folder, as data/raw does.
        folder: to write; it appears whole or not at all.
        quality: of the JPEGs, 1 to 95. Colours keep their resolution.
        most: megabytes that the folder may have.

    Returns:
        What faces.json says.

    Raises:
        FacesiftError: when the study's data is missing or damaged, or the folder gets too large.
    """
    with tempfile.TemporaryDirectory(prefix="facesift-pack-") as room:
        params = prepare(tree, Path(room), raw)
        data = Path(room) / "data"
        shards = {split: ShardFolder(data / "shards" / split) for split in SPLITS}
        groups = read_parquet(data / "split.parquet", ["image_id", "group"])
        with whole_folder(folder.absolute()) as part:
            for split, images in shards.items():
                _write_images(part / f"{split}.zip", images, quality)
                np.savez_compressed(part / f"{split}.npz", allow_pickle=False, **_table(images, groups))
            _write_plans(part, params, shards["train"])
            described = _description(params, shards, quality)
            write_json(part / FACES, described)
            _check_size(part, quality, most)
    return described


def _write_images(path: Path, shards: ShardFolder, quality: int) -> None:
    """Write the images of all shards, one after the other, as JPEGs of a zip without compression of its own."""
    number = 0
    with zipfile.ZipFile(path, "w") as archive:
        for shard in range(len(shards.sizes)):
            for pixels in shards.pixels(shard):
                data = io.BytesIO()
                Image.fromarray(pixels).save(data, "JPEG", quality=quality, subsampling=0, optimize=True)
                archive.writestr(zipfile.ZipInfo(image_name(number)), data.getvalue())  # without the time of day
                number += 1


def _table(shards: ShardFolder, groups: pl.DataFrame) -> dict[str, NDArray[Any]]:
    """Return labels, sources and near-duplicate groups in the order of the images."""
    numbers = range(len(shards.sizes))
    ids = pl.DataFrame({"image_id": [each for shard in numbers for each in shards.image_ids(shard)]})
    columns = (
        np.concatenate([shards.labels(shard) for shard in numbers]),
        np.array([source for shard in numbers for source in shards.sources(shard)]),
        ids.join(groups, on="image_id", how="left", maintain_order="left")["group"].to_numpy(),
    )
    return dict(zip(SPLIT_COLUMNS, columns, strict=True))


def _write_plans(part: Path, params: Params, train: ShardFolder) -> None:
    starts = np.cumsum([0, *train.sizes[:-1]])
    (part / "plans").mkdir()
    for name, member in params.members.items():
        plan = make_plan(train, member.resample, member.seed, name)
        places = {
            "base": starts[plan["shard"].to_numpy()] + plan["row"].to_numpy(),
            "neighbour": starts[plan["neighbour_shard"].to_numpy()] + plan["neighbour"].to_numpy(),
        }
        rest = {column: plan[column].to_numpy() for column in ("step", "label", "synthetic")}
        np.savez_compressed(part / f"plans/{name}.npz", allow_pickle=False, **places, **rest)


def _description(params: Params, shards: dict[str, ShardFolder], quality: int) -> Tree:
    return {
        "version": VERSION,
        "study": params.study,
        "image_size": params.data.image_size,
        "classes": list(params.classes),
        "positive": params.positive,
        "jpeg_quality": quality,
        "images": {split: dict(zip(params.classes, _counts(each), strict=True)) for split, each in shards.items()},
        "recipes": {name: member.model_dump(mode="json") for name, member in params.members.items()},
    }


def _counts(shards: ShardFolder) -> list[int]:
    return [sum(each) for each in zip(*(entry.counts for entry in shards.index.shards), strict=True)]


def folder_megabytes(folder: Path) -> float:
    """Return the size of all files below a folder in MB (10^6 bytes)."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _check_size(folder: Path, quality: int, most: float) -> None:
    if (size := folder_megabytes(folder)) > most:
        raise FacesiftError(f"--quality {quality} makes {size:.1f} MB, more than --most {most:g}: lower the quality")


def check_place(out: Path) -> None:
    """Refuse a folder of the repository from which images could be committed.

    Raises:
        FacesiftError: for a folder inside the repository, but not below .work/, which git ignores.
    """
    place = out.resolve()
    if place.is_relative_to(ROOT) and not place.is_relative_to(ROOT / ".work"):
        raise FacesiftError(f"--out {out}: git would see these faces there; choose a folder below .work/, or elsewhere")


def main(
    *,
    rff: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="the zip of real-and-fake-face-detection")],
    celeba: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="the zip of img_align_celeba")],
    out: Annotated[Path, typer.Option(help="folder to write")] = PACKED,
    quality: Annotated[int, typer.Option(min=1, max=95, help="of the JPEGs")] = 90,
    most: Annotated[float, typer.Option(help="MB that the folder may have")] = 60.0,
) -> None:
    """Pack RFF and CelebA at the study's size, with the recipes and sampling plans of bench/gpu.py."""
    check_place(out)
    with tempfile.TemporaryDirectory(prefix="facesift-raw-") as folder:
        raw = Path(folder) / "rff_celeba"
        raw.mkdir()
        for name, path in (("rff", rff), ("celeba", celeba)):
            (raw / f"{name}.zip").symlink_to(path.resolve())
        described = pack(packed_study(), raw.parent, out, quality, most)
    for split, counts in described["images"].items():
        print(f"{split}: {', '.join(f'{count} {label}' for label, count in counts.items())}")
    print(f"{out}: {folder_megabytes(out):.1f} MB. It shows real people: never commit it")


if __name__ == "__main__":
    run_script(main)
