"""Mean and standard deviation images of each class, in one pass over shards and in memory that does not grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.shards.reading import ShardFolder

BLOCK = 1 << 22  # pixel values reckoned with at a time: 34 MB as float64


@dataclass(frozen=True)
class Moments:
    """Of `images` images of one shape: their `mean`, and `squares`, the summed squares of what they are off it.

    >>> both = Moments.of(np.array([[1.0], [3.0]])) + Moments.of(np.array([[8.0]]))
    >>> both.images, both.mean.tolist(), both.squares.tolist()
    (3, [4.0], [26.0])
    """

    images: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, images: NDArray[np.generic]) -> Moments:
        """Reckon the moments of `images` (n, ...); those of no images are zeros."""
        values = images.astype(np.float64)
        if not len(values):
            return cls(0, np.zeros(values.shape[1:]), np.zeros(values.shape[1:]))
        mean = values.mean(axis=0)
        values -= mean
        return cls(len(values), mean, np.einsum("i...,i...->...", values, values))

    def __add__(self, other: Moments) -> Moments:
        """Merge with the moments of other images (Chan, Golub, LeVeque 1983, doi:10.1080/00031305.1983.10483115)."""
        images = self.images + other.images
        if not images:
            return self
        apart, share = other.mean - self.mean, other.images / images
        squares = self.squares + other.squares + apart**2 * self.images * share
        return Moments(images, self.mean + apart * share, squares)

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation over all images, as numpy's `std`; zeros without an image."""
        return np.sqrt(self.squares / max(self.images, 1))


def class_moments(shards: ShardFolder) -> list[Moments]:
    """Reckon the moments of the pixels (S, S, 3), 0 to 255, of each class, in the order of `shards.classes`.

    Raises `FacesiftError` for a damaged shard.
    """
    side = shards.image_size
    found = [Moments.of(np.empty((0, side, side, 3)))] * len(shards.classes)
    step = max(1, BLOCK // (side * side * 3))
    for shard, size in enumerate(shards.sizes):
        pixels, labels = shards.pixels(shard), shards.labels(shard)
        for start in range(0, size, step):
            block, classes = pixels[start : start + step], labels[start : start + step]
            for number in np.unique(classes).tolist():
                found[number] += Moments.of(block[classes == number])
    return found
