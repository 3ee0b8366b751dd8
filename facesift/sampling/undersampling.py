"""Which rows random undersampling keeps: the draws are imbalanced-learn's own, made without any pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def kept_rows(labels: NDArray[np.uint8], ratio: float, random_state: int) -> NDArray[np.int64]:
    """Return `RandomUnderSampler(sampling_strategy=ratio, random_state=random_state).sample_indices_` for `labels`.

    Args:
        labels: shape (n,), two classes.
        ratio: minority / majority afterwards, in (0, 1]; not below the present ratio (`ValueError`).
        random_state: integer in [0, 2**32).

    Returns:
        Indices of the rows kept, in imbalanced-learn's order: class by class, the undersampled class in drawn order.
    """
    from imblearn.under_sampling import RandomUnderSampler  # noqa: PLC0415  # takes seconds to import

    sampler = RandomUnderSampler(sampling_strategy=ratio, random_state=random_state)
    sampler.fit_resample(np.arange(len(labels)).reshape(-1, 1), labels)
    return np.asarray(sampler.sample_indices_, np.int64)
