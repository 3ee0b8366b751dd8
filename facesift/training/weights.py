"""A member's weights as safetensors, with what is needed to use them in the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from facesift.errors import FacesiftError
from facesift.params import Architecture
from facesift.storage import whole_file
from facesift.training.architectures import build_network

KEY = "facesift"  # one key only: safetensors writes several in random order
VERSION = 1


def save_weights(path: Path, network: nn.Module, header: dict[str, Any]) -> None:
    """Write the network's parameters and buffers; `header` is JSON with `architecture` and `classes`."""
    text = json.dumps(header | {"version": VERSION}, sort_keys=True)
    tensors = {name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}
    with whole_file(path) as part:
        save_file(tensors, part, metadata={KEY: text})


def read_header(path: Path) -> dict[str, Any]:
    """Return the header that `save_weights` wrote; `FacesiftError` names a file that is none of ours."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise FacesiftError(f"{path}: not a readable safetensors file ({error}); `dvc checkout {path}`") from error
    header: dict[str, Any] = json.loads(metadata.get(KEY, "{}"))
    if header.get("version") != VERSION:
        raise FacesiftError(f"{path}: weights of version {header.get('version')}, this program reads {VERSION}")
    return header


def load_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Rebuild the network of a weights file, ready to score, and return it with its header."""
    from safetensors.torch import load_file  # noqa: PLC0415

    header = read_header(path)
    network = build_network(Architecture.model_validate(header["architecture"]), len(header["classes"]), seed=0)
    network.load_state_dict(load_file(path))
    return network.eval(), header
