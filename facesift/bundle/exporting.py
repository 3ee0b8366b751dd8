"""Exports a committee as a bundle: weights, ONNX graphs, stacker, drift reference, and the card with their hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.bundle.backbone_files import RawImages, check_features, write_backbone
from facesift.bundle.card import CARD, FACES, GRAPH, REFERENCE, SCHEMA, STACKER_FILE, Card, StoppingCard
from facesift.bundle.decision_rule import open_ensemble
from facesift.bundle.inputs import BackboneInputs, MemberInputs
from facesift.bundle.onnx_graph import FeatureInput, export_graph
from facesift.bundle.parity import Batch, ParityCheck
from facesift.bundle.runtimes import OnnxRuntime, TorchRuntime
from facesift.bundle.stopping_rules import describe_stopping
from facesift.committee.rules import RULES
from facesift.config.committee import Vote
from facesift.config.params import Params
from facesift.core.classes import SPLITS
from facesift.core.errors import FacesiftError
from facesift.core.files import read_json, write_json
from facesift.core.fingerprint import library_versions, sha256
from facesift.core.scores import LabelledLogits
from facesift.images.face_detector import read_detector
from facesift.networks.pixel_module import load_module
from facesift.networks.weights import check_weights, load_head, read_header
from facesift.shards.building import RawImageReader
from facesift.shards.reading import ShardFolder

# The parameters that decide what is in a bundle: those of the stage in dvc.yaml (a test compares).
DECIDING = (
    "study", "seed", "classes", "positive", "data", "ingest", "split", "shard", "backbones", "members", "trainer",
    "stack", "vote", "calibration", "cost", "operating", "export",
)  # fmt: skip
VERSIONS = ("facesift", "torch", "timm", "onnx", "onnxscript", "onnxruntime", "numpy", "scipy", "pillow")
BATCH = 32  # images compared at a time


@dataclass(frozen=True)
class Sources:
    """Where the pipeline keeps what a bundle is made of.

    Attributes:
        models: weights, stacker and calibration.
        scores: the members' score tables.
        metrics: figures.
        shards: of images, by split.
        split: table of the split.
        features: shards of features by backbone and split. Only committees with heads need this and what follows.
        raw: the study's images as files.
        manifest: where they are.
    """

    models: Path
    scores: Path
    metrics: Path
    shards: Path
    split: Path
    features: Path
    raw: Path
    manifest: Path

    def test_features(self, backbone: str) -> ShardFolder:
        """Open the features of the test images by a backbone."""
        return ShardFolder(self.features / backbone / "test")


def fill_bundle(
    folder: Path, params: Params, sources: Sources, stored: Mapping[str, LabelledLogits], reference: dict[str, Any]
) -> Card:
    """Write all files of a bundle.

    Args:
        folder: an empty folder.
        params: the study's parameters.
        sources: where the pipeline keeps what the bundle is made of.
        stored: the members' logits of the images of `val` and `test`, as the pipeline scored them.
        reference: what a stream of images is compared with, see `drift_reference`.

    Returns:
        The card that was written.

    Raises:
        FacesiftError: for weights that are not those of the scores, for a member that cannot be exported, and when the
            graph does not agree with torch (see `parity`); with heads, for `vote.stability` other than `ignore`.
    """
    if _backbones(params) and params.vote.stability != "ignore":
        raise FacesiftError(
            f"vote.stability: {params.vote.stability} cannot be exported with heads yet, whose views are cut from "
            "whole images: set it to ignore, or vote with networks on images alone"
        )
    _copy_weights(folder, params.voting, sources)
    _export_graph(folder, params)
    write_json(folder / REFERENCE, reference)
    if params.data.crop.finds:
        (folder / FACES).write_bytes(read_detector())
    backbones = {
        name: write_backbone(folder, name, params.backbones[name], sources.test_features(name))
        for name in _backbones(params)
    }
    card = Card.model_validate(_describe(folder, params, sources, backbones))
    parity = _measure_parity(folder, card, params, sources, stored["test"])
    content = card.model_copy(update={"parity": parity, "stopping": _fit_stopping(folder, card, params, stored)})
    write_json(folder / CARD, content.model_dump(by_alias=True))
    return content


def _backbones(params: Params) -> list[str]:
    """Name the backbones of the voting members."""
    names = {params.members[member].backbone for member in params.voting}
    return sorted(name for name in names if name is not None)


def _measure_parity(
    folder: Path, card: Card, params: Params, sources: Sources, stored: LabelledLogits
) -> dict[str, float | int]:
    features = {name: sources.test_features(name) for name in card.backbones}
    graph, torch = OnnxRuntime(folder, card, threads=1), TorchRuntime(folder, card, threads=None)
    inputs = first_inputs(ShardFolder(sources.shards / "test"), features, params.export.parity_images)
    check = ParityCheck(graph, torch, open_ensemble(folder, card), params.export.tolerance)
    found: dict[str, float | int] = asdict(check.measure(inputs, stored)) | {"tolerance": params.export.tolerance}
    if features:
        reader = RawImageReader(sources.raw, params.data.image_size, params.ingest.max_pixels)
        found |= check_features(folder, card, features, RawImages(reader, sources.manifest))
    return found


def _fit_stopping(folder: Path, card: Card, params: Params, stored: Mapping[str, LabelledLogits]) -> StoppingCard:
    val, test = (stored[split].of_voters(card.member_names).logits for split in ("val", "test"))
    rules = {rule: open_ensemble(folder, card, rule) for rule in RULES}
    points = {point: open_ensemble(folder, card, point=point) for point in card.points}
    return describe_stopping(rules, points, val, test, params.export.stopping_risk)


def first_inputs(shards: ShardFolder, features: Mapping[str, ShardFolder], images: int) -> Iterator[Batch]:
    """Yield what the members see of the first `images` images in the shards, some at a time.

    Args:
        shards: of the images.
        features: of the same images, by backbone.
        images: how many.

    Raises:
        FacesiftError: when there are no features of an image.
    """
    for shard, size in enumerate(shards.sizes):
        ids, pixels, wanted = shards.image_ids(shard), shards.pixels(shard), min(images, size)
        held = {name: _features_of(each, shard, ids) for name, each in features.items()}
        for start in range(0, wanted, BATCH):
            part = range(start, min(start + BATCH, wanted))
            seen = [BackboneInputs(features={name: each[row] for name, each in held.items()}) for row in part]
            rows = slice(part.start, part.stop)
            yield ids[rows], MemberInputs(np.array(pixels[rows]), seen if features else ())
        images -= wanted


def _features_of(features: ShardFolder, shard: int, image_ids: list[str]) -> NDArray[np.float16]:
    """Read the features of a shard's images (n, width); both kinds of shards hold the same images in one order."""
    if shard >= len(features.sizes) or features.image_ids(shard) != image_ids:
        raise FacesiftError(f"{features.folder}: shard {shard} is of other images than data/shards; run `dvc repro`")
    return np.array(features.values(shard))


