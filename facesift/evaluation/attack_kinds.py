"""Kinds of attacks: the fakes by how hard they are to see, by the parts that were replaced, and by source."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.classes import PARTS

DIMENSIONS = ("difficulty", "part", "source")  # ways to divide fakes into kinds; parts overlap: a fake may have several
FACTS = ("difficulty", *PARTS)  # columns of the manifest that say what kind a fake is
FEWEST = 10  # groups of fakes of a kind: with fewer, its error rate is not among those that the highest is taken of

Mask = NDArray[np.bool_]  # (n,)
Kinds = dict[str, dict[str, Mask]]  # fakes of each kind, by dimension and name


def attack_kinds(images: pl.DataFrame, facts: pl.DataFrame, fakes: NDArray[np.integer]) -> Kinds:
    """Divide the fakes into kinds, by everything that is known of them.

    Args:
        images: image_id, source; a row an image (n,).
        facts: image_id and `FACTS`, null where nothing is known; of these images at least.
        fakes: 1 for fakes, 0 for others, (n,).

    Returns:
        The fakes of each kind that occurs: by `difficulty` and by replaced `part`, as file names of RFF tell them, and
        by `source`. A dimension that says nothing of any fake is left out.
    """
    known = images.select("image_id", "source").join(facts, on="image_id", how="left", maintain_order="left")
    kinds: Kinds = {
        "difficulty": _by_value(known["difficulty"], fakes == 1),
        "part": {part: known[part].fill_null(value=False).to_numpy() & (fakes == 1) for part in PARTS},
        "source": _by_value(known["source"], fakes == 1),
    }
    found = {name: {kind: rows for kind, rows in each.items() if rows.any()} for name, each in kinds.items()}
    return {name: each for name, each in found.items() if each}


def _by_value(values: pl.Series, fakes: Mask) -> dict[str, Mask]:
    names = values.filter(pl.Series(fakes)).drop_nulls().unique().sort()
    return {name: (values == name).fill_null(value=False).to_numpy() & fakes for name in names}


def against_reals(kind: Mask, sources: pl.Series, fakes: NDArray[np.integer]) -> Mask:
    """Choose the images to rank a kind of fakes among: its fakes, and the reals of their own sources.

    Args:
        kind: the fakes of the kind (n,).
        sources: source of each image (n,).
        fakes: 1 for fakes, 0 for others, (n,).

    Returns:
        The images (n,); with all reals where the fakes' own sources hold none.
    """
    own = sources.is_in(sources.filter(pl.Series(kind)).unique().implode()).to_numpy() & (fakes == 0)
    return kind | (own if own.any() else fakes == 0)
