"""The review queue: the images that a person has to look at, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted
from facesift.datasets.review_files import UNSURE
from facesift.review.decisions import REVIEW, find_classes, is_image_id, read_decisions
from facesift.review.order import VOTE, Order, in_order


class NothingToReview(FacesiftError):  # noqa: N818  no error: the work is done
    """No image needs a person."""


@dataclass(frozen=True)
class ReviewQueue:
    """The images in the order they are shown.

    Attributes:
        rows: Columns image, image_id, decision, probability, reason, rule, lo, hi, vote_<voter> ..., copies (further
            files with the same bytes).
        classes: The class names.
        roots: Folders that relative file names may start from.
        hide_names: Whether file names are shown only after the answer, because they may tell the label.
        notes: Messages for the person who starts the page.
        blind: Whether the page never shows what the committee says, nor the file names. What it says about a gold image
            would tell that it is one.
        gold: The label of each gold image in `rows`, by image_id.
        hide_opinion: Whether votes and probability are shown only after the answer.
        rule: The voting rule of the study; None where it is not known.
    """

    rows: pl.DataFrame
    classes: Classes
    roots: tuple[Path, ...]
    hide_names: bool
    notes: list[str] = field(default_factory=list)
    blind: bool = False
    gold: Mapping[str, str] = field(default_factory=dict)
    hide_opinion: bool = False
    rule: str | None = None

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
        """The possible answers: the class names and `unsure`."""
        return (*self.classes.names, UNSURE)

    def position(self, image_id: str) -> int | None:
        """Return the position of an image, from 0; None if it is not in the queue."""
        return self._positions.get(image_id)

    def row(self, position: int) -> dict[str, Any]:
        """Return one image's row as a dict; its votes are the dict `votes`, class names by voter."""
        row = self.rows.row(position, named=True)
        votes = {name.removeprefix(VOTE): row.pop(name) for name in list(row) if name.startswith(VOTE)}
        return row | {"votes": {voter: vote for voter, vote in votes.items() if vote}}


def read_queue(
    path: Path, bundle: Path, images: Path | None = None, *, everything: bool = False, order: Order = "suspicion"
) -> ReviewQueue:
    """Read a decisions table and keep the images that were decided `review`, in their order.

    Files with the same bytes are one entry.

    Args:
        path: The decisions table.
        bundle: Folder of the exported committee, for the class names; it may be missing.
        images: Folder that relative file names start from.
        everything: Keep all images.
        order: What comes first, see `order.in_order`.

    Raises:
        FacesiftError: The file is not a decisions table.
        NothingToReview: The queue is empty.
    """
    decisions = read_decisions(path, images)
    classes = find_classes(path, decisions.table, bundle)
    wanted = decisions.table if everything else decisions.table.filter(pl.col("decision") == REVIEW)
    rows = in_order(one_row_each(wanted), decisions.table, order, classes)
    if not rows.height:
        raise NothingToReview(_why_empty(path, decisions.table, everything))
    dropped = wanted.filter(~is_image_id()).height
    notes = [decisions.note] if decisions.note else []
    if dropped:
        notes.append(f"{path}: left out: {counted(dropped, 'row')} without image_id (files that could not be read)")
    return ReviewQueue(rows, classes, decisions.roots, decisions.hide_names, notes)


def one_row_each(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep one row for each image, sorted by image_id; count its further copies in the column `copies`."""
    named = rows.filter(is_image_id()).sort("image_id", "image")
    counted = named.with_columns(copies=pl.len().over("image_id") - 1)
    return counted.unique("image_id", keep="first", maintain_order=True)


def _why_empty(path: Path, table: pl.DataFrame, everything: bool) -> str:  # noqa: FBT001
    if everything or not table.height:
        return f"{path}: contains no image that can be shown"
    return f"{path}: none of its {table.height:,} images was decided `{REVIEW}`; --all shows the others too"
