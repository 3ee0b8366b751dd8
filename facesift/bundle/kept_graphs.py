"""Graphs of members that have been traced, kept outside the stages' outputs: another rule traces nothing again.

A graph depends on the weights, the size of the images and the code that traces it, which are its key. It is kept with
the hashes of its files; a damaged one is traced anew. The folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from facesift.core.errors import FacesiftError
from facesift.core.files import read_json, whole_folder, write_json
from facesift.core.fingerprint import code_fingerprint, library_versions, sha256

WINGS = ("bundle", "config", "networks")  # whose code decides what the graph of given weights is
LIBRARIES = ("torch", "torchvision", "timm", "onnx", "onnxscript", "onnx-ir")
FILES = "files.json"


def graph_key(weights: Mapping[str, Path], facts: Mapping[str, Any]) -> str:
    """Hash all that a graph depends on.

    Args:
        weights: the members' weights files, by name, in the graph's order.
        facts: what else decides the graph, such as the size of the images.

    Returns:
        64 hexadecimal digits.
    """
    known = {
        "weights": [[name, sha256(path)] for name, path in weights.items()],
        "facts": dict(facts),
        "code": code_fingerprint(WINGS),
        "libraries": library_versions(LIBRARIES),
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def kept_graph(store: Path, key: str, path: Path, trace: Callable[[Path], None]) -> Path:
    """Copy a kept graph, or trace it and keep it in place of all others.

    Args:
        store: the folder of kept graphs; it need not exist.
        key: see `graph_key`.
        path: the ONNX file to write; weights too large for it lie beside it, as `<name>.data`.
        trace: writes the graph to `path`.

    Returns:
        Where the graph is kept. What else belongs to these weights may be kept there, too.
    """
    kept = store / key
    if not _is_whole(kept):
        trace(path)
        with whole_folder(kept) as folder:
            for each in path.parent.glob(f"{path.name}*"):
                shutil.copyfile(each, folder / each.name)
            write_json(folder / FILES, {each.name: sha256(each) for each in folder.iterdir()})
        for other in store.iterdir():
            if other != kept:
                shutil.rmtree(other)
        return kept
    for name in read_json(kept / FILES):
        shutil.copyfile(kept / name, path.parent / name)
    return kept


def _is_whole(kept: Path) -> bool:
    try:
        files = read_json(kept / FILES)
        return all(sha256(kept / name) == digest for name, digest in files.items())
    except (FacesiftError, OSError):
        return False
