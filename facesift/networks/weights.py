"""A member's weights file: safetensors with a header (`weights_header`). It is written here, and loaded to score."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import nn

from facesift.config.members import Head
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet_metadata, whole_file
from facesift.core.scores import Scorer
from facesift.networks.architectures import build_network
from facesift.networks.feature_head import FeatureHead, head_scorer
from facesift.networks.preprocessing import make_normalisation
from facesift.networks.scoring import network_scorer
from facesift.networks.support_vectors import SVM, SupportVectors
from facesift.networks.test_time_augmentation import average_over_views
from facesift.networks.weights_header import KEY, VERSION, WeightsHeader, check_weights, read_header
from facesift.shards.index import FeatureBlock

LIBRARIES = ("facesift", "numpy", "pytorch-lightning", "timm", "torch", "torchvision")  # their versions are recorded


def save_weights(path: Path, network: nn.Module, header: dict[str, Any]) -> None:
    """Write a network's parameters and buffers.

    Args:
        path: the file.
        network: its `state_dict` is written.
        header: JSON with the keys `REQUIRED` and, in `preprocessing`, `REQUIRED_PREPROCESSING`.
    """
    tensors = {name: tensor.contiguous().cpu().numpy() for name, tensor in network.state_dict().items()}
    save_tensors(path, tensors, header)


def save_tensors(path: Path, tensors: dict[str, NDArray[Any]], header: dict[str, Any]) -> None:
    """Write arrays by name with the header of `save_weights`; also for support vectors.

    The header also gets the versions of `LIBRARIES`: other versions may give other weights.
    """
    text = json.dumps(header | {"version": VERSION, "libraries": library_versions()}, sort_keys=True)
    with whole_file(path) as part:
        part.write_bytes(save(tensors, metadata={KEY: text}))


def library_versions() -> dict[str, str]:
    """Return the installed version of each of `LIBRARIES` by name; `unknown`: not installed as a package."""
    return {name: _version(name) for name in LIBRARIES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def load_network(path: Path) -> tuple[nn.Module, WeightsHeader]:
    """Rebuild the network of a weights file, in evaluation mode, and return it with its header."""
    from safetensors.torch import load_file  # noqa: PLC0415

    header = read_header(path)
    if isinstance(header.architecture, Head):
        raise FacesiftError(f"{path}: a head on features, not a network on images")
    network = build_network(header.architecture, len(header.classes), seed=0, image_size=header.image_size)
    network.load_state_dict(load_file(path))
    return network.eval(), header


def load_scorer(path: Path) -> Scorer:
    """Load any member: a function from pixels (b, S, S, 3) in 0..255 to logits (b, classes)."""
    from safetensors.numpy import load_file  # noqa: PLC0415

    header = read_header(path)
    if isinstance(header.architecture, Head):
        return head_scorer(load_head(path))
    if header.architecture.name == SVM:
        return SupportVectors.from_tensors(load_file(path)).logits
    network, header = load_network(path)
    normalise = make_normalisation(header.normalise)
    averaged = average_over_views(lambda images: network(normalise(images)), header.views)
    return network_scorer(averaged, torch.device("cpu"))


def load_head(path: Path) -> FeatureHead:
    """Rebuild the head of a weights file, in evaluation mode."""
    from safetensors.torch import load_file  # noqa: PLC0415

    header = read_header(path)
    if not isinstance(header.architecture, Head):
        raise FacesiftError(f"{path}: a network on images, not a head on features")
    blocks = [FeatureBlock.model_validate(block) for block in header.stored["preprocessing"]["features"]["blocks"]]
    head = FeatureHead(header.architecture, blocks, len(header.classes))
    head.load_state_dict(load_file(path))
    return head.eval()


@dataclass(frozen=True)
class StoredScorer:
    """A scorer that is loaded at its first call, once a process: cheap to send to another process.

    Attributes:
        weights: absolute path of the weights file.
        sha256: hash of the file when it gave the member's scores.
    """

    weights: Path
    sha256: str

    def __call__(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        return _loaded(self.weights, self.sha256)(pixels)


@lru_cache(maxsize=32)
def _loaded(weights: Path, _sha256: str) -> Scorer:
    return load_scorer(weights)


def load_members(models: Path, scores: Path, members: list[str]) -> list[Scorer]:
    """Find trained members.

    Args:
        models: folder of `<member>.safetensors`.
        scores: folder of `<member>.parquet`, the score tables.
        members: their names.

    Returns:
        A scorer of each member, in order. It loads its weights at its first call.

    Raises:
        FacesiftError: when weights are missing or are not those that gave the member's scores.
    """
    scorers: list[Scorer] = []
    for member in members:
        weights, table = models / f"{member}.safetensors", scores / f"{member}.parquet"
        check_weights(weights, table)
        scorers.append(StoredScorer(weights.absolute(), read_parquet_metadata(table)["weights_sha256"]))
    return scorers
