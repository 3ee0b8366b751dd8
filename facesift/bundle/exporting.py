"""Exports a committee as a bundle: weights, ONNX graphs, stacker, drift reference, and the card with their hashes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.bundle.backbone_files import RawImages, check_features, write_backbone
from facesift.bundle.card import CARD, DATA_CARD, FACES, GRAPH, MODEL_CARD, REFERENCE, STACKER_FILE, Card
from facesift.bundle.card_content import Sources, backbone_names, card_content, list_files, member_file
from facesift.bundle.card_parts import StoppingCard
from facesift.bundle.data_card import count_images, data_card
from facesift.bundle.decision_rule import open_ensemble
from facesift.bundle.inputs import BackboneInputs, MemberInputs
from facesift.bundle.kept_graphs import graph_key, kept_graph
from facesift.bundle.kept_logits import KeptLogits
from facesift.bundle.markdown import write_page
from facesift.bundle.model_card import model_card
from facesift.bundle.parity import Batch, ParityCheck
from facesift.bundle.runtimes import OnnxRuntime, Runtime, TorchRuntime
from facesift.bundle.stopping_rules import describe_stopping
from facesift.committee.rules import RULES
from facesift.committee.stacking import load_stacker
from facesift.committee.stopping import StoppingPromise
from facesift.config.committee import Export
from facesift.config.params import Params
from facesift.core.errors import FacesiftError
from facesift.core.files import read_json, write_json
from facesift.core.scores import LabelledLogits
from facesift.images.face_detector import read_detector
from facesift.networks.weights_header import check_weights, read_header
from facesift.shards.building import RawImageReader
from facesift.shards.reading import ShardFolder

BATCH = 32  # images compared at a time


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
    if backbone_names(params) and params.vote.stability != "ignore":
        raise FacesiftError(
            f"vote.stability: {params.vote.stability} cannot be exported with heads yet, whose views are cut from "
            "whole images: set it to ignore, or vote with networks on images alone"
        )
    _copy_weights(folder, params, sources)
    kept = _export_graph(folder, params, sources.graphs)
    write_json(folder / REFERENCE, reference)
    if params.data.crop.finds:
        (folder / FACES).write_bytes(read_detector())
    backbones = {
        name: write_backbone(folder, name, params.backbones[name], sources.test_features(name))
        for name in backbone_names(params)
    }
    card = Card.model_validate(card_content(folder, params, sources, backbones))
    parity = _measure_parity(_parity_check(folder, card, params, kept), card, params, sources, stored["test"])
    parity |= _measure_features(folder, card, params, sources)
    card = card.model_copy(update={"parity": parity, "stopping": _fit_stopping(folder, card, params, stored)})
    _write_pages(folder, card, params, sources)
    card = Card.model_validate(card.model_dump(by_alias=True) | {"files": list_files(folder)})
    write_json(folder / CARD, card.model_dump(by_alias=True), sealed=True)
    return card


def _write_pages(folder: Path, card: Card, params: Params, sources: Sources) -> None:
    """Write the model card and the data card, for people."""
    counts = count_images(sources.split)
    operating = read_json(sources.metrics / "operating.json")
    ingest, split = (read_json(sources.figures / f"{name}.json") for name in ("ingest", "split"))
    write_page(folder / MODEL_CARD, model_card(card, params, counts, operating))
    write_page(folder / DATA_CARD, data_card(card, params, counts, ingest, split))


def _measure_parity(
    check: ParityCheck, card: Card, params: Params, sources: Sources, stored: LabelledLogits
) -> dict[str, float | int]:
    features = {name: sources.test_features(name) for name in card.backbones}
    inputs = first_inputs(ShardFolder(sources.shards / "test"), features, params.export.parity_images)
    return asdict(check.measure(inputs, stored)) | {"tolerance": params.export.tolerance}


def _measure_features(folder: Path, card: Card, params: Params, sources: Sources) -> dict[str, float]:
    if not card.backbones:
        return {}
    features = {name: sources.test_features(name) for name in card.backbones}
    reader = RawImageReader(sources.raw, params.data.image_size, params.ingest.max_pixels)
    return check_features(folder, card, features, RawImages(reader, sources.manifest))


def _parity_check(folder: Path, card: Card, params: Params, kept: Path | None) -> ParityCheck:
    """Open both runtimes; with a folder `kept`, torch is asked about inputs alone whose logits are not there."""

    def open_torch() -> Runtime:
        return TorchRuntime(folder, card, threads=None)

    graph, torch = OnnxRuntime(folder, card, 1), KeptLogits(kept / "logits", card, open_torch) if kept else open_torch()
    return ParityCheck(graph, torch, open_ensemble(folder, card), params.export.tolerance)


def _fit_stopping(folder: Path, card: Card, params: Params, stored: Mapping[str, LabelledLogits]) -> StoppingCard:
    val, test = (stored[split].of_voters(card.member_names) for split in ("val", "test"))
    rules = {rule: open_ensemble(folder, card, rule) for rule in RULES}
    points = {point: open_ensemble(folder, card, point=point) for point in card.points}
    return describe_stopping(rules, points, val, test, _promise(params.export))


def _promise(export: Export) -> StoppingPromise:
    surely = export.stopping_promise == "high_probability"
    return StoppingPromise(export.stopping_risk, export.stopping_confidence if surely else None)


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


def _copy_weights(folder: Path, params: Params, sources: Sources) -> None:
    (folder / "members").mkdir()
    for member in params.voting:
        weights = sources.models / f"{member}.safetensors"
        check_weights(weights, sources.scores / f"{member}.parquet")
        shutil.copyfile(weights, folder / member_file(member))
    load_stacker(sources.models / STACKER_FILE, params.voting, params.class_names.names)  # a damaged one is named
    shutil.copyfile(sources.models / STACKER_FILE, folder / STACKER_FILE)


def _export_graph(folder: Path, params: Params, store: Path | None) -> Path | None:
    """Write the graph, and return where it is kept; the modules' memory is free again before runtimes are opened."""
    paths = {member: folder / member_file(member) for member in params.voting}
    backbones = {member: params.members[member].backbone for member in params.voting}
    size = params.data.image_size

    def trace(path: Path) -> None:
        from facesift.bundle.onnx_graph import FeatureInput, export_graph  # noqa: PLC0415  torch
        from facesift.networks.pixel_module import load_module  # noqa: PLC0415
        from facesift.networks.weights import load_head  # noqa: PLC0415

        modules = {
            member: load_head(path) if backbones[member] else load_module(path) for member, path in paths.items()
        }
        features = {
            member: FeatureInput(backbone, _width(paths[member]))
            for member, backbone in backbones.items()
            if backbone is not None
        }
        export_graph(path, modules, size, features)

    if store is None:
        trace(folder / GRAPH)
        return None
    key = graph_key(paths, {"image_size": size, "backbones": backbones})
    return kept_graph(store, key, folder / GRAPH, trace)


def _width(weights: Path) -> int:
    """Numbers of the features that a head sees, by the header of its weights."""
    features = read_header(weights).stored["preprocessing"]["features"]
    return sum(block["width"] for block in features["blocks"])
