"""A trained member as one torch module from pixels to logits, normalisation included, to be exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.numpy import load_file
from torch import Tensor, nn

from facesift.config.members import Views
from facesift.networks.preprocessing import make_normalisation, to_unit
from facesift.networks.support_vectors import SVM, SupportVectors
from facesift.networks.test_time_augmentation import average_over_views
from facesift.networks.weights import load_network
from facesift.networks.weights_header import read_header


class NetworkScoring(nn.Module):
    """A network with its views and its normalisation.

    Args:
        network: maps normalised images (b, 3, S, S) to logits (b, classes).
        normalise: maps images (b, 3, S, S) in [0, 1] to what the network takes.
        views: views of an image whose logits are averaged.
    """

    def __init__(self, network: nn.Module, normalise: Callable[[Tensor], Tensor], views: Views) -> None:
        super().__init__()
        self.network = network
        self.normalise = normalise
        self.views = views

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels (n, S, S, 3) uint8 to logits (n, classes)."""
        return average_over_views(lambda images: self.network(self.normalise(images)), self.views)(to_unit(pixels))


class SupportVectorScoring(nn.Module):
    """`SupportVectors.logits` in torch, rounded to float32 at the same places.

    It computes in float64 like the original: distances are differences of large sums, and the sign of a pair's value
    is a vote.

    Args:
        vectors: the fitted machine.
    """

    mean: Tensor
    scale: Tensor
    vectors: Tensor
    lengths: Tensor
    weights: Tensor
    intercept: Tensor

    def __init__(self, vectors: SupportVectors) -> None:
        super().__init__()
        weights, self.classes = vectors.pair_weights(), len(vectors.n_support)
        rows = torch.from_numpy(vectors.support_vectors).double()
        self.register_buffer("mean", torch.from_numpy(vectors.mean))
        self.register_buffer("scale", torch.from_numpy(vectors.scale))
        self.register_buffer("vectors", rows.T.contiguous())  # (values, vectors)
        self.register_buffer("lengths", (rows**2).sum(dim=1))
        self.register_buffer("weights", torch.from_numpy(weights).T.contiguous())  # (vectors, pairs)
        self.register_buffer("intercept", torch.from_numpy(vectors.intercept))
        self.gamma = float(vectors.gamma[0])

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels (n, S, S, 3) uint8 to logits (n, classes)."""
        shifted = (pixels.flatten(1).double() - self.mean).float()
        rows = (shifted.double() / self.scale).float().double()
        distances = (rows * rows).sum(dim=1, keepdim=True) + self.lengths - 2 * rows @ self.vectors
        kernel = torch.exp(-self.gamma * distances.clamp(min=0))
        pairs = kernel @ self.weights + self.intercept
        halves = torch.tensor([[0.5, -0.5]], dtype=torch.float64)
        return (pairs * halves if self.classes == 2 else one_against_rest(pairs, self.classes)).float()


def one_against_rest(pairs: Tensor, classes: int) -> Tensor:
    """Combine the decisions of pairs of classes, see `support_vectors`.

    Args:
        pairs: decision values (n, pairs), positive for the first class of a pair.
        classes: number of classes.

    Returns:
        (n, classes): won pairs, plus the summed decision values squeezed into (-1/3, 1/3) to break ties.
    """
    first, second = torch.triu_indices(classes, classes, offset=1)
    winner = torch.nn.functional.one_hot(first, classes).double()  # (pairs, classes)
    loser = torch.nn.functional.one_hot(second, classes).double()
    wins = (pairs >= 0).double()
    won, margin = wins @ winner + (1 - wins) @ loser, pairs @ (winner - loser)
    return won + margin / (3 * (margin.abs() + 1))


def load_module(path: Path) -> nn.Module:
    """Rebuild the member of a weights file as a module: pixels (n, S, S, 3) uint8 -> float32 logits (n, classes)."""
    if read_header(path).architecture.name == SVM:
        return SupportVectorScoring(SupportVectors.from_tensors(load_file(path))).eval()
    network, header = load_network(path)
    return NetworkScoring(network, make_normalisation(header.normalise), header.views).eval()
