"""A frozen backbone in small, images for it, and shards of features that tests make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from facesift.config import backbones
from facesift.config.members import Member
from facesift.core.classes import BINARY, SPLITS
from facesift.images.archives import LOOSE, image_id
from facesift.shards.index import FeatureBlock, FeatureCard, write_index
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import write_shard
from tests.made_config import Backbone, whole_member

SIDE, EMBEDDING, TOKEN = 16, 6, 5  # pixels of the input, widths of the outputs
TOKENS = 3  # the class token and two more


def write_tower(path: Path, *, seed: int = 0) -> str:
    """Write an image tower in ONNX; return its name as a backbone.

    Like an int8 network it scales by the whole batch: what an image gives depends on what goes through with it.
    """
    rng, pixels = np.random.default_rng(seed), 3 * SIDE * SIDE
    stored = {
        "to_embedding": rng.normal(size=(pixels, EMBEDDING)).astype(np.float32),
        "to_tokens": rng.normal(size=(pixels, TOKENS * TOKEN)).astype(np.float32),
        "shape": np.array([-1, TOKENS, TOKEN]),
    }
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["most"], keepdims=0),
        helper.make_node("Div", ["images", "most"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "to_embedding"], ["embedding"]),
        helper.make_node("MatMul", ["flat", "to_tokens"], ["wide"]),
        helper.make_node("Reshape", ["wide", "shape"], ["tokens"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tower",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["n", TOKENS, TOKEN]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", EMBEDDING]),
        ],
        [numpy_helper.from_array(values, name) for name, values in stored.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return f"onnx:{path}"


def tower(path: Path, **given: Any) -> backbones.Backbone:
    """Parameters of a backbone whose network is the small tower, written to `path` if it is not there."""
    name = f"onnx:{path}" if path.exists() else write_tower(path)
    return Backbone(**({"name": name, "views": ["whole"], "pool": ["embedding"]} | given))


def write_images(raw: Path, count: int, *, start: int = 0) -> pl.DataFrame:
    """Write images of noise, and return what a manifest and a split say of them: every fifth is fake."""
    raw.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(start, start + count):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 48, 3), np.uint8)
        path = raw / f"{number}.png"
        Image.fromarray(pixels).save(path)
        label = "fake" if number % 5 == 0 else "real"
        rows.append((image_id(path.read_bytes()), "made", label, LOOSE, path.name))
    return pl.DataFrame(rows, ["image_id", "source", "label", "container", "path"], orient="row")


def card(width: int, *, copies: int = 0, view: str = "whole") -> FeatureCard:
    """Describe features that are one embedding."""
    blocks = [FeatureBlock(view=view, pool="embedding", width=width)]
    return FeatureCard(backbone={"name": "timm:made"}, copies=copies, blocks=blocks)


def write_features(
    folder: Path,
    values: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    ids: list[str] | None = None,
    shards: int = 2,
    classes: tuple[str, ...] = BINARY,
) -> ShardFolder:
    """Write features (n, 1 + copies, width) and class numbers (n,) as shards."""
    entries = []
    ids = ids or [f"{row:032x}" for row in range(len(labels))]
    for number, rows in enumerate(np.array_split(np.arange(len(labels)), shards)):
        names = np.array(classes)[labels[rows]].tolist()
        table = pl.DataFrame({"image_id": [ids[row] for row in rows], "source": "made", "label": names})
        entries.append(
            write_shard(folder / f"{number:05d}.h5", table, iter(values[rows].astype(np.float16)), 4, classes)
        )
    write_index(folder, SIDE, entries, classes, card(values.shape[-1], copies=values.shape[1] - 1))
    return ShardFolder(folder)


def write_splits(folder: Path, truth: pl.DataFrame, values: NDArray[np.floating], labels: NDArray[np.integer]) -> None:
    """Write the features of all images of a study, split by split, below `folder`."""
    for split in SPLITS:
        rows = np.flatnonzero((truth["split"] == split).to_numpy())
        ids = [truth["image_id"][row] for row in rows.tolist()]
        write_features(folder / split, values[rows], labels[rows], ids=ids)


def planted(images: int, fakes: int, *, width: int = 8, strength: float = 2.0, seed: int = 0) -> tuple[Any, Any]:
    """Draw noise (images, width) float16 in which one direction tells fakes apart; the first `fakes` are fake."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(images) < fakes).astype(np.int64)
    values = rng.normal(size=(images, width))
    values[:, 0] += strength * labels
    return values.astype(np.float16), labels


HEAD = {
    "seed": 1,
    "input": "features/made",
    "architecture": {"name": "head", "views": ["whole"], "pool": ["embedding"]},
    "resample": {"scope": "none"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"name": "lbfgs", "lr": 1.0, "weight_decay": 0.01},
    "schedule": {"name": "constant"},
    "epochs": 200,
    "batch_size": 16,
    "keep": "last",
}


def head_recipe(**given: Any) -> Member:
    """Make the recipe of a head; parts that are given as dicts are laid over those of `HEAD`."""
    tree = dict(HEAD)
    for key, value in given.items():
        old = tree.get(key)
        merge = isinstance(value, dict) and isinstance(old, dict) and key != "loss"
        tree[key] = old | value if merge else value
    return Member(**whole_member(tree))
