"""The table a member leaves behind: image_id, split, logit_real, logit_fake. No torch is needed to read it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

LOGITS = ["logit_real", "logit_fake"]
COLUMNS = ["image_id", "split", *LOGITS]


def score_table(image_ids: Sequence[str] | NDArray[np.str_], split: str, logits: NDArray[np.floating]) -> pl.DataFrame:
    """Build a score table of logits (n, 2); raises `ValueError` naming the first image whose logits are not finite."""
    bad = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if bad.size:
        raise ValueError(f"image {image_ids[bad[0]]}: logits {logits[bad[0]].tolist()} are not finite")
    columns = {"image_id": list(image_ids), "split": [split] * len(logits)}
    return pl.DataFrame(columns | dict(zip(LOGITS, logits.astype(np.float32).T, strict=True)))
