"""Judges a photo by its figures: the reasons why it is a bad one, in words, and the columns of tables that hold them.

Not told is whether a photo was printed, or shown on a screen, and photographed again: one image alone does not show it
reliably.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, fields
from typing import Any

import polars as pl

from facesift.config.data import Crop
from facesift.config.quality import Quality
from facesift.images.faces import NO_FACE
from facesift.quality.photo_figures import PhotoFigures

JOINED = "; "
# The reasons by their parameter; in this order they are told.
REASONS = {
    "several_faces": "several faces",
    "small_face": "face too small",
    "covered": "face covered",
    "turned": "face turned away",
    "dark": "underexposed",
    "bright": "overexposed",
    "blurred": "blurred",
    "bars": "bars at the edges",
}
# Columns of a table of images: the reasons, null for none, and the figures.
QUALITY_COLUMNS: dict[str, pl.DataType] = {
    "quality": pl.String(),
    **{f"photo_{each.name}": pl.Int32() if each.name == "faces" else pl.Float64() for each in fields(PhotoFigures)},
}


def judge(figures: PhotoFigures, quality: Quality) -> list[str]:
    """Name the reasons why a photo is a bad one.

    Args:
        figures: what is measured of it.
        quality: the limits; reasons that are `off` are not named.

    Returns:
        Keys of `REASONS`, and `no_face` first where none was found.
    """
    found = {
        "several_faces": _over(figures.second_face, quality.several_faces.area),
        "small_face": figures.face_side is not None and figures.face_side < quality.small_face.pixels,
        "covered": _under(figures.eyes, quality.covered.eyes) or _under(figures.mouth, quality.covered.mouth),
        "turned": _over(figures.turn, quality.turned.offset),
        "dark": figures.dark >= quality.dark.share,
        "bright": figures.bright >= quality.bright.share,
        "blurred": _over(figures.blur, quality.blurred.blur),
        "bars": figures.bars >= quality.bars.share,
    }
    reasons = [name for name in REASONS if found[name] and getattr(quality, name).action != "off"]
    return ["no_face", *reasons] if figures.faces == 0 else reasons


def _over(value: float | None, limit: float) -> bool:
    return value is not None and value >= limit


def _under(value: float | None, limit: float) -> bool:
    return value is not None and value < limit


def in_words(reasons: Collection[str]) -> str | None:
    """Write reasons as tables have them; None for none.

    >>> in_words(["no_face", "blurred"])
    'no face found; blurred'
    """
    words = {"no_face": NO_FACE} | REASONS
    return JOINED.join(words[name] for name in reasons) or None


def quality_values(figures: PhotoFigures, reasons: Sequence[str]) -> tuple[Any, ...]:
    """Return the values of `QUALITY_COLUMNS` for a photo."""
    return (in_words(reasons), *astuple(figures))


def has_reason(names: Collection[str]) -> pl.Expr:
    """Return the condition that a row's `quality` names one of some reasons, given by their keys."""
    words = [REASONS[name] for name in names]
    return pl.col("quality").fill_null("").str.split(JOINED).list.set_intersection(words).list.len() > 0


def refers(crop: Crop, quality: Quality) -> bool:
    """Return whether a person decides some images whatever the committee says."""
    return crop.refers or bool(quality.names("review"))


def referred_column(images: pl.DataFrame, crop: Crop, quality: Quality) -> pl.Series:
    """Mark the images that a person decides: those without a face, and bad photos, where the parameters say so.

    Args:
        images: rows of a manifest, with `face_box` where the crop refers, and `quality` where a reason does.
        crop: says what happens without a face.
        quality: says what happens to bad photos.

    Returns:
        Column `referred`.
    """
    reasons = quality.names("review")
    marked = [pl.col("face_box").is_null()] if crop.refers else []
    marked += [has_reason(reasons)] if reasons else []
    return images.select(referred=pl.any_horizontal(pl.repeat(value=False, n=pl.len()), *marked))["referred"]


def count_reasons(images: pl.DataFrame, unlabelled: str) -> dict[str, dict[str, dict[str, int]]]:
    """Count images by source, label and reason.

    Args:
        images: rows of a manifest with the column `quality`.
        unlabelled: stands for an unknown label.

    Returns:
        {source: {label: {reason in words: images}}}, sorted.
    """
    listed = images.drop_nulls("quality").select(
        "source", pl.col("label").fill_null(unlabelled), pl.col("quality").str.split(JOINED)
    )
    counts: dict[str, dict[str, dict[str, int]]] = {}
    grouped = listed.explode("quality").group_by("source", "label", "quality").len()
    for source, label, reason, number in grouped.sort("source", "label", "quality").rows():
        counts.setdefault(source, {}).setdefault(label, {})[reason] = number
    return counts


def tell_reasons(counts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> str:
    """Write counts of reasons in one line.

    >>> tell_reasons({"rff": {"fake": {"blurred": 3, "face covered": 1}}})
    'rff fake: 3 x blurred, 1 x face covered'
    """
    parts = [
        f"{source} {label}: " + ", ".join(f"{number} x {reason}" for reason, number in reasons.items())
        for source, labels in counts.items()
        for label, reasons in labels.items()
    ]
    return "; ".join(parts)
