"""The drift reference: what the held-out test images look like, which a stream of new images is later compared with.

It describes the test images that are *not* of the positive class: a stream is nearly all of them (one fake in a
thousand), while a test split has many times as many fakes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.bundle.card import REFERENCE, Card, verify_files
from facesift.core.errors import FacesiftError
from facesift.core.files import DIGITS, read_json, write_json
from facesift.core.intervals import design_effect_of
from facesift.images.quality import QUALITIES, measure_quality

if TYPE_CHECKING:  # reading a reference needs no HDF5
    from facesift.shards.reading import ShardFolder

SCHEMA = 2  # 2: `design_effects`
PROBABILITY, DECISION, PREVALENCE, GROUP = "probability", "decision", "prevalence", "group"
WATCHED = (PROBABILITY, "width", "height", "bytes", *QUALITIES)
NEEDED = (DECISION, *WATCHED)
BINS = 10  # deciles, as scorecards are monitored
SLICE = 256  # images measured at a time

Counts = NDArray[np.int64]
Reference = dict[str, Any]
Values = TypeVar("Values", pl.Series, pl.Expr)


def _as_written(values: Values) -> Values:
    """Edges are kept in JSON and values come out of CSV: both have so many digits after the point."""
    return values.cast(pl.Float64).fill_nan(None).round(DIGITS)


@dataclass(frozen=True)
class Bins:
    """Bins of about a decile of the reference each.

    Values that pile up (probabilities at 0, cameras of one size) fill whole deciles: that one value is then a bin, with
    one bin below and one above it.

    Attributes:
        edges: upper edges, ascending; a bin includes its edge. An edge that stands twice is a bin of its own. Above
            the last one is another bin.
    """

    edges: tuple[float, ...]

    @classmethod
    def of(cls, values: pl.Series) -> Bins:
        """Deciles of the values; at least one of them is known.

        >>> Bins.of(pl.Series([0.0] * 30 + [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).edges
        (0.0, 0.0, 2.0)
        """
        known = _as_written(values).drop_nulls().sort().to_numpy()
        tops = [float(known[step * (len(known) - 1) // BINS]) for step in range(1, BINS)]
        heavy = {top for top in tops if tops.count(top) > 1 or top in (known[0], known[-1])}
        return cls(tuple(top for top in sorted(set(tops)) for _ in range(2 if top in heavy else 1)))

    def expressions(self, column: str) -> list[pl.Expr]:
        """How many of the column's known values lie up to each edge, and how many there are: one number each."""
        values = _as_written(pl.col(column))
        doubled = (*self.edges[1:], np.inf)
        up_to = [
            values < edge if edge == following else values <= edge
            for edge, following in zip(self.edges, doubled, strict=True)
        ]
        counted = [*up_to, values.is_not_null()]
        return [each.sum().cast(pl.Int64).alias(f"{column}:{number}") for number, each in enumerate(counted)]

    def counts(self, column: str, row: Mapping[str, int]) -> Counts:
        """Values in each bin (edges + 1,), out of the row that `expressions` selected.

        >>> bins, stream = Bins((0.0, 0.0, 2.0)), pl.DataFrame({"p": [-1.0, 0.0, 0.0, 1.0, 2.0, 9.0, None]})
        >>> bins.counts("p", stream.select(bins.expressions("p")).row(0, named=True)).tolist()
        [1, 2, 2, 1]
        """
        return np.diff([0, *(row[f"{column}:{number}"] for number in range(len(self.edges) + 1))])


def make_reference(table: pl.DataFrame, positive: str) -> Reference:
    """Describe held-out test images for later comparison: bins and counts, no images, no ids.

    Args:
        table: one row an image: label, decision (a class or `review`), probability (calibrated, of `positive`), width,
            height, bytes, brightness, contrast and sharpness, and `prevalence` where the share of positives is known
            that probabilities hold for, and `group` where near-duplicates are known; see `describe_test_images`.
        positive: the positive class.

    Returns:
        The content of `reference.json`.

    Raises:
        FacesiftError: without one of the columns, and without an image of another class than `positive`.
    """
    check_columns(table.columns, ("label", *NEEDED), "the test images' table")
    others = table.filter(pl.col("label") != positive)
    if others.is_empty():
        raise FacesiftError(f"the test split holds nothing but {positive}: drift is measured on the other classes")
    names = sorted({*table["label"], *table[DECISION], positive, "review"})
    return {
        "schema": SCHEMA,
        "positive": positive,
        "of": f"the held-out test images that are not {positive}: a stream is nearly all of them",
        "images": {"others": others.height, "all": table.height},
        "design_effects": {"others": _design_effect(others), "all": _design_effect(table)},
        "columns": {name: _binned(others, name) for name in WATCHED},
        "decisions": {name: {"others": _count(others, name), "all": _count(table, name)} for name in names},
        "prevalence": table[PREVALENCE][0] if PREVALENCE in table.columns else None,
        "mean_probability": {"others": others[PROBABILITY].mean(), "all": table[PROBABILITY].mean()},
    }


def write_reference(path: Path, reference: Reference) -> None:
    """Write what `make_reference` found as JSON; whole or not at all."""
    write_json(path, reference)


def read_reference(path: Path) -> Reference:
    """Read a reference; `FacesiftError` names a file that is missing, no JSON, or of another program version."""
    reference = read_json(path)
    if not isinstance(reference, dict) or reference.get("schema") != SCHEMA:
        raise FacesiftError(f"{path}: not a drift reference of schema {SCHEMA}; export the bundle again")
    return reference


def listed_reference(folder: Path, card: Card) -> Reference:
    """Read the reference of a bundle; `FacesiftError` also when it is not the one that the card lists."""
    verify_files(folder, card, [REFERENCE])
    return read_reference(folder / REFERENCE)


def describe_test_images(
    shards: ShardFolder, manifest: pl.DataFrame, groups: pl.DataFrame, decisions: pl.DataFrame, calibrated: pl.DataFrame
) -> pl.DataFrame:
    """Put together what is known of the test images.

    Args:
        shards: the test images.
        manifest: the pipeline's image_id, width, height, bytes.
        groups: the pipeline's image_id, group.
        decisions: the pipeline's image_id, label, decision.
        calibrated: the pipeline's image_id, probability, prevalence.

    Returns:
        One row for each image in the shards: group, label, decision, probability, prevalence, width, height, bytes,
        brightness, contrast, sharpness.
    """
    return (
        measure_shards(shards)
        .join(groups.select("image_id", GROUP), on="image_id", how="left", maintain_order="left")
        .join(decisions.select("image_id", "label", "decision"), on="image_id", how="left", maintain_order="left")
        .join(calibrated.select("image_id", PROBABILITY, PREVALENCE), on="image_id", how="left", maintain_order="left")
        .join(manifest.select("image_id", "width", "height", "bytes"), on="image_id", how="left", maintain_order="left")
    )


def measure_shards(shards: ShardFolder) -> pl.DataFrame:
    """Image_id and the quality columns of every image in the shards; pixels are streamed."""
    tables = []
    for shard, size in enumerate(shards.sizes):
        pixels = shards.pixels(shard)
        parts = [measure_quality(np.array(pixels[start : start + SLICE])) for start in range(0, size, SLICE)]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        tables.append(pl.DataFrame({"image_id": shards.image_ids(shard)} | columns))
    return pl.concat(tables)


def check_columns(there: Sequence[str], needed: Sequence[str], table: str) -> None:
    """Raise `FacesiftError` naming the `needed` columns that a table does not have."""
    missing = [name for name in needed if name not in there]
    if missing:
        raise FacesiftError(f"{table} has no column {', '.join(missing)}; needed are {', '.join(needed)}")


def _binned(others: pl.DataFrame, name: str) -> dict[str, Any]:
    if others[name].drop_nulls().is_empty():
        raise FacesiftError(f"column {name}: no test image has a value in it")
    bins = Bins.of(others[name])
    row = others.select(bins.expressions(name)).row(0, named=True)
    return {"edges": list(bins.edges), "counts": bins.counts(name, row).tolist()}


def _design_effect(table: pl.DataFrame) -> float:
    """Images that are worth one independent image, see `core.intervals.design_effect_of`; 1 without known groups."""
    return design_effect_of(table[GROUP].to_numpy()) if GROUP in table.columns else 1.0


def _count(table: pl.DataFrame, decision: str) -> int:
    return table.filter(pl.col(DECISION) == decision).height
