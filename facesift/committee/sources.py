"""The fakes' own sources: those that hold fakes and others, where recognising the source does not help.

Where fakes come from one source and most real images from another, a score that recognises the source looks good on
all images together. What is fitted or measured within the fakes' own sources owes nothing to it. An applicant's source
is not known: it may decide what images count in a fit, and is never read to score or decide one.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Own = NDArray[np.bool_]  # (images,), whether an image is of a source that holds positives and others


def mixed_sources(sources: pl.Series, positives: NDArray[np.integer]) -> list[str]:
    """Name, sorted, the sources that hold positives (1 in `positives`) and others (0); both arguments are (images,).

    >>> mixed_sources(pl.Series(["a", "a", "b", "c"]), np.array([0, 1, 0, 1]))
    ['a']
    """
    images = pl.DataFrame({"source": sources, "positive": positives})
    kinds = images.group_by("source").agg(pl.col("positive").n_unique())
    return sorted(kinds.filter(pl.col("positive") > 1)["source"])


def own_images(sources: pl.Series, positives: NDArray[np.integer]) -> Own:
    """Whether each image is of one of the `mixed_sources`; with a single source all are.

    >>> own_images(pl.Series(["a", "a", "b", "c"]), np.array([0, 1, 0, 1])).tolist()
    [True, True, False, False]
    """
    return sources.is_in(mixed_sources(sources, positives)).to_numpy()
