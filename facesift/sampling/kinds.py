"""What the rows of a plan can be, and how a plan writes down its forgeries."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.sampling import Forge

KINDS: Final = ("original", "smote", "composite", "self_blend")
REGIONS: Final = ("none", "eyes", "nose", "mouth", "face")
FORGED: Final = KINDS.index("composite")  # the first of the kinds that are forged
SCHEMA: Final[dict[str, Any]] = {
    "kind": pl.Enum(KINDS), "region": pl.Enum(REGIONS), "poisson": pl.Boolean, "colour": pl.Float64, "warp": pl.Float64,
    "forge_seed": pl.UInt32, "fresh": pl.Boolean,
}  # fmt: skip


def forging_columns(kind: NDArray[np.uint8], forge: Forge, rng: np.random.Generator) -> dict[str, Any]:
    """Draw the columns of `SCHEMA` for rows of these kinds; they are empty (none, false, 0) where nothing is forged."""
    forged, size = kind >= FORGED, len(kind)
    weights = np.array([0.0, forge.regions.eyes, forge.regions.nose, forge.regions.mouth, forge.regions.face])
    return {
        "kind": np.asarray(KINDS)[kind],
        "region": np.asarray(REGIONS)[rng.choice(len(REGIONS), size, p=weights / weights.sum()) * forged],
        "poisson": (rng.random(size) < forge.poisson) & (kind == KINDS.index("composite")),
        "colour": forge.colour * rng.uniform(0.5, 1, size) * forged,
        "warp": forge.warp * rng.uniform(0, 1, size) * forged,
        "forge_seed": rng.integers(2**32, size=size) * forged,
        "fresh": forged & forge.fresh,
    }
