"""The queue: the images a person is to look at, the most suspicious first."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import UNSURE
from facesift.review.decisions import REVIEW, VOTE, find_classes, is_image_id, read_decisions


@dataclass(frozen=True)
class Queue:
    """Rows (image, image_id, decision, probability, reason, vote_<voter> ..., copies) in the order they are shown."""

    rows: pl.DataFrame
    classes: Classes
    roots: tuple[Path, ...]
    hidden: bool  # file names are shown after the answer only
    notes: list[str] = field(default_factory=list)  # what the person who starts the page should know

    def __len__(self) -> int:
        return self.rows.height

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._positions

    @cached_property
    def image_ids(self) -> list[str]:
        return self.rows["image_id"].to_list()

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {image_id: position for position, image_id in enumerate(self.image_ids)}

    @property
    def answers(self) -> tuple[str, ...]:
        """What may be answered."""
        return (*self.classes.names, UNSURE)

    def position(self, image_id: str) -> int | None:
        """Place of an image in the queue, from 0; None for an image that is not in it."""
        return self._positions.get(image_id)

    def row(self, position: int) -> dict[str, Any]:
        """Return one image's row, with its votes as a dict `votes` of class name by voter."""
        row = self.rows.row(position, named=True)
        votes = {name.removeprefix(VOTE): row.pop(name) for name in list(row) if name.startswith(VOTE)}
        return row | {"votes": {voter: vote for voter, vote in votes.items() if vote}}


def read_queue(path: Path, bundle: Path, images: Path | None = None, *, everything: bool = False) -> Queue:
    """Read a decisions table and keep what was decided `review`, or `everything`; the most suspicious image first.

    Copies of one image are one entry. Raises `FacesiftError` for what is no decisions table and for an empty queue.
    """
    decisions = read_decisions(path, images)
    classes = find_classes(path, decisions.table, bundle)
    wanted = decisions.table if everything else decisions.table.filter(pl.col("decision") == REVIEW)
    rows = _ordered(wanted)
    if not rows.height:
        raise FacesiftError(_nothing(path, decisions.table, everything))
    lost = wanted.filter(~is_image_id()).height
    notes = [f"{path}: {lost} rows have no image_id (files that could not be read) and are left out"] if lost else []
    return Queue(rows, classes, decisions.roots, decisions.hidden, notes)


def _ordered(rows: pl.DataFrame) -> pl.DataFrame:
    """One row an image; unknown probabilities last, and ties in the order of image_id: the same for every reviewer."""
    named = rows.filter(is_image_id()).sort("image_id", "image")
    counted = named.with_columns(copies=pl.len().over("image_id") - 1)
    once = counted.unique("image_id", keep="first", maintain_order=True)
    return once.sort("probability", descending=True, nulls_last=True, maintain_order=True)


def _nothing(path: Path, table: pl.DataFrame, everything: bool) -> str:  # noqa: FBT001
    if everything or not table.height:
        return f"{path}: holds no image that could be shown"
    return f"{path}: none of its {table.height} images was decided `{REVIEW}`; --all shows the others, too"
