"""Torch's logits of the images that the parity check compares, kept between exports: another rule needs no torch.

The logits are kept, and nothing of what the check finds: each export computes the graph's logits, compares both and
decides by its rule. A table of logits is used only for the very inputs, weights, code, libraries and processor that it
was computed with; otherwise, or when it is damaged, torch computes them anew. The folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.bundle.card import Card
from facesift.bundle.inputs import MemberInputs, ViewPixels
from facesift.bundle.runtimes import Runtime
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet, read_parquet_metadata, write_parquet
from facesift.core.fingerprint import library_versions
from facesift.core.parallel import environment_fingerprint

KEY = "depends_on"  # in a table's metadata: the hash of all that its logits depend on
# Variables that set the threads and the instructions of torch and its libraries.
SETTINGS = ("ATEN_", "BLIS_", "DNNL_", "GOMP_", "KMP_", "MKL_", "OMP_", "ONEDNN_", "OPENBLAS_", "PYTORCH_", "TORCH_")
PROCESSOR = ("model name", "microcode", "flags", "Features", "CPU part")  # lines of /proc/cpuinfo


class KeptLogits:
    """A runtime that gives the logits of an earlier run for the inputs of that run, in the same order.

    Args:
        folder: of the tables, one for each call of `logits`; it need not exist.
        card: of the bundle; its members' hashes are those of their weights files.
        open_runtime: opens what computes logits that are not kept; called when it is first needed.
    """

    def __init__(self, folder: Path, card: Card, open_runtime: Callable[[], Runtime]) -> None:
        self._folder, self._open = folder, open_runtime
        self._members = {member.name: member for member in card.members}
        self._numbers = count()
        self._runtime: Runtime | None = None
        self._surroundings = surroundings()

    def logits(self, inputs: MemberInputs, members: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See `Runtime`."""
        path, key = self._folder / f"{next(self._numbers)}.parquet", self._key(inputs, members)
        if _key_of(path) == key:
            try:
                table = read_parquet(path, list(members))
                return {member: np.ascontiguousarray(table[member].to_numpy()) for member in members}
            except FacesiftError:  # damaged: as if it were not there
                pass
        self._runtime = self._runtime or self._open()
        found = self._runtime.logits(inputs, members)
        write_parquet(path, pl.DataFrame(found), {KEY: key})
        return found

    def _key(self, inputs: MemberInputs, members: Sequence[str]) -> str:
        """Hash the surroundings, the weights, and what each member sees."""
        weights = [[name, self._members[name].backbone, self._members[name].sha256] for name in members]
        found = hashlib.sha256(json.dumps([self._surroundings, weights], sort_keys=True).encode())
        for backbone in dict.fromkeys(self._members[name].backbone for name in members):
            seen = inputs.pixels if backbone is None else inputs.features(backbone, _unknown)
            found.update(f"{seen.dtype} {seen.shape}".encode())
            found.update(np.ascontiguousarray(seen).data)
        return found.hexdigest()


def surroundings() -> dict[str, Any]:
    """Name what logits depend on besides weights and inputs: code, libraries, processor, threads."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "program": environment_fingerprint(),
        "libraries": library_versions(["safetensors"]),
        "processor": _processor(),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "settings": {name: value for name, value in os.environ.items() if name.startswith(SETTINGS)},
    }


def _processor() -> list[str]:
    """Name the processor and its instructions: the last digits of a sum may depend on them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return sorted({line for line in lines if line.startswith(PROCESSOR)}) or [platform.processor()]


def _key_of(path: Path) -> str | None:
    try:
        return read_parquet_metadata(path).get(KEY)
    except (FacesiftError, OSError):
        return None


def _unknown(_: ViewPixels) -> Any:
    raise FacesiftError("logits are kept of inputs whose features are known")
