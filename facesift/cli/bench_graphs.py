"""The ONNX graphs to time: a bundle's own graph, graphs with random weights for other image sizes, 8-bit versions."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from facesift.bundle.card import GRAPH, Card, read_card, verify_files
from facesift.core.errors import FacesiftError

TRAINED, RANDOM = "trained", "random"  # weights
FP32, INT8 = PRECISIONS = ("fp32", "int8")
PER_IMAGE = {"normalise": {"name": "per_image"}}


CLASSES = 2  # of an architecture without a bundle: the size of the last layer hardly changes the time


@dataclass(frozen=True)
class TimedGraph:
    """One ONNX graph to time.

    Attributes:
        name: The bundle's folder or the architecture, as the user named it.
        graph: Path of the ONNX file.
        image_size: Height and width of its images in pixels.
        members: Number of networks in the graph.
        weights: `trained` or `random`.
        precision: `fp32` or `int8`.
    """

    name: str
    graph: Path
    image_size: int
    members: int
    weights: str
    precision: str = FP32


@dataclass(frozen=True)
class NetworkSpec:
    """What is needed to rebuild a network with random weights.

    Attributes:
        architecture: Name and arguments of the architecture.
        preprocessing: What happens to the pixels before the network, test-time views included.
    """

    architecture: Mapping[str, Any]
    preprocessing: Mapping[str, Any]


def graphs_to_time(
    bundles: Sequence[Path],
    architectures: Sequence[str],
    sizes: Sequence[int],
    precisions: Sequence[str],
    folder: Path,
) -> Iterator[TimedGraph]:
    """Yield all graphs to time; graphs that are no bundle's own are written below `folder`.

    Args:
        bundles: Folders of exported committees.
        architectures: Networks by name, such as `timm:mobilenetv1_100`.
        sizes: Image sizes in pixels; empty: the bundle's own size.
        precisions: `fp32`, `int8` or both.
        folder: An existing empty folder.

    Raises:
        FacesiftError: As `random_graph` and `quantised` raise it.
    """
    for graph in _fp32_graphs(bundles, architectures, sizes, folder):
        for precision in precisions:
            yield graph if precision == FP32 else quantised(graph, _new_folder(folder))


def _fp32_graphs(
    bundles: Sequence[Path], architectures: Sequence[str], sizes: Sequence[int], folder: Path
) -> Iterator[TimedGraph]:
    for bundle in bundles:
        if not sizes:
            yield bundle_graph(bundle)
            continue
        card = read_card(bundle)
        for size in sizes:
            yield random_graph(str(bundle), networks_of(card), len(card.classes), size, _new_folder(folder))
    for name, size in product(architectures, sizes):
        network = NetworkSpec({"name": name}, PER_IMAGE)
        yield random_graph(name, {"network": network}, CLASSES, size, _new_folder(folder))


def _new_folder(folder: Path) -> Path:
    return folder / str(len(list(folder.iterdir())))


def bundle_graph(folder: Path) -> TimedGraph:
    """Return the graph of the bundle in `folder`, after its files were checked against their hashes.

    Raises:
        FacesiftError: For a committee with heads: nearly all of its time is that of its backbones, which see several
            views of an image.
    """
    card = read_card(folder)
    if card.backbones:
        raise FacesiftError(
            f"{folder}: has heads on {', '.join(card.backbones)}, and bench times members that see pixels; "
            "`facesift screen` shows its images per second on your own images"
        )
    verify_files(folder, card)
    return TimedGraph(str(folder), folder / GRAPH, card.image.image_size, len(card.members), TRAINED)


def networks_of(card: Card) -> dict[str, NetworkSpec]:
    """Return what rebuilds each member's network, by the member's name."""
    return {member.name: NetworkSpec(member.architecture, member.preprocessing) for member in card.members}


def random_graph(
    name: str, networks: Mapping[str, NetworkSpec], classes: int, image_size: int, folder: Path
) -> TimedGraph:
    """Export networks with random weights for images of one size.

    An ONNX graph takes images of one size. Random weights take the same time as trained ones.

    Args:
        name: What the report calls the graph.
        networks: The networks by member name.
        classes: Number of classes.
        image_size: Height and width in pixels.
        folder: A new folder for the graph.

    Raises:
        FacesiftError: torch is not installed, a member is no network, or a network cannot take this size.
    """
    try:
        from facesift.bundle.onnx_graph import export_graph  # timing a bundle needs no torch
    except ImportError as error:
        raise FacesiftError(f"another image size needs {error.name}: `pip install -e '.[train]'`") from error
    modules = {member: _random_module(network, classes, image_size) for member, network in networks.items()}
    folder.mkdir(parents=True)
    export_graph(folder / GRAPH, modules, image_size)
    return TimedGraph(name, folder / GRAPH, image_size, len(modules), RANDOM)


def quantised(graph: TimedGraph, folder: Path) -> TimedGraph:
    """Write an 8-bit version of a graph: dynamic quantisation of its matrix products.

    Convolutions stay in 32 bits: with 8-bit convolutions a graph takes three times as long (measured on x86-64 with
    ONNX Runtime 1.32).

    Args:
        graph: The graph in 32 bits.
        folder: A new folder for the 8-bit graph.

    Raises:
        FacesiftError: The package onnx is not installed.
    """
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic  # needs onnx
    except ImportError as error:
        raise FacesiftError(f"precision {INT8} needs {error.name}: `pip install -e '.[screen]'`") from error
    folder.mkdir(parents=True)
    with _no_warnings():
        quantize_dynamic(
            graph.graph, folder / GRAPH, op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8,
            use_external_data_format=graph.graph.with_name(f"{GRAPH}.data").is_file(),
        )  # fmt: skip
    return replace(graph, graph=folder / GRAPH, precision=INT8)


def _random_module(network: NetworkSpec, classes: int, image_size: int) -> Any:
    from facesift.config.members import Head
    from facesift.networks.architectures import build_network, check_size
    from facesift.networks.pixel_module import NetworkScoring
    from facesift.networks.preprocessing import make_normalisation
    from facesift.networks.support_vectors import SVM
    from facesift.networks.weights_header import stored_architecture, stored_normalisation, stored_views

    architecture = stored_architecture(network.architecture)
    if architecture.name == SVM:
        raise FacesiftError(f"{SVM}: its size depends on its training, so it can be timed only as trained")
    if isinstance(architecture, Head):
        raise FacesiftError("a head can be timed only as trained: its size depends on its backbone")
    built = build_network(architecture, classes, 0, image_size)
    check_size(built, architecture, image_size)
    preprocessing = PER_IMAGE | dict(network.preprocessing)
    normalise = make_normalisation(stored_normalisation(preprocessing))
    return NetworkScoring(built, normalise, stored_views(preprocessing)).eval()


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Suppress the warning that the quantiser logs for every integer input."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
