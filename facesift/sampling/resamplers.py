"""SMOTE and random undersampling as imbalanced-learn does them, recorded as rows of a plan instead of pixels.

SMOTE: Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16 (2002). The random numbers are
imbalanced-learn's own, so the images that are interpolated from them are bit-identical to those it would return.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
    from sklearn import config_context  # noqa: PLC0415  # takes seconds to import

    sampler = _recorder(neighbours, random_state)
    sampler._validate_estimator()  # noqa: SLF001
    # scikit-learn clears memory for a chunk of 256 images even where there are ten: most of the time would go there.
    with config_context(pairwise_dist_chunk_size=min(max(len(minority), 20), 256)):
        nearest = sampler.nn_k_.fit(minority).kneighbors(minority, return_distance=False)[:, 1:]
    sampler._make_samples(minority, np.uint8, 1, minority, nearest, samples)  # noqa: SLF001
    pairs: SmotePairs = sampler.pairs
    return pairs


def _recorder(neighbours: int, random_state: int) -> Any:
    """Return a SMOTE that stores the pairs and steps where the original would make pixels of them."""
    from imblearn.over_sampling import SMOTE  # noqa: PLC0415  # takes seconds to import

    class Recorder(SMOTE):
        def _generate_samples(  # noqa: PLR0913, PLR0917
            self, X: Any, nn_data: Any, nn_num: Any, rows: Any, cols: Any, steps: Any,  # noqa: N803
            y_type: Any = None, y: Any = None,
        ) -> Any:  # fmt: skip
            del nn_data, y_type, y
            self.pairs = SmotePairs(rows.astype(np.int64), nn_num[rows, cols].astype(np.int64), steps[:, 0])
            return X[:0]

    return Recorder(k_neighbors=neighbours, random_state=random_state)


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
    from imblearn.under_sampling import RandomUnderSampler  # noqa: PLC0415  # takes seconds to import

    sampler = RandomUnderSampler(sampling_strategy=ratio, random_state=random_state)
    sampler.fit_resample(np.arange(len(labels)).reshape(-1, 1), labels)
    return np.asarray(sampler.sample_indices_, np.int64)
