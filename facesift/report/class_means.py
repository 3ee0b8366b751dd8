"""Mean and standard deviation image of each class: computed in one pass over the shards, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facesift.core.classes import Classes
from facesift.core.formatting import counted
from facesift.report.figures import GridRow, draw_grid
from facesift.shards.reading import ShardFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLOCK = 1 << 22  # pixel values computed with at a time: 34 MB as float64
LEVELS = "grey levels"  # of 256


@dataclass(frozen=True)
class ClassStatistics:
    """Mean and variation of images of one shape, which can be merged with those of further images.

    Attributes:
        images: number of images.
        mean: their mean image.
        squares: for each pixel, the sum of squared differences from the mean.

    >>> both = ClassStatistics.of(np.array([[1.0], [3.0]])) + ClassStatistics.of(np.array([[8.0]]))
    >>> both.images, both.mean.tolist(), both.squares.tolist()
    (3, [4.0], [26.0])
    """

    images: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, images: NDArray[np.generic]) -> ClassStatistics:
        """Compute the statistics of images.

        Args:
            images: array (n, ...).

        Returns:
            Their statistics; all zeros for n = 0.
        """
        values = images.astype(np.float64)
        if not len(values):
            return cls(0, np.zeros(values.shape[1:]), np.zeros(values.shape[1:]))
        mean = values.mean(axis=0)
        values -= mean
        return cls(len(values), mean, np.einsum("i...,i...->...", values, values))

    def __add__(self, other: ClassStatistics) -> ClassStatistics:
        """Merge with the statistics of other images (Chan, Golub, LeVeque 1983, doi:10.1080/00031305.1983.10483115)."""
        images = self.images + other.images
        if not images:
            return self
        apart, share = other.mean - self.mean, other.images / images
        squares = self.squares + other.squares + apart**2 * self.images * share
        return ClassStatistics(images, self.mean + apart * share, squares)

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation over all images, as numpy's `std`; zeros without an image."""
        return np.sqrt(self.squares / max(self.images, 1))


def class_statistics(shards: ShardFolder) -> list[ClassStatistics]:
    """Compute the pixel statistics of each class in one pass, in memory that does not grow with the images.

    Args:
        shards: shards of one split.

    Returns:
        Statistics of images (S, S, 3) in 0 to 255, in the order of `shards.classes`.

    Raises:
        FacesiftError: a shard is damaged.
    """
    side = shards.image_size
    found = [ClassStatistics.of(np.empty((0, side, side, 3)))] * len(shards.classes)
    step = max(1, BLOCK // (side * side * 3))
    for shard, size in enumerate(shards.sizes):
        pixels, labels = shards.pixels(shard), shards.labels(shard)
        for start in range(0, size, step):
            block, classes = pixels[start : start + step], labels[start : start + step]
            for number in np.unique(classes).tolist():
                found[number] += ClassStatistics.of(block[classes == number])
    return found


def draw_class_means(statistics: Sequence[ClassStatistics], classes: Classes) -> Figure:
    """Draw each class's mean image, its standard deviation, and how far its mean is from the positive class's.

    Heat maps are averages over red, green and blue. A class without an image leaves its places empty.

    Args:
        statistics: of each class, in the order of `classes`.
        classes: names of the classes, and which one is positive.

    Returns:
        The figure.
    """
    there = [found.images > 0 for found in statistics]
    means = [found.mean for found in statistics]
    apart = [np.abs(mean - means[classes.number]).mean(axis=2) for mean in means]
    other = [known and there[classes.number] and number != classes.number for number, known in enumerate(there)]
    counts = [
        f"{name}: {counted(found.images, 'image')}" for name, found in zip(classes.names, statistics, strict=True)
    ]
    rows = [
        GridRow("mean", _where(there, [np.rint(mean).astype(np.uint8) for mean in means]), counts),
        GridRow(
            "standard deviation", _where(there, [found.deviation.mean(axis=2) for found in statistics]), unit=LEVELS
        ),
        GridRow(f"difference from the mean of {classes.positive}", _where(other, apart), unit=LEVELS),
    ]
    return draw_grid("Training images of each class, pixel by pixel", rows)


def _where(shown: Sequence[bool], images: Sequence[NDArray[np.generic]]) -> list[NDArray[np.generic] | None]:
    return [image if show else None for show, image in zip(shown, images, strict=True)]
