"""The data card of a bundle, `DATA_CARD.md`: which images the committee was made from, and what was lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from facesift.bundle.card import Card
from facesift.bundle.markdown import table, wrapped
from facesift.config.params import Params
from facesift.config.study import layout_in_words
from facesift.core.classes import SPLITS
from facesift.core.files import read_parquet
from facesift.core.formatting import counted
from facesift.evaluation.study_facts import (
    division,
    kept_together,
    left_out,
    members_see,
    stacker_fit,
    thresholds_fit,
)

MOST_REASONS = 5  # of a class that are named
NOT_RECORDED = (
    "- Who made the images, under which licence, and whether the people shown agreed. The one who",
    "  provides the data must add this.",
    "- Sex, age, skin colour or origin of the people shown. Figures by such groups were not made.",
    "- Which programs made the manipulated images, unless the names of the sources say so.",
)


def count_images(split: Path) -> pl.DataFrame:
    """Count the images of each source and class.

    Args:
        split: the table `data/split.parquet`.

    Returns:
        A row for each source and label, sorted: source, label, train, val, test.
    """
    images = read_parquet(split, ["source", "label", "split"])
    counted = [(pl.col("split") == name).sum().alias(name) for name in SPLITS]
    return images.group_by("source", "label").agg(counted).sort("source", "label")


def data_card(
    card: Card, params: Params, counts: pl.DataFrame, ingest: Mapping[str, Any], split: Mapping[str, Any]
) -> list[str]:
    """Write the page.

    Args:
        card: of the bundle.
        params: the study's parameters.
        counts: see `count_images`.
        ingest: figures of ingest, `data/figures/ingest.json`.
        split: figures of the split, `data/figures/split.json`.

    Returns:
        Its lines.
    """
    return [
        f"# Data card: study `{card.study}`",
        "",
        "Written by the stage export from the figures of the study. MODEL_CARD.md describes the committee.",
        "",
        "## Images",
        "",
        *_images(card, params, counts),
        "",
        "## Where the labels come from",
        "",
        *table(
            ["source", "files"],
            [(name, layout_in_words(each, params.classes)) for name, each in params.data.sources.items()],
        ),
        "",
        *_reviews(ingest),
        "## What was left out",
        "",
        *_losses(params, ingest, split),
        "",
        "## How the images were divided and seen",
        "",
        *_handling(card, params, split),
        "",
        "## Not recorded here",
        "",
        *NOT_RECORDED,
        "",
        "## Hashes of the inputs",
        "",
        *_hashes(card),
    ]


def _images(card: Card, params: Params, counts: pl.DataFrame) -> list[str]:
    return [
        *table(
            ["source", "class", *SPLITS, "all"],
            [(*row, f"{sum(row[2:]):,}") for row in counts.select("source", "label", *SPLITS).iter_rows()],
        ),
        "",
        *wrapped(
            f"`{card.positive}` is the class that is looked for. Members learn from train. {stacker_fit(params)} "
            f"{thresholds_fit(params)} The figures of the model card are of test."
        ),
    ]


def _hashes(card: Card) -> list[str]:
    return [
        f"- SHA-256 of the table of the split: `{card.inputs['split']}`",
        f"- SHA-256 of the parameters: `{card.inputs['params']}`",
        *(f"- SHA-256 of the index of the {name} shards: `{card.inputs['shards'][name]}`" for name in SPLITS),
    ]


def _losses(params: Params, ingest: Mapping[str, Any], split: Mapping[str, Any]) -> list[str]:
    """Say how many files were left out, and by class where the figures say so."""
    kept = {
        label: sum(images.get(label, 0) for images in ingest["images"].values())
        for label in sorted({label for images in ingest["images"].values() for label in images})
    }
    return [
        f"- Usable images: {', '.join(f'{number:,} {label}' for label, number in kept.items())}.",
        *(f"- {sentence}" for sentence in left_out(params, ingest, split)),
        "",
        *_losses_by_class(ingest.get("losses")),
    ]


def _losses_by_class(losses: Mapping[str, Any] | None) -> list[str]:
    if losses is None:
        return ["How many files of each class were lost was not counted."]
    rows = [
        (label, each["files"], each["lost"], f"{100 * each['share']:.2f} %", _reasons(each["reasons"]))
        for label, each in losses.items()
    ]
    return table(["class", "files", "could not be used", "share", "why"], rows)


def _reasons(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in list(reasons.items())[:MOST_REASONS])


def _reviews(ingest: Mapping[str, Any]) -> list[str]:
    reviews = ingest.get("reviews")
    if not reviews or not reviews["images"]:
        return ["Nobody has reviewed the labels of this study in `facesift review`.", ""]
    changed = sum(sum(each.values()) if isinstance(each, dict) else each for each in reviews["overridden"].values())
    return [
        f"Reviewers looked at {counted(reviews['images'], 'image')}: they confirmed",
        f"{counted(reviews['confirmed'], 'label')} and changed {changed:,};",
        f"in {counted(reviews['disagreements'], 'image')} they disagreed.",
        "",
    ]


def _handling(card: Card, params: Params, split: Mapping[str, Any]) -> list[str]:
    facts = [
        division(params),
        *kept_together(params, split),
        "Only the training part is re-sampled; val and test are as they were divided.",
        members_see(params.data),
        f"Images beyond {card.image.max_pixels:,} pixels or {card.image.max_bytes:,} bytes are refused.",
    ]
    return [line for fact in facts for line in wrapped(fact, bullet=True)]
