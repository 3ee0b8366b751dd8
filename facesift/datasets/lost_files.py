"""Files that cannot be used, counted for each class by itself: half of the few fakes is never 1 % of all files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from facesift.config.data import Ingest
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted, percent
from facesift.datasets.manifest import UNLABELLED
from facesift.images.formats import ARCHIVE

SHOWN = 5  # files quoted when too many are bad
FIRST = 10  # files of a class named in figures and on the terminal
PLACES = 6  # decimals of a share
_TOO_LARGE = re.compile(r"^\d+(?: x \d+)? (pixels|bytes), more than \d+$")


@dataclass(frozen=True)
class ClassLosses:
    """The files of one class that cannot be used.

    Attributes:
        files: files of the class, usable or not.
        reasons: how many cannot be used for each kind of reason.
        first: the first of them, up to `FIRST`.
    """

    files: int
    reasons: dict[str, int]
    first: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """Files that cannot be used."""
        return sum(self.reasons.values())

    @property
    def share(self) -> float:
        """Share of the class's files that cannot be used."""
        return self.lost / self.files if self.files else 0.0


def reason_kind(reason: str) -> str:
    """Leave out of a reason what is about one file alone.

    >>> reason_kind("damaged image: truncated"), reason_kind("90 x 90 pixels, more than 8")
    ('damaged image', 'too many pixels')
    """
    short = re.split(": | at ", reason, maxsplit=1)[0]
    return _TOO_LARGE.sub(r"too many \1", short)


def count_losses(quarantine: pl.DataFrame, files: Mapping[str, int]) -> dict[str, ClassLosses]:
    """Count the files that cannot be used, by class and kind of reason.

    Args:
        quarantine: the unusable files, with `label` and `reason`.
        files: how many files of each class there are, usable or not; `UNLABELLED` for those without a label.

    Returns:
        The losses of each class, sorted by its name.
    """
    kinds = quarantine.select(
        pl.col("label").fill_null(UNLABELLED), kind=pl.col("reason").map_elements(reason_kind, pl.String)
    )
    places = quarantine.select(pl.col("label").fill_null(UNLABELLED), place=pl.col("container") + ":" + pl.col("path"))
    counted = kinds.group_by("label", "kind").len().sort("label", "len", "kind", descending=[False, True, False])
    return {
        label: ClassLosses(
            files[label],
            dict(counted.filter(label=label).select("kind", "len").rows()),
            tuple(places.filter(label=label)["place"].head(FIRST)),
        )
        for label in sorted(files)
    }


def report_losses(losses: Mapping[str, ClassLosses]) -> dict[str, Any]:
    """Lay out the losses for `data/figures/ingest.json`: {class: {files, lost, share, reasons, first}}."""
    return {
        label: {
            "files": each.files, "lost": each.lost, "share": round(each.share, PLACES), "reasons": each.reasons,
            "first": list(each.first),
        }
        for label, each in losses.items()
    }  # fmt: skip


def check_losses(losses: Mapping[str, ClassLosses], quarantine: pl.DataFrame, limits: Ingest) -> None:
    """Check that not too many files of any class are unusable.

    Args:
        losses: as `count_losses` counts them.
        quarantine: the unusable files.
        limits: with the largest allowed share of a class, `max_bad_fraction`.

    Raises:
        FacesiftError: when a class loses more; the message names the classes, counts and reasons, and quotes the first
            files. Also when one of them is an archive under another name: nobody knows how many images are in it.
    """
    if not (archives := quarantine.filter(pl.col("reason") == ARCHIVE)).is_empty():
        names = ", ".join(f"{row['container']}:{row['path']}" for row in archives.head(SHOWN).to_dicts())
        raise FacesiftError(
            f"{counted(archives.height, 'file')} of the sources are archives without an archive's ending: {names}. "
            "Unpack them, call a zip .zip, or leave them out with data.sources.NAME.exclude"
        )
    above = {label: each for label, each in losses.items() if each.lost > limits.max_bad_fraction * each.files}
    if not above:
        return
    counts = "; ".join(
        f"{each.lost} of {each.files} {label} files are bad ({_tell_reasons(each)})" for label, each in above.items()
    )
    theirs = quarantine.filter(pl.col("label").fill_null(UNLABELLED).is_in(list(above)))
    first = [f"  {row['container']}:{row['path']}: {row['reason']}" for row in theirs.head(SHOWN).to_dicts()]
    raise FacesiftError(
        f"{counts}: more than ingest.max_bad_fraction ({limits.max_bad_fraction:g}) allows for each class. Repair or "
        "remove them, or raise the limit. The first:\n" + "\n".join(first)
    )


def _tell_reasons(losses: ClassLosses) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in losses.reasons.items())


def tell_losses(losses: Mapping[str, ClassLosses]) -> list[str]:
    """Say in one line for each class with losses what share of it was lost, and why."""
    return [
        f"{label}: {each.lost:,} of {counted(each.files, 'file')} left out ({percent(each.share, 2)}): "
        f"{_tell_reasons(each)}; {', '.join(each.first)}"
        for label, each in losses.items()
        if each.lost
    ]
