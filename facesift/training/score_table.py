"""The table a member leaves behind: image_id, split, and one logit a class. No torch is needed to read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Scorer = Callable[[NDArray[np.generic]], NDArray[np.float32]]  # (b, S, S, 3) in 0..255 -> logits (b, classes)


def logit_columns(classes: Sequence[str]) -> list[str]:
    """Names of the logits' columns, in the order of the classes.

    >>> logit_columns(["real", "fake"])
    ['logit_real', 'logit_fake']
    """
    return [f"logit_{name}" for name in classes]


def score_table(
    image_ids: Sequence[str] | NDArray[np.str_], split: str, logits: NDArray[np.floating], classes: Sequence[str]
) -> pl.DataFrame:
    """Build a score table of logits (n, classes); `ValueError` names the first image whose logits are not finite."""
    bad = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if bad.size:
        raise ValueError(f"image {image_ids[bad[0]]}: logits {logits[bad[0]].tolist()} are not finite")
    columns = {"image_id": list(image_ids), "split": [split] * len(logits)}
    return pl.DataFrame(columns | dict(zip(logit_columns(classes), logits.astype(np.float32).T, strict=True)))
