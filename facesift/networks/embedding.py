"""Computes the features of images by a frozen backbone, in parallel and resumably, and writes them as shards."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from facesift.config.backbones import ONNX, Backbone
from facesift.config.damage import Corruption
from facesift.core.errors import FacesiftError
from facesift.core.files import whole_folder
from facesift.core.fingerprint import PACKAGE, files_fingerprint
from facesift.core.parallel import ONE_PROCESS, Workers, parallel_map
from facesift.images.copies import damaged_copy
from facesift.images.damage import corrupt_image
from facesift.images.face_detector import installed_detector
from facesift.images.faces import face_of_row
from facesift.networks.backbones import backbone_identity, kept_backbone
from facesift.networks.feature_store import FeatureStore, write_block
from facesift.shards.building import RawImageReader, Sharding, assign_shards
from facesift.shards.index import FeatureCard, ShardEntry, ShardIndex, write_index
from facesift.shards.writing import write_shard

BLOCK = 32  # images of a block: what a kill can cost each process
CODE = ("images", "networks/backbones.py", "networks/timm_backbones.py")  # what features depend on
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Embedding:
    """How images become features.

    Attributes:
        reader: where the images are.
        backbone: the frozen network and its views.
        store: folder of the features that are kept between runs.
        parallel: processes that share the work; they do not change a result.
        corruption: damage to each image, at its own resolution, before its views are cut; None: none.
        min_score: how sure the detector has to be that finds faces anew in damaged images; None: it is not asked.
    """

    reader: RawImageReader
    backbone: Backbone
    store: Path
    parallel: Workers = ONE_PROCESS
    corruption: Corruption | None = None
    min_score: float | None = None

    @property
    def workers(self) -> Workers:
        """The processes; a GPU is used by one of them."""
        return self.parallel if self.backbone.name.startswith(ONNX) or not _has_gpu() else ONE_PROCESS

    def stored(self, *, copies: bool) -> FeatureStore:
        """Open the store of the images as they are, or of their damaged copies."""
        return FeatureStore(self.store / feature_key(self.backbone, self.corruption, copies=copies))

    def compute(self, images: pl.DataFrame, done: Callable[[int], None], *, copies: bool = False) -> FeatureStore:
        """Compute the features of images that are not in the store.

        Args:
            images: `image_id`, `container`, `path`, and `images.faces.FACE_COLUMNS` where faces were looked for.
            done: called with the number of images each time some are finished.
            copies: whether features of the damaged copies are meant, `backbone.copies.count` of each image.

        Returns:
            The store, which has all of them.

        Raises:
            FacesiftError: when an image is no longer what it was at ingest, or the backbone is not there.
        """
        store = self.stored(copies=copies)  # its folder is named once: the code may change while this runs
        rows = list(images.sort("image_id").iter_rows(named=True))
        missing = [row for row in rows if row["image_id"] not in store]
        done(len(rows) - len(missing))
        here = replace(self, reader=replace(self.reader, raw=self.reader.raw.absolute()), store=store.folder.absolute())
        here.store.mkdir(parents=True, exist_ok=True)
        work = partial(_embed_block, here, copies)
        blocks = (missing[start : start + BLOCK] for start in range(0, len(missing), BLOCK))
        for finished in parallel_map(work, blocks, self.workers, shared=(here.reader.raw, here.store)):
            done(finished)
        return FeatureStore(store.folder)


def feature_key(backbone: Backbone, corruption: Corruption | None = None, *, copies: bool) -> str:
    """Name of the features of a backbone: 16 hex digits of what they depend on, beside the images.

    It changes with the weights, with each parameter of the views, and with the code that reads images and cuts views.
    """
    spec = backbone.model_dump(exclude=set() if copies else {"copies"})
    files = [path for name in CODE for path in _files(PACKAGE / name)]
    parts = {"spec": spec, "weights": backbone_identity(backbone), "code": files_fingerprint(files, PACKAGE)}
    if corruption is not None:
        parts["corruption"] = corruption.model_dump()
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    return f"{'copies' if copies else 'damaged' if corruption else 'images'}-{digest}"


def _files(path: Path) -> Iterable[Path]:
    return path.rglob("*.py") if path.is_dir() else [path]


def _embed_block(work: Embedding, copies: bool, rows: Rows) -> int:  # noqa: FBT001  a partial's argument
    """Compute one block and write it into the store, which is `work.store` itself here; return its images."""
    values = np.stack([_embed_image(work, copies, row) for row in rows])
    write_block(work.store, [row["image_id"] for row in rows], values)
    return len(rows)


def _embed_image(work: Embedding, copies: bool, row: dict[str, Any]) -> NDArray[np.float16]:  # noqa: FBT001
    """Return the features of an image (1, width), or of its copies (copies, width)."""
    backbone, face = kept_backbone(work.backbone), face_of_row(row)
    image = work.reader.image(row["image_id"], row["container"], row["path"])
    if work.corruption is not None:
        image = Image.fromarray(corrupt_image(np.asarray(image), row["image_id"], work.corruption))
        face = None if work.min_score is None else installed_detector(work.min_score).find(image)
    if copies:
        spec = work.backbone.copies
        made = (damaged_copy(image, face, spec, number, row["image_id"]) for number in range(spec.count))
        values = np.stack([backbone.features(*copy) for copy in made])
    else:
        values = backbone.features(image, face)[None]
    if not np.isfinite(values).all():
        name = work.reader.raw / row["container"] / row["path"]
        raise FacesiftError(f"{name}: backbone {work.backbone.name} gives features that are no numbers of 16 bits")
    return values


def write_feature_shards(
    folder: Path, images: pl.DataFrame, stores: Sequence[FeatureStore], backbone: Backbone, sharding: Sharding
) -> ShardIndex:
    """Write the features of one split as shards, in the order in which its images are in the shards of images.

    Args:
        folder: for example `data/features/clip_b16/train`; its name is the split.
        images: `image_id`, `source`, `label`, one row per image.
        stores: the features of the images, and of their copies if there are any.
        backbone: whose features they are.
        sharding: sizes and seed, as for the images.

    Returns:
        The index that was written.

    Raises:
        FacesiftError: when there is no image, or what is stored of one is damaged.
    """
    if images.is_empty():
        raise FacesiftError(f"{folder}: split {folder.name!r} has no image; look at data/split.parquet")
    count = math.ceil(images.height / sharding.images)
    rows = assign_shards(images, count, sharding.seed, folder.name)
    width = max(len(name.encode()) for name in rows["source"].unique())
    opened = kept_backbone(backbone)
    with whole_folder(folder.absolute(), private=True) as part:
        entries: list[ShardEntry] = []
        for shard in range(count):
            held = rows.filter(pl.col("shard") == shard)
            path = part / f"{shard:05d}.h5"
            entries.append(write_shard(path, held, _read(held["image_id"], stores), width, sharding.classes))
        copies = backbone.copies.count if len(stores) > 1 else 0
        card = FeatureCard(backbone=backbone.model_dump(mode="json"), copies=copies, blocks=opened.blocks())
        return write_index(part, opened.side, entries, sharding.classes, card)


def _read(image_ids: Iterable[str], stores: Sequence[FeatureStore]) -> Iterator[NDArray[np.float16]]:
    for image_id in image_ids:
        yield np.concatenate([store.read(image_id) for store in stores])


def _has_gpu() -> bool:
    import torch  # noqa: PLC0415  seconds that an ONNX backbone need not pay

    return torch.cuda.is_available()
