"""Heat maps: how much each patch of a view speaks for a fake, by a head that is linear in the mean of patch tokens.

The mean of the patch tokens enters a linear head through one weight for each number. So the head's logit is a sum over
patches, and each summand is that patch's share of it, as in class activation maps (Zhou et al. 2016,
https://arxiv.org/abs/1512.04150). What the class token adds belongs to no patch and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.config.backbones import ONNX, Backbone
from facesift.core.errors import FacesiftError
from facesift.images.faces import Face
from facesift.images.views import cut_views, squares_of, view_boxes
from facesift.networks.backbones import BLOCK, backbone_file, normalised, onnx_session, with_block_outputs
from facesift.shards.index import FeatureBlock, block_slices

if TYPE_CHECKING:  # torch
    from facesift.networks.feature_head import FeatureHead

Map = NDArray[np.float32]  # (rows, columns) of patches
Tokens = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]  # block_N or last -> (v, tokens, width)
LAST = "last"
CLEAREST = ("face", "centre", "whole")  # squares by how well they show a face


@dataclass(frozen=True)
class HeatMaps:
    """Computes heat maps of images.

    Attributes:
        spec: the backbone.
        side: side of its input in pixels.
        tokens: computes its tokens: patches row by row, after the class token where the backbone has one.
        weights: for each square, by output (`block_N` or `last`), the weight of each number of a patch token.
    """

    spec: Backbone
    side: int
    tokens: Tokens
    weights: Mapping[str, Mapping[str, NDArray[np.float32]]]

    def of(
        self, image: Image.Image, face: Face | None, only: str | None = None
    ) -> dict[str, tuple[tuple[int, int, int, int], Map]]:
        """Compute the heat maps of an upright RGB image.

        Args:
            image: of any size.
            face: the largest face in it; None without one.
            only: the one square to compute, which is faster; None: all that the head sees.

        Returns:
            For each square that the head sees: where it is in the image (left, top, right, bottom), and its map.
        """
        views = cut_views(image, self.spec.views, self.spec.centre, self.side, face)
        boxes = view_boxes(image.size, self.spec.views, self.spec.centre, self.side, face)
        squares = squares_of(self.spec.views)
        rows = [row for row, square in enumerate(squares) if square in self.weights and only in (None, square)]
        found = self.tokens(normalised(views[rows], self.spec))
        maps = {}
        for place, row in enumerate(rows):
            parts = [_patches(found[name][place]) @ weight for name, weight in self.weights[squares[row]].items()]
            grid = round(len(parts[0]) ** 0.5)
            maps[squares[row]] = boxes[row], np.sum(parts, axis=0, dtype=np.float32).reshape(grid, grid)
        return maps

    @property
    def clearest(self) -> str:
        """The square whose map is easiest to read: it shows the face, and no more."""
        return next((square for square in CLEAREST if square in self.weights), next(iter(self.weights)))


def _patches(tokens: NDArray[np.float32]) -> NDArray[np.float32]:
    """Leave out the class token: patches fill a square, and one more token does not."""
    return tokens if round(len(tokens) ** 0.5) ** 2 == len(tokens) else tokens[1:]


def open_heat_maps(
    spec: Backbone, blocks: list[FeatureBlock], head: FeatureHead, positive: int, network: Path | None = None
) -> HeatMaps:
    """Prepare the heat maps of a head.

    Args:
        spec: the head's backbone; its tokens are read by ONNX Runtime.
        blocks: what the features consist of.
        head: linear, over some `mean` outputs of squares that are no tiles.
        positive: number of the positive class.
        network: the backbone's ONNX file in a bundle, with the outputs that the features need; None: that of `spec`.

    Raises:
        FacesiftError: for a backbone that is not ONNX or gives no tokens, or a head that is not linear in them.
    """
    weights = patch_weights(head, blocks, positive)
    tower: Path | bytes | None = network
    if tower is None:
        path = backbone_file(spec)
        if path is None or not spec.name.startswith(ONNX):
            raise FacesiftError(f"heat maps need an ONNX backbone, not {spec.name}")
        tower = with_block_outputs(path, spec)
    side, tokens = _open_tokens(tower)
    return HeatMaps(spec, side, tokens, weights)


def patch_weights(
    head: FeatureHead, blocks: list[FeatureBlock], positive: int
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Return the weights by which the numbers of a patch token enter the log-odds of the positive class.

    Args:
        head: a linear head.
        blocks: what the features consist of.
        positive: number of the positive class.

    Returns:
        For each square, by output (`block_N` or `last`): weights (width,).

    Raises:
        FacesiftError: for a head that is not linear, or sees no mean of patch tokens.
    """
    if len(head.layers) != 1:
        raise FacesiftError("heat maps need a linear head: `hidden: null` and `dropout: 0.0`")
    linear: Any = head.layers[0]
    weight = linear.weight.detach().numpy()
    others = np.delete(weight, positive, axis=0).mean(axis=0)
    scaled = (weight[positive] - others) / head.scale.numpy()
    columns = head.columns.numpy()
    found: dict[str, dict[str, NDArray[np.float32]]] = {}
    for (square, pool), place in block_slices(blocks).items():
        rows = np.flatnonzero((columns >= place.start) & (columns < place.stop))
        if pool.startswith("mean") and len(rows):
            name = f"{BLOCK}{pool.partition('.')[2]}" if "." in pool else LAST
            found.setdefault(square, {})[name] = scaled[rows]
    if not found:
        raise FacesiftError("heat maps need a head with `mean` among its `pool`")
    return found


def _open_tokens(network: Path | bytes) -> tuple[int, Tokens]:
    session = onnx_session(network, threads=1)
    (images,) = session.get_inputs()
    names = [output.name for output in session.get_outputs()]
    if not any(len(output.shape) == 3 for output in session.get_outputs()):
        raise FacesiftError("heat maps need a backbone with tokens among its outputs")

    def tokens(views: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        values = dict(zip(names, session.run(None, {images.name: views}), strict=True))
        return {name if name.startswith(BLOCK) else LAST: each for name, each in values.items() if each.ndim == 3}

    return int(images.shape[-1]), tokens
