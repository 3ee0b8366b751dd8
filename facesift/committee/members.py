"""The trained members, loaded to score images that they have not scored yet."""

from __future__ import annotations

from pathlib import Path

from facesift.training.score_table import Scorer
from facesift.training.weights import check_weights, load_scorer


def load_members(models: Path, scores: Path, members: list[str]) -> list[Scorer]:
    """Load each member; `FacesiftError` when the weights are not those that gave its scores."""
    for member in members:
        check_weights(models / f"{member}.safetensors", scores / f"{member}.parquet")
    return [load_scorer(models / f"{member}.safetensors") for member in members]