def digest(tree: Any) -> str:
    """SHA-256 of a JSON tree, whatever the order of its keys.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def _member_file(member: str) -> str:
    return f"members/{member}.safetensors"


def _copy_weights(folder: Path, members: list[str], sources: Sources) -> None:
    (folder / "members").mkdir()
    for member in members:
        weights = sources.models / f"{member}.safetensors"
        check_weights(weights, sources.scores / f"{member}.parquet")
        shutil.copyfile(weights, folder / _member_file(member))
    shutil.copyfile(sources.models / STACKER_FILE, folder / STACKER_FILE)


def _export_graph(folder: Path, params: Params) -> None:
    """Write the graph; the modules' memory is free again before the runtimes are opened."""
    paths = {member: folder / _member_file(member) for member in params.voting}
    backbones = {member: params.members[member].backbone for member in params.voting}
    modules = {member: load_head(path) if backbones[member] else load_module(path) for member, path in paths.items()}
    features = {
        member: FeatureInput(backbone, _width(paths[member]))
        for member, backbone in backbones.items()
        if backbone is not None
    }
    export_graph(folder / GRAPH, modules, params.data.image_size, features)


def _width(weights: Path) -> int:
    """Numbers of the features that a head sees, by the header of its weights."""
    features = read_header(weights).stored["preprocessing"]["features"]
    return sum(block["width"] for block in features["blocks"])


def _describe(folder: Path, params: Params, sources: Sources, backbones: dict[str, Any]) -> dict[str, Any]:
    """Return the card's content, all but the parity, from what is in the folder and what was measured on test."""
    calibration = read_json(sources.models / "calibration.json")
    vote, operating = (read_json(sources.metrics / f"{name}.json") for name in ("vote", "operating"))
    points = {name: operating["points"][name]["test"] for name in calibration["points"]}
    return {
        "schema": SCHEMA,
        "study": params.study,
        "classes": params.classes,
        "positive": params.positive,
        "members": [_describe_member(folder, member, params) for member in params.voting],
        "backbones": backbones,
        "image": {
            "image_size": params.data.image_size,
            "resize": params.data.resize,
            "crop": params.data.crop.model_dump(),
            "max_pixels": params.ingest.max_pixels,
            "max_bytes": params.ingest.max_bytes,
            "formats": params.ingest.formats,
        },
        "rule": params.vote.rule,
        "stability": _describe_stability(params.vote),
        "points": calibration["points"],
        "calibration": {name: calibration[name] for name in ("method", "temperature", "bias")},
        "stopping": None,
        "metrics": {"split": "test", "rules": vote["test"], "points": points},
        "inputs": _inputs(params, sources),
        "versions": library_versions(VERSIONS),
        "parity": {},
        "files": _list_files(folder),
    }


def _describe_stability(vote: Vote) -> dict[str, Any] | None:
    return vote.model_dump(include={"must_hold", "mild_damage"}) if vote.stability == "review" else None


def _describe_member(folder: Path, member: str, params: Params) -> dict[str, Any]:
    file = _member_file(member)
    header = read_header(folder / file).stored
    return {
        "name": member,
        "backbone": params.members[member].backbone,
        "architecture": header["architecture"],
        "batch_size": params.members[member].batch_size,
        "preprocessing": header["preprocessing"],
        "file": file,
        "sha256": sha256(folder / file),
    }


def _inputs(params: Params, sources: Sources) -> dict[str, Any]:
    tree = params.model_dump(mode="json")
    return {
        "split": sha256(sources.split),
        "shards": _hashes(sources.shards),
        "features": {name: _hashes(sources.features / name) for name in _backbones(params)},
        "params": digest({name: tree[name] for name in DECIDING}),
    }


def _hashes(shards: Path) -> dict[str, str]:
    return {split: sha256(shards / split / "index.json") for split in SPLITS}


def _list_files(folder: Path) -> dict[str, dict[str, Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in files
    }
