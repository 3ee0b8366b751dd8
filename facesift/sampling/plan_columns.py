"""The columns of a sampling plan, and the values that they can have.

A plan is a table with one row per training image:

- `shard`, `row`: the image, or the base image of a synthetic one;
- `neighbour_shard`, `neighbour`, `step`: the neighbour that SMOTE interpolates towards, and how far, in [0, 1]. For an
  original they are the image itself and 0;
- `label`: 0 real, 1 fake;
- `synthetic`: whether the image is made by SMOTE or forged;
- `position`: number of the row in imbalanced-learn's output for the scope (a shard, or the split with `scope: split`).

A plan with forged images (`resample.forge`) also has:

- `kind`: original, smote, composite or self_blend. For a composite, `shard`, `row` are the real face that is changed,
  and `neighbour_shard`, `neighbour` the donor of the pasted part. For a self-blend both are the face. `step` is 0;
- `region`: the part of the face that is pasted: eyes, nose, mouth or face; none where nothing is forged;
- `poisson`: whether the part is blended by Poisson's equation;
- `colour`, `warp`: how strongly the part's tones and its place are changed, see `config.forging.Forge`;
- `forge_seed`: seed of all other random numbers of the forgery; with `fresh` they also depend on the epoch.

The rows of a scope are in shuffled order, and the scopes follow each other. While a member trains in pairs, its plan
has the column `pair` of `pairs.with_pairs`, too.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.sampling import Forge

PLAN_SCHEMA: Final = pl.Schema({
    "shard": pl.Int32, "row": pl.Int32, "neighbour_shard": pl.Int32, "neighbour": pl.Int32,
    "step": pl.Float64, "label": pl.UInt8, "synthetic": pl.Boolean, "position": pl.Int32,
})  # fmt: skip
KINDS: Final = ("original", "smote", "composite", "self_blend")
REGIONS: Final = ("none", "eyes", "nose", "mouth", "face")
FORGED: Final = KINDS.index("composite")  # kinds from this number on are forged
FORGING_SCHEMA: Final[dict[str, Any]] = {
    "kind": pl.Enum(KINDS), "region": pl.Enum(REGIONS), "poisson": pl.Boolean, "colour": pl.Float64, "warp": pl.Float64,
    "forge_seed": pl.UInt32, "fresh": pl.Boolean,
}  # fmt: skip


def forging_columns(kind: NDArray[np.uint8], forge: Forge, rng: np.random.Generator) -> dict[str, Any]:
    """Draw the columns of `FORGING_SCHEMA`.

    Args:
        kind: number in `KINDS` of each of n rows, shape (n,).
        forge: weights of the regions, share of Poisson blending, strengths.
        rng: source of random numbers.

    Returns:
        Each column by its name, n values; none, false or 0 in rows that are not forged.
    """
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
