"""A member's weights file: safetensors whose header says how to use them. It is written here, and loaded to score."""

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
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import nn

from facesift.config.members import Architecture, Head, Normalise, Views
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet_metadata, whole_file
from facesift.core.fingerprint import sha256
from facesift.core.scores import Scorer
from facesift.networks.architectures import build_network, stored_architecture
from facesift.networks.feature_head import FeatureHead, head_scorer
from facesift.networks.preprocessing import make_normalisation, stored_normalisation
from facesift.networks.scoring import network_scorer
from facesift.networks.support_vectors import SVM, SupportVectors
from facesift.networks.test_time_augmentation import average_over_views, stored_views
from facesift.shards.index import FeatureBlock

KEY = "facesift"  # one key only: safetensors writes several in random order
VERSION = 1
LIBRARIES = ("facesift", "numpy", "pytorch-lightning", "timm", "torch", "torchvision")  # their versions are recorded
REQUIRED, REQUIRED_PREPROCESSING = ("architecture", "classes", "preprocessing"), ("image_size", "normalise")


@dataclass(frozen=True)
class WeightsHeader:
    """What the header of a weights file says.

    Attributes:
        architecture: the network, or support vectors.
        classes: names of the classes, in the order of the logits.
        image_size: side of the images in pixels.
        normalise: how images are normalised.
        views: views of an image whose logits are averaged.
        stored: the whole header as it is in the file.
    """

    architecture: Architecture | Head
    classes: list[str]
    image_size: int
    normalise: Normalise
    views: Views
    stored: dict[str, Any]

    @classmethod
    def parse(cls, stored: dict[str, Any]) -> WeightsHeader:
        """Validate a header that has all required keys; raises pydantic's `ValidationError`."""
        preprocessing = stored["preprocessing"]
        return cls(
            architecture=stored_architecture(stored["architecture"]),
            classes=stored["classes"],
            image_size=preprocessing["image_size"],
            normalise=stored_normalisation(preprocessing),
            views=stored_views(preprocessing),
            stored=stored,
        )


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


def read_header(path: Path) -> WeightsHeader:
    """Read the header of a weights file.

    Raises:
        FacesiftError: when the file is not safetensors, not of this program, or its header is incomplete or wrong.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise FacesiftError(f"{path}: not a readable safetensors file ({error}); `dvc checkout {path}`") from error
    stored: dict[str, Any] = json.loads(metadata.get(KEY, "{}"))
    if stored.get("version") != VERSION:
        raise FacesiftError(f"{path}: weights of version {stored.get('version')}, this program reads {VERSION}")
    remedy = f"`dvc repro -f train@{path.stem}` writes it"
    if missing := _missing(stored):
        raise FacesiftError(f"{path}: its header lacks {', '.join(missing)}; {remedy}")
    try:
        return WeightsHeader.parse(stored)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (error.title.lower(), *first["loc"])))
        raise FacesiftError(f"{path}: its header has a wrong value at {place}: {first['msg']}; {remedy}") from error


def _missing(stored: dict[str, Any]) -> list[str]:
    preprocessing = stored.get("preprocessing", REQUIRED_PREPROCESSING)
    return [
        *(key for key in REQUIRED if key not in stored),
        *(f"preprocessing.{key}" for key in REQUIRED_PREPROCESSING if key not in preprocessing),
    ]


def check_weights(path: Path, scores: Path) -> None:
    """Check that the weights file `path` is the one that gave the score table `scores`.

    Raises:
        FacesiftError: when it is missing or another one.
    """
    expected = read_parquet_metadata(scores).get("weights_sha256")
    if not path.is_file() or sha256(path) != expected:
        raise FacesiftError(f"{path}: not the weights that gave {scores.stem}'s scores; `dvc checkout {path}`")


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
