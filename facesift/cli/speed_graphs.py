"""The graphs that are timed: a bundle's own, the same networks for other image sizes, and both in 8 bits."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facesift.bundle.card import GRAPH, Card, read_card, verify_files
from facesift.core.errors import FacesiftError

TRAINED, RANDOM = "trained", "random"  # weights
FP32, INT8 = PRECISIONS = ("fp32", "int8")
PER_IMAGE = {"normalise": {"name": "per_image"}}


@dataclass(frozen=True)
class Subject:
    """One graph to time: `name` is what the user named, `members` how many networks it asks."""

    name: str
    graph: Path
    image_size: int
    members: int
    weights: str
    precision: str = FP32


@dataclass(frozen=True)
class Network:
    """An architecture with its arguments, and what the pixels go through before it, the views among it."""

    architecture: Mapping[str, Any]
    preprocessing: Mapping[str, Any]


def bundle_subject(folder: Path) -> Subject:
    """Return the bundle in `folder` as it is, checked."""
    card = read_card(folder)
    verify_files(folder, card)
    return Subject(str(folder), folder / GRAPH, card.image.image_size, len(card.members), TRAINED)


def networks_of(card: Card) -> dict[str, Network]:
    """Return the members' networks by name."""
    return {member.name: Network(member.architecture, member.preprocessing) for member in card.members}


def random_subject(name: str, networks: Mapping[str, Network], classes: int, image_size: int, room: Path) -> Subject:
    """Export the networks for images of `image_size` pixels into the folder `room`, with random weights.

    A graph takes images of one size. What the weights are does not change the time. Raises `FacesiftError` without
    torch, for a member that is no network, and for a size that one of them cannot take.
    """
    try:
        from facesift.bundle.onnx_graph import export_graph  # noqa: PLC0415  timing a bundle does without torch
    except ImportError as error:
        raise FacesiftError(f"another image size needs {error.name}: `pip install facesift[train]`") from error
    modules = {member: _random_module(network, classes, image_size) for member, network in networks.items()}
    room.mkdir(parents=True)
    export_graph(room / GRAPH, modules, image_size)
    return Subject(name, room / GRAPH, image_size, len(modules), RANDOM)


def quantised(subject: Subject, room: Path) -> Subject:
    """Write the graph with its matrix products in 8 bits into the new folder `room`.

    Dynamic quantisation, and of products alone: a graph whose convolutions are in 8 bits too takes three times as long
    as one in 32 bits (measured on x86-64 with ONNX Runtime 1.32). Raises `FacesiftError` without the package onnx.
    """
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415  needs onnx
    except ImportError as error:
        raise FacesiftError(f"precision {INT8} needs {error.name}: `pip install facesift[screen]`") from error
    room.mkdir(parents=True)
    with _quiet():
        quantize_dynamic(
            subject.graph, room / GRAPH, op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8,
            use_external_data_format=subject.graph.with_name(f"{GRAPH}.data").is_file(),
        )  # fmt: skip
    return replace(subject, graph=room / GRAPH, precision=INT8)


def _random_module(network: Network, classes: int, image_size: int) -> Any:
    from facesift.config.members import Architecture, Normalise  # noqa: PLC0415
    from facesift.networks.architectures import build_network, check_size  # noqa: PLC0415
    from facesift.networks.pixel_module import NetworkScoring  # noqa: PLC0415
    from facesift.networks.preprocessing import make_normalisation  # noqa: PLC0415
    from facesift.networks.support_vectors import SVM  # noqa: PLC0415
    from facesift.networks.test_time_augmentation import stored_views  # noqa: PLC0415

    architecture = Architecture.model_validate(network.architecture)
    if architecture.name == SVM:
        raise FacesiftError(f"{SVM}: as many vectors as training leaves, so it can be timed only as trained")
    built = build_network(architecture, classes, 0, image_size)
    check_size(built, architecture, image_size)
    preprocessing = PER_IMAGE | dict(network.preprocessing)
    normalise = make_normalisation(Normalise.model_validate(preprocessing["normalise"]))
    return NetworkScoring(built, normalise, stored_views(preprocessing)).eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what the quantiser warns of at every integer input."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
