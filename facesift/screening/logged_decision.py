"""Reads the rows of one image from a decisions table, which is not trusted: a wrong value is an error that names it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from facesift.committee.decision import REVIEW_NAME
from facesift.committee.rules import RULES
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted
from facesift.core.scores import STACKER
from facesift.images.quality import QUALITIES
from facesift.screening.columns import LOG, POINT, SAID, VOTE
from facesift.screening.decisions_file import reading, scan_decisions

TEXTS = ("image", "image_id", "decision", "reason", *(name for name, kind in LOG.items() if kind == pl.String))
NUMBERS = ("probability", "width", "height", "bytes", *QUALITIES, "lo", "hi", "prevalence")
PHOTO = "quality"
SHARES = ("probability", "lo", "hi", "prevalence")  # between 0 and 1
ENDS = 6  # characters of an id that make it close to another
CLOSE, MOST = 5, 5  # images that are named, and rows that are told
LONGEST = 300  # characters of a text that are shown


@dataclass(frozen=True)
class LoggedDecision:
    """A row of the decisions table; the names are those of its columns, None where it is empty.

    Attributes:
        votes: class that each voter voted for, the stacker's last; None where it was not asked.
        probabilities: each voter's probability of the positive class, not calibrated.
        quality: brightness, contrast and sharpness.
        photo: why it is a bad photo: the column `quality`, which older tables lack.
    """

    image: str
    image_id: str | None
    decision: str | None
    probability: float | None
    votes: dict[str, str | None]
    probabilities: dict[str, float | None]
    reason: str | None
    width: float | None
    height: float | None
    bytes: float | None
    quality: dict[str, float | None]
    time: str | None
    bundle: str
    rule: str
    lo: float | None
    hi: float | None
    prevalence: float | None
    facesift: str | None
    photo: str | None = None

    @property
    def point(self) -> str | None:
        """The operating point that decided; None: a voting rule did."""
        return self.rule.removeprefix(POINT) if self.rule.startswith(POINT) else None

    @property
    def unasked(self) -> list[str]:
        """The voters that were not asked."""
        return [voter for voter, vote in self.votes.items() if vote is None]


def read_logged(path: Path, image_id: str, classes: Classes) -> list[LoggedDecision]:
    """Read the rows of one image, at most `MOST`.

    Args:
        path: a decisions table, as `facesift screen` writes it.
        image_id: of the image, or its name in the column `image`, or an end of the name that no other image has.
        classes: that decisions and votes may name.

    Returns:
        The rows in their order, at least one.

    Raises:
        FacesiftError: for a file that is no such table or was written by an older version, for an image that is not
            in it, for an end of several images' names, and for a row with an impossible value.
    """
    with reading(path):
        columns = scan_decisions(path, (), ()).collect_schema().names()
        voters = _voters(path, columns)
        votes, said = ([f"{head}{voter}" for voter in voters] for head in (VOTE, SAID))
        photo = [PHOTO] if PHOTO in columns else []
        table = scan_decisions(path, (*NUMBERS, *said), (*TEXTS, *votes, *photo))
        table = table.select(*TEXTS, *NUMBERS, *votes, *said, *photo)
        rows = _first(table, (pl.col("image_id") == image_id) | (pl.col("image") == image_id))
        if rows.is_empty():
            rows = _first(table, pl.col("image") == _full_name(path, image_id, table))
    return [_checked(path, row, voters, classes) for row in rows.to_dicts()]


def _voters(path: Path, columns: Sequence[str]) -> list[str]:
    """Name the voters in the order of their columns."""
    if missing := [name for name in LOG if name not in columns]:
        raise FacesiftError(
            f"{path}: has no column {', '.join(missing)}, so it does not say how images were decided: no table of "
            "`facesift screen`, or of an older version; screen the images again"
        )
    voters = [name.removeprefix(VOTE) for name in columns if name.startswith(VOTE)]
    needed = (*TEXTS, *NUMBERS, f"{VOTE}{STACKER}", *(f"{SAID}{voter}" for voter in voters))
    if missing := [name for name in needed if name not in columns]:
        raise FacesiftError(f"{path}: no table of `facesift screen`: it has no column {printable(', '.join(missing))}")
    return voters


def _first(table: pl.LazyFrame, wanted: pl.Expr) -> pl.DataFrame:
    return table.filter(wanted).head(MOST).collect(engine="streaming")


def _full_name(path: Path, end: str, table: pl.LazyFrame) -> str:
    """Find the one name that ends like this: first as the end of a path, then as any end."""
    names = pl.col("image")
    for ending in (names.str.ends_with(f"/{end}") | names.str.ends_with(f":{end}"), names.str.ends_with(end)):
        found = table.filter(ending).select(names.unique(maintain_order=True)).head(CLOSE + 1)
        images: list[str] = found.collect(engine="streaming")["image"].to_list() if end else []
        if len(images) == 1:
            return images[0]
        if images:
            shown = ", ".join(map(printable, images[:CLOSE])) + (" and more" if len(images) > CLOSE else "")
            raise FacesiftError(f"{path}: several images end in {printable(end)}: {shown}; give more of the name")
    raise _unknown(path, end, table)


def _unknown(path: Path, image_id: str, table: pl.LazyFrame) -> FacesiftError:
    """Say that the image is not there, with the ids that begin or end like it, or else with how many there are."""
    ids = table.select("image_id").drop_nulls().unique(maintain_order=True)
    like = pl.col("image_id").str.starts_with(image_id[:ENDS]) | pl.col("image_id").str.ends_with(image_id[-ENDS:])
    close = ids.filter(like).head(CLOSE).collect()["image_id"].to_list()
    count = ids.select(pl.len()).collect().item()
    rest = (
        f"close to it: {', '.join(map(printable, close))}" if close else f"it has the ids of {counted(count, 'image')}"
    )
    return FacesiftError(f"{path}: no image {printable(image_id)}; {rest}")


def _checked(path: Path, row: Mapping[str, Any], voters: Sequence[str], classes: Classes) -> LoggedDecision:
    """Check the values of a row."""
    row = {name: None if value == "" else value for name, value in row.items()}
    where = f"{path}: image {printable(row['image_id'] or row['image'] or '?')}"
    for name in ("image", "bundle", "rule"):
        if row[name] is None:
            raise FacesiftError(f"{where}: column {name} is empty")
    named = {"decision": (*classes.names, REVIEW_NAME)} | {f"{VOTE}{voter}": classes.names for voter in voters}
    for name, allowed in named.items():
        if row[name] is not None and row[name] not in allowed:
            raise FacesiftError(
                f"{where}: {name} is {printable(row[name])}, none of {', '.join(allowed)}: of another bundle?"
            )
    for name in (*NUMBERS, *(f"{SAID}{voter}" for voter in voters)):
        top = 1 if name in SHARES or name.startswith(SAID) else math.inf
        if row[name] is not None and not (0 <= row[name] <= top and math.isfinite(row[name])):
            raise FacesiftError(f"{where}: {name} is {row[name]:g}, not between 0 and {top:g}")
    _check_rule(where, row)
    return LoggedDecision(
        votes={voter: row[f"{VOTE}{voter}"] for voter in voters},
        probabilities={voter: row[f"{SAID}{voter}"] for voter in voters},
        quality={name: row[name] for name in QUALITIES},
        photo=row.get(PHOTO),
        **{name: row[name] for name in (*TEXTS, *NUMBERS) if name not in QUALITIES},
    )


def _check_rule(where: str, row: Mapping[str, Any]) -> None:
    if row["rule"].startswith(POINT):
        if row["lo"] is None or row["hi"] is None or row["lo"] > row["hi"]:
            raise FacesiftError(f"{where}: rule is {printable(row['rule'])}, but lo and hi are no two thresholds")
    elif row["rule"] not in RULES:
        raise FacesiftError(f"{where}: rule is {printable(row['rule'])}; there are {', '.join(RULES)}, and {POINT}NAME")


def printable(text: str) -> str:
    r"""Escape what a terminal would obey, such as control and direction characters, and cut what is too long.

    >>> printable("a\x1b[2Jb\u202ec")
    'a\\x1b[2Jb\\u202ec'
    """
    short = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in short)
