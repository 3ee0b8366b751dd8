"""A head on the features of a frozen backbone: chosen columns, standardised, then one linear layer or two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesift.config.members import Head
from facesift.core.errors import FacesiftError
from facesift.core.scores import Scorer
from facesift.shards.index import FeatureBlock, block_slices

SMALLEST = 1e-4  # deviation of a feature that hardly varies: it is not blown up


class FeatureHead(nn.Module):
    """Maps features (b, width) to logits (b, classes).

    Args:
        spec: views, outputs and layers.
        blocks: what the features consist of.
        classes: number of logits.

    Raises:
        FacesiftError: when a view or an output is not among the features.
    """

    mean: Tensor
    scale: Tensor
    columns: Tensor
    tile_columns: Tensor

    def __init__(self, spec: Head, blocks: Sequence[FeatureBlock], classes: int) -> None:
        super().__init__()
        self.tiles, self.classes = list(spec.tiles), classes
        plain, tiles = _columns(spec, blocks)
        self.register_buffer("columns", torch.from_numpy(plain))
        self.register_buffer("tile_columns", torch.from_numpy(tiles))  # (tiles, width of one), or (0, 0)
        width = len(plain) + tiles.shape[1] * sum(len(tiles) if way == "each" else 1 for way in spec.tiles)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        layers: list[nn.Module] = [nn.Dropout(spec.dropout)] if spec.dropout else []
        if spec.hidden is not None:
            layers += [nn.Linear(width, spec.hidden), nn.GELU()]
        self.layers: nn.Sequential = nn.Sequential(*layers, nn.Linear(spec.hidden or width, classes))

    def chosen(self, features: Tensor) -> Tensor:
        """Choose the columns that the head sees and join those of the tiles: (b, chosen)."""
        parts = [features.index_select(1, self.columns)]
        if self.tile_columns.numel():
            tiles = features[:, self.tile_columns]  # (b, tiles, width)
            ways = {"mean": tiles.mean(dim=1), "max": tiles.amax(dim=1), "each": tiles.flatten(1)}
            parts += [ways[way] for way in self.tiles]
        return torch.cat(parts, dim=1)

    def standardised(self, features: Tensor) -> Tensor:
        """Return what the layers see of features (b, width): (b, chosen)."""
        return (self.chosen(features.float()) - self.mean) / self.scale

    def forward(self, features: Tensor) -> Tensor:
        """Map features (b, width) to logits (b, classes)."""
        logits: Tensor = self.layers(self.standardised(features))
        return logits

    @torch.no_grad()
    def standardise(self, features: Tensor) -> None:
        """Set mean and scale to those of some features (n, width): every column then has mean 0 and deviation 1."""
        chosen = self.chosen(features.float())
        self.mean.copy_(chosen.mean(dim=0))
        self.scale.copy_(chosen.std(dim=0, correction=0).clamp_min(SMALLEST))


def _columns(spec: Head, blocks: Sequence[FeatureBlock]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the columns of all views but the tiles, and those of each tile (tiles, width)."""
    places = block_slices(blocks)

    def of(view: str) -> list[int]:
        missing = [pool for pool in spec.pool if (view, pool) not in places]
        if missing:
            raise FacesiftError(f"the features have no {missing[0]} of {view}: `dvc repro embed` makes them anew")
        return [column for pool in spec.pool for column in range(places[view, pool].start, places[view, pool].stop)]

    plain = [column for view in spec.views if view != "tiles" for column in of(view)]
    squares = dict.fromkeys(view for view, _ in places if view.startswith("tile")) or ["tiles"]
    tiles = [of(square) for square in squares] if "tiles" in spec.views else []
    return np.array(plain, np.int64), np.array(tiles, np.int64).reshape(len(tiles), len(tiles[0]) if tiles else 0)


def head_scorer(head: FeatureHead) -> Scorer:
    """Make a scorer of a head: features (b, width) -> float32 logits (b, classes)."""

    @torch.inference_mode()
    def score(features: NDArray[np.generic]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = head(torch.from_numpy(np.asarray(features, np.float32))).numpy()
        return logits

    head.eval()
    return score
