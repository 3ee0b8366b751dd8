"""The trained members, loaded to score images that they have not scored yet."""

from __future__ import annotations

from pathlib import Path

from facesift.errors import FacesiftError
from facesift.storage import read_parquet_metadata, sha256
from facesift.training.score_table import Scorer
from facesift.training.weights import load_scorer


def load_members(models: Path, scores: Path, members: list[str]) -> list[Scorer]:
    """Load each member; `FacesiftError` when the weights are not those that gave its scores."""
    for member in members:
        weights = models / f"{member}.safetensors"
        expected = read_parquet_metadata(scores / f"{member}.parquet").get("weights_sha256")
        if not weights.is_file() or sha256(weights) != expected:
            raise FacesiftError(f"{weights}: not the weights that gave {member}'s scores; `dvc checkout {weights}`")
    return [load_scorer(models / f"{member}.safetensors") for member in members]
