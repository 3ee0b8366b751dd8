"""A study whose members are heads on two tiny backbones, and one network on pixels; made in seconds from photos."""

from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
import torch
import yaml
from onnx import TensorProto, helper, numpy_helper

from facesift.config.backbones import Backbone
from facesift.config.data import Ingest
from facesift.config.params import Params
from facesift.core.classes import SPLITS
from facesift.core.files import write_parquet
from facesift.core.fingerprint import sha256
from facesift.core.parallel import ONE_PROCESS
from facesift.core.scores import read_held_out
from facesift.datasets.examination import examine_files
from facesift.datasets.layouts import Layout
from facesift.datasets.manifest import build_manifest
from facesift.images.formats import FORMATS
from facesift.networks.embedding import Embedding, write_feature_shards
from facesift.networks.feature_head import FeatureHead
from facesift.networks.scoring import score_splits
from facesift.networks.weights import load_scorer, save_tensors, save_weights
from facesift.shards.building import RawImageReader, Sharding, build_split
from facesift.shards.reading import ShardFolder
from tests.made import ROOT, SIZE
from tests.made_bundle import Study, header_of, made_sources, tensors_of, write_stacker_and_figures
from tests.made_config import Source, parse_params
from tests.made_faces import crop, install, photo, png

LIMITS = Ingest(max_bad_fraction=1, max_unmatched=0, max_pixels=10**6, max_bytes=10**6, formats=[*FORMATS])
SHARDING = Sharding(20, 0)
VIEW = crop(margin=0.2)
TOWER_SIDE = 32
SEES_ALL = {"views": ["whole", "centre", "tiles", "eyes"], "pool": ["class", "mean"]}
HEADS = {
    "linear": ("vit", {"views": ["whole", "tiles"], "pool": ["class"], "tiles": ["mean", "max"]}),
    "hidden": ("vit", {"views": ["eyes"], "pool": ["class", "mean"], "hidden": 5, "dropout": 0.5}),
    "tokens": ("tower", {"views": ["whole", "nose"], "pool": ["mean"]}),
}


def make_tower(path: Path) -> Path:
    """Write an image tower as such packages hold it: one output, tokens (v, 16, 8)."""
    weights = np.random.default_rng(5).normal(size=(8, 3, 8, 8)).astype(np.float32)
    stored = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.array([0, 8, 16]), "shape")]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["maps"], strides=[8, 8]),
        helper.make_node("Reshape", ["maps", "shape"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["tokens"], perm=[0, 2, 1]),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["v", 3, TOWER_SIDE, TOWER_SIDE])
    made = helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["v", 16, 8])
    graph = helper.make_graph(nodes, "tower", [given], [made], stored)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


def head_params(tower: Path, heads, *, pixels: bool) -> Params:
    """Parameters of a study with some `heads`, and a network on pixels if asked."""
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    recipe = tree["members"]["plain"] | {"votes": True}
    blank = {"augment": {}, "views": {"flip": False, "zoom": [1.0]}, "resample": {"scope": "none"}}
    tree["backbones"] = {
        "vit": {"name": "timm:test_vit"} | SEES_ALL,
        "tower": {"name": f"onnx:{tower}", "views": ["whole", "nose"], "pool": ["class", "mean"]},
    }
    tree["members"] = {
        name: recipe
        | blank
        | {"input": f"features/{HEADS[name][0]}", "architecture": {"name": "head"} | HEADS[name][1]}
        for name in heads
    }
    if pixels:
        tree["members"]["net"] = recipe | {"architecture": {"name": "lenet"}}
    tree["data"] |= {
        "image_size": SIZE,
        "sources": {"made": {"layout": "class_folders"}},
        "crop": VIEW.model_dump(),
    }
    tree["ingest"] = LIMITS.model_dump()
    return parse_params(tree | {"study": "made", "classes": ["real", "fake"], "positive": "fake"})


def make_head_study(room: Path, heads=tuple(HEADS), *, pixels: bool = True) -> Study:
    """Make a study out of 54 photos, some without a face, as the stages do it; the heads are not trained."""
    params, sources = head_params(make_tower(room / "tower.onnx"), heads, pixels=pixels), made_sources(room)
    _write_photos(sources.raw)
    with pytest.MonkeyPatch.context() as patched:
        install(room / "site", patched)
        layouts = {"made": Layout(Source(layout="class_folders"))}
        found = examine_files(sources.raw, layouts, LIMITS, ONE_PROCESS, lambda _: None, crop=VIEW)
        images = build_manifest(found).images
    write_parquet(sources.manifest, images)
    images = images.with_row_index("group").with_columns(
        split=pl.Series([SPLITS[number % 3] for number in range(images.height)])
    )
    write_parquet(sources.split, images.select("image_id", "split", "source", "label", "group"))
    _write_shards(params, sources, images, room / "store")
    for name in params.voting:
        _write_member(params, sources, name)
    write_stacker_and_figures(params, sources)
    return Study(params, sources, read_held_out(room, params.voting, params.class_names, stacker=False))


def _write_photos(raw: Path) -> None:
    for number in range(54):
        middle = None if number % 9 == 0 else (60 + 2 * number, 60 + number)
        path = raw / ("fake" if number % 2 else "real") / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(photo(middle, size=(256 + number, 192), seed=number)))


def _write_shards(params: Params, sources, images: pl.DataFrame, store: Path) -> None:
    for split in SPLITS:
        reader = RawImageReader(sources.raw, SIZE, 10**6, crop=VIEW)
        build_split(sources.shards / split, images.filter(split=split), reader, SHARDING)
    for name, backbone in params.backbones.items():
        work = Embedding(RawImageReader(sources.raw, 1, 10**6), Backbone.model_validate(backbone), store / name)
        features = work.compute(images, lambda _: None)
        for split in SPLITS:
            rows = images.filter(split=split)
            write_feature_shards(sources.features / name / split, rows, [features], backbone, SHARDING)


def _write_member(params: Params, sources, name: str) -> None:
    member, weights = params.members[name], sources.models / f"{name}.safetensors"
    folder = sources.shards if member.backbone is None else sources.features / member.backbone
    held = {split: ShardFolder(folder / split) for split in ("val", "test")}
    header = header_of(params, name)
    if member.backbone is None:
        save_tensors(weights, tensors_of(params, name), header)
    else:
        card = held["val"].index.features
        torch.manual_seed(len(name))
        head = FeatureHead(member.architecture, card.blocks, 2)
        head.standardise(torch.from_numpy(np.array(held["val"].values(0))))
        header["preprocessing"]["features"] = {"input": member.input} | card.model_dump()
        save_weights(weights, head, header)
    scores = score_splits(load_scorer(weights), held, 7, params.classes)
    write_parquet(sources.scores / f"{name}.parquet", scores, {"weights_sha256": sha256(weights)})
