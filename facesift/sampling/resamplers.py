"""SMOTE and random undersampling as imbalanced-learn does them, recorded as rows of a plan instead of pixels.

SMOTE: Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16 (2002). The random numbers are drawn
as imbalanced-learn draws them, so the images that are interpolated from them are bit-identical to those it would
return; the tests compare them. It is not imported for that, as it takes longer than all the rest of the stage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST, COLUMNS = 4096, 4096  # images whose distances are held at once (128 MB); pixel values multiplied at a time


@dataclass(frozen=True)
class SmotePairs:
    """The pairs of images that SMOTE interpolates between: image i is `base + step * (neighbour - base)`.

    Attributes:
        base: rows of the minority's images, shape (n,).
        neighbour: rows of the minority's images, shape (n,).
        step: how far towards the neighbour, in [0, 1), shape (n,).
    """

    base: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    step: NDArray[np.float64]


def smote_pairs(minority: NDArray[np.float32], samples: int, neighbours: int, random_state: int) -> SmotePairs:
    """Choose the pairs that imbalanced-learn's `SMOTE(k_neighbors=neighbours, random_state=random_state)` would choose.

    Pixel values are integers, so the distances are exact and the neighbours do not depend on the number of threads.

    Args:
        minority: the minority's images, flattened, shape (m, features), float32, m > `neighbours`.
        samples: number of synthetic images.
        neighbours: number of nearest neighbours to choose among.
        random_state: integer in [0, 2**32).

    Returns:
        One pair per synthetic image.
    """
    nearest = _nearest(minority, neighbours)
    rng = np.random.RandomState(random_state)
    drawn = rng.randint(low=0, high=nearest.size, size=samples)
    base, column = np.divmod(drawn, neighbours)
    return SmotePairs(base, nearest[base, column].astype(np.int64), rng.uniform(size=samples))


def _nearest(minority: NDArray[np.float32], neighbours: int) -> NDArray[np.int64]:
    """Return the rows of each image's nearest ones (m, neighbours), the image itself left out.

    Where rounding or equal distances decide which come first, scikit-learn is asked, whose answer imbalanced-learn
    takes.
    """
    distances = _exact_distances(minority)
    if distances is not None:
        order = np.argsort(distances, axis=1, kind="stable")[:, : neighbours + 2]
        if (np.diff(np.take_along_axis(distances, order, axis=1), axis=1) > 0).all():
            return order[:, 1 : neighbours + 1]
    from sklearn import config_context  # noqa: PLC0415  # takes seconds to import
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415

    # scikit-learn clears memory for a chunk of 256 images even where there are ten: most of the time would go there.
    with config_context(pairwise_dist_chunk_size=min(max(len(minority), 20), 256)):
        found = NearestNeighbors(n_neighbors=neighbours + 1).fit(minority).kneighbors(minority, return_distance=False)
    return np.asarray(found[:, 1:], np.int64)


def _exact_distances(images: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Return the squared distances (m, m) of images of bytes; None for other values and for many images."""
    if len(images) > MOST:
        return None
    products = np.zeros((len(images), len(images)))
    for start in range(0, images.shape[1], COLUMNS):
        part = images[:, start : start + COLUMNS].astype(np.float64)
        if (part != np.rint(part)).any() or np.abs(part).max(initial=0) > 255:
            return None
        products += part @ part.T  # whole numbers below 2**53: exact in any order
    lengths = np.diagonal(products)
    return lengths[:, None] + lengths - 2 * products


def interpolate(
    base: NDArray[np.float32], neighbour: NDArray[np.float32], step: NDArray[np.float64] | float
) -> NDArray[np.float32]:
    """Make SMOTE's images: `base + step * (neighbour - base)`, computed in float64 as imbalanced-learn does.

    Args:
        base: images, shape (n, ...).
        neighbour: images, shape (n, ...).
        step: how far towards the neighbour: shape (n,), or one number.

    Returns:
        Images, shape (n, ...).

    >>> interpolate(np.float32([[0, 10]]), np.float32([[10, 10]]), np.array([0.25])).tolist()
    [[2.5, 10.0]]
    """
    steps = np.asarray(step, np.float64)
    steps = steps.reshape(steps.shape + (1,) * (base.ndim - steps.ndim))
    return (base + steps * (neighbour - base)).astype(np.float32)


def undersampled_rows(labels: NDArray[np.uint8], ratio: float, random_state: int) -> NDArray[np.int64]:
    """Choose the rows that imbalanced-learn's `RandomUnderSampler` would keep.

    Args:
        labels: shape (n,), two classes.
        ratio: minority / majority afterwards, in (0, 1].
        random_state: integer in [0, 2**32).

    Returns:
        Indices of the rows that are kept, in imbalanced-learn's order: class by class, the undersampled class in random
        order.

    Raises:
        ValueError: when `ratio` is below the present one.
    """
    target, count = target_count(labels, "undersample", ratio)
    rng, kept = np.random.RandomState(random_state), []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        kept.append(rows[rng.choice(len(rows), size=count, replace=False)] if label == target else rows)
    return np.concatenate(kept)


def target_count(labels: NDArray[np.uint8], method: str, ratio: float) -> tuple[int, int]:
    """Choose the class to change, and how many of its images are added or kept, as imbalanced-learn does.

    Args:
        labels: shape (n,), two classes.
        method: `smote` or `undersample`.
        ratio: minority / majority afterwards, in (0, 1].

    Returns:
        The class, and the images to add (`smote`) or to keep (`undersample`).

    Raises:
        ValueError: when the classes are nearer to each other than `ratio` already.

    >>> labels = np.repeat([0, 1], [10, 2])
    >>> target_count(labels, "smote", 0.5), target_count(labels, "undersample", 0.5)
    ((1, 3), (0, 4))
    """
    counts = np.bincount(labels, minlength=2)
    most, least = int(counts.max()), int(counts.min())
    if method == "smote":
        target, count = 1 - int(counts.argmax()), int(most * ratio - least)
    else:
        target, count = 1 - int(counts.argmin()), int(least / ratio)
    if count <= 0 or (method == "undersample" and count > most):
        raise ValueError(f"the ratio is {least / most:.4g} already, and {ratio:g} is asked for")
    return target, count
