"""The backbones of a bundle: their ONNX files and card entries, and a check that they give the stored features."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.bundle.card import Card
from facesift.bundle.preprocessing import Preprocessor
from facesift.bundle.runtimes import BundleBackbones
from facesift.config.backbones import ONNX, Backbone
from facesift.core.errors import FacesiftError
from facesift.core.files import scan_parquet
from facesift.core.fingerprint import sha256
from facesift.networks.backbones import backbone_file, with_block_outputs
from facesift.shards.building import RawImageReader
from facesift.shards.reading import ShardFolder

CARRIED = ("name", "views", "centre", "pool", "mean", "std")  # parameters that are in the card
EMBEDDED = 8  # test images whose features are computed again from their files
# Of an image's features, in lengths of them. On the machine that computed them: 0. The int8 CLIP gives features that
# are 0.13 to 0.17 away when its input changes by a millionth, as it may between processors.
LARGEST_CHANGE = 0.3


def write_backbone(folder: Path, name: str, spec: Backbone, features: ShardFolder) -> dict[str, Any]:
    """Write a backbone's ONNX file into `folder/backbones`.

    An `onnx:` backbone is copied, with outputs for the blocks that `pool` names. A model of timm is exported in
    float32.

    Args:
        folder: the bundle.
        name: of the backbone.
        spec: its parameters.
        features: shards that it gave.

    Returns:
        Its entry in the card, see `card.BackboneCard`.

    Raises:
        FacesiftError: when the features are of other parameters, when its weights are not there, or when torch cannot
            export it.
    """
    card = features.index.features
    if card is None or card.backbone != spec.model_dump(mode="json"):
        raise FacesiftError(f"{features.folder}: not of the backbone {name} in params.yaml; `dvc repro embed@{name}`")
    file = f"backbones/{name}.onnx"
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    weights = backbone_file(spec)
    if spec.name.startswith(ONNX) and weights is not None:
        tower = with_block_outputs(weights, spec)
        if isinstance(tower, bytes):
            path.write_bytes(tower)
        else:
            shutil.copyfile(tower, path)
    else:
        _export(path, spec, weights)
    kept = spec.model_dump(mode="json", include=set(CARRIED))
    return kept | {
        "side": features.image_size,
        "blocks": [block.model_dump() for block in card.blocks],
        "file": file,
        "sha256": sha256(path),
    }


def _export(path: Path, spec: Backbone, weights: Path | None) -> None:
    from facesift.bundle.onnx_graph import export_tower  # noqa: PLC0415  torch
    from facesift.networks.timm_backbones import build_tower  # noqa: PLC0415

    tower = build_tower(spec, weights)
    export_tower(path, tower, tower.side, spec.pool)


@dataclass(frozen=True)
class RawImages:
    """The images of a study as files.

    Attributes:
        reader: reads them.
        manifest: table with image_id, container, path.
    """

    reader: RawImageReader
    manifest: Path


def check_features(folder: Path, card: Card, features: Mapping[str, ShardFolder], raw: RawImages) -> dict[str, float]:
    """Compute the features of the first test images again, from their files by the bundle's backbones.

    Args:
        folder: the bundle.
        card: its card.
        features: the stored features of the test images, by backbone.
        raw: the images.

    Returns:
        For the card: `embedded`, the number of images, and `features`, the largest length of a difference from the
        stored features, in lengths of these.

    Raises:
        FacesiftError: when the difference is larger than `LARGEST_CHANGE`.
    """
    preprocessor, backbones = Preprocessor.of(folder, card), BundleBackbones(folder, card, threads=1)
    farthest, images = 0.0, 0
    for name, shards in features.items():
        stored = dict(islice(_rows(shards), EMBEDDED))
        images = len(stored)
        places = scan_parquet(raw.manifest).filter(pl.col("image_id").is_in(list(stored))).collect()
        for row in places.iter_rows(named=True):
            image = raw.reader.image(row["image_id"], row["container"], row["path"])
            again = backbones.opened(name).features_of(preprocessor.apply(image).views[name])
            change = _change(again, stored[row["image_id"]])
            farthest = max(farthest, change)
            if not change <= LARGEST_CHANGE:
                raise FacesiftError(
                    f"{name}: the bundle's backbone gives other features of image {row['image_id']} than "
                    f"{shards.folder} has: they differ by {change:.2g} of their length, more than {LARGEST_CHANGE:g}; "
                    f"nothing written. `dvc repro -f embed@{name}` computes them on this machine"
                )
    return {"embedded": images, "features": farthest}


def _rows(shards: ShardFolder) -> Iterator[tuple[str, NDArray[np.float16]]]:
    for shard in range(len(shards.sizes)):
        yield from zip(shards.image_ids(shard), shards.values(shard), strict=True)


def _change(again: NDArray[np.float16], stored: NDArray[np.float16]) -> float:
    before = stored.astype(np.float64)
    return float(np.linalg.norm(again - before) / np.linalg.norm(before))
