"""A member's weights as safetensors, with what is needed to use them in the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import nn

from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet_metadata, sha256, whole_file
from facesift.core.scores import Scorer
from facesift.networks.architectures import build_network, stored_architecture
from facesift.networks.preprocessing import stored_normalisation
from facesift.networks.scoring import network_scorer
from facesift.networks.support_vectors import SVM, SupportVectors
from facesift.networks.test_time import over_views, stored_views

KEY = "facesift"  # one key only: safetensors writes several in random order
VERSION = 1
HEADER, PREPROCESSING = ("architecture", "classes", "preprocessing"), ("image_size", "normalise")


def save_weights(path: Path, network: nn.Module, header: dict[str, Any]) -> None:
    """Write the network's parameters and buffers; `header` is JSON with the keys of `HEADER`."""
    tensors = {name: tensor.contiguous().cpu().numpy() for name, tensor in network.state_dict().items()}
    save_tensors(path, tensors, header)


def save_tensors(path: Path, tensors: dict[str, NDArray[Any]], header: dict[str, Any]) -> None:
    """Write arrays with the header of `save_weights`: for members that are no networks."""
    text = json.dumps(header | {"version": VERSION}, sort_keys=True)
    with whole_file(path) as part:
        part.write_bytes(save(tensors, metadata={KEY: text}))


def read_header(path: Path) -> dict[str, Any]:
    """Return the header that `save_weights` wrote; `FacesiftError` names a file that is none of ours or incomplete."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise FacesiftError(f"{path}: not a readable safetensors file ({error}); `dvc checkout {path}`") from error
    header: dict[str, Any] = json.loads(metadata.get(KEY, "{}"))
    if header.get("version") != VERSION:
        raise FacesiftError(f"{path}: weights of version {header.get('version')}, this program reads {VERSION}")
    missing = [key for key in HEADER if key not in header]
    missing += [
        f"preprocessing.{key}" for key in PREPROCESSING if key not in header.get("preprocessing", PREPROCESSING)
    ]
    if missing:
        raise FacesiftError(
            f"{path}: its header lacks {', '.join(missing)}; `dvc repro -f train@{path.stem}` writes it"
        )
    return header


def check_weights(path: Path, scores: Path) -> None:
    """Raise `FacesiftError` unless the weights file `path` is the one that gave the score table `scores`."""
    expected = read_parquet_metadata(scores).get("weights_sha256")
    if not path.is_file() or sha256(path) != expected:
        raise FacesiftError(f"{path}: not the weights that gave {scores.stem}'s scores; `dvc checkout {path}`")


def load_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Rebuild the network of a weights file, ready to score, and return it with its header."""
    from safetensors.torch import load_file  # noqa: PLC0415

    header = read_header(path)
    architecture = stored_architecture(header["architecture"])
    size = header["preprocessing"]["image_size"]
    network = build_network(architecture, len(header["classes"]), seed=0, image_size=size)
    network.load_state_dict(load_file(path))
    return network.eval(), header


def load_scorer(path: Path) -> Scorer:
    """Return a function from pixels (b, S, S, 3) in 0..255 to logits (b, classes), whatever kind of member it is."""
    from safetensors.numpy import load_file  # noqa: PLC0415

    header = read_header(path)
    if header["architecture"]["name"] == SVM:
        return SupportVectors.from_tensors(load_file(path)).logits
    network, _ = load_network(path)
    normalise = stored_normalisation(header["preprocessing"])
    seen = over_views(lambda images: network(normalise(images)), stored_views(header["preprocessing"]))
    return network_scorer(seen, torch.device("cpu"))
