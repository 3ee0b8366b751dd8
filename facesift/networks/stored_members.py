"""The trained members, to score images that they have not scored yet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesift.core.files import read_parquet_metadata
from facesift.core.scores import Scorer
from facesift.networks.weights import check_weights, load_scorer


@dataclass(frozen=True)
class StoredScorer:
    """A scorer that is loaded where it is first called, once a process: cheap to send to another one.

    `weights` is the file, `sha256` what it was when it gave the member's scores.
    """

    weights: Path
    sha256: str

    def __call__(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        return _loaded(self.weights, self.sha256)(pixels)


@lru_cache(maxsize=32)
def _loaded(weights: Path, _sha256: str) -> Scorer:
    return load_scorer(weights)


def load_members(models: Path, scores: Path, members: list[str]) -> list[Scorer]:
    """Find each member; `FacesiftError` when the weights are not those that gave its scores."""
    scorers: list[Scorer] = []
    for member in members:
        weights, table = models / f"{member}.safetensors", scores / f"{member}.parquet"
        check_weights(weights, table)
        scorers.append(StoredScorer(weights.absolute(), read_parquet_metadata(table)["weights_sha256"]))
    return scorers
