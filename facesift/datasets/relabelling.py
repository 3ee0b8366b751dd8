"""Labels from reviewers: where they agree, their answer replaces an image's label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from facesift.core.formatting import counted
from facesift.datasets.reviews import check_answers, find_consensus

LISTED = 100  # most disagreements listed in the metrics; all are counted


@dataclass(frozen=True)
class Relabelling:
    """A manifest's images with the labels that hold.

    Attributes:
        images: the manifest's images, with `original_label`, `reviewers` and `reviewed_at`.
        report: counts of answers that confirmed, changed or gave a label, for `metrics/ingest.json`.
    """

    images: pl.DataFrame
    report: dict[str, Any]

    def sentence(self) -> str | None:
        """Summarise it in one line; None when there are no answers and no image waits for one."""
        said, left = self.report, self.report["undecided"]
        parts = []
        if said["images"] or said["elsewhere"]:
            pairs = [(a, b, number) for a, to in said["overridden"].items() for b, number in to.items()]
            changes = ", ".join(f"{number} {a} -> {b}" for a, b, number in pairs) or "no label changed"
            counts = f"{said['confirmed']} confirmed, {sum(said['given'].values())} given to images without one"
            apart = counted(said["disagreements"], "disagreement")
            rest = f"{apart}, {said['unsure']} unsure, {said['elsewhere']} of no image here"
            parts.append(f"reviews of {counted(said['images'], 'image')}: {changes}, {counts}; {rest}")
        if said["waiting"]:
            parts.append(f"waiting for a second person (review.two_persons): {counted(said['waiting'], 'image')}")
        if left:
            left_out = counted(left, "image")
            parts.append(f"{left_out} left out: their source has the layout `reviewed`, and nobody has decided them")
        return "; ".join(parts) or None


def relabel(
    images: pl.DataFrame, reviews: pl.DataFrame, classes: tuple[str, ...], *, two_persons: bool = False
) -> Relabelling:
    """Replace labels by the reviewers' consensus.

    Adds `original_label` (what the files say; null in a source of the layout `reviewed`), `reviewers` (whose answer the
    label is, joined by `+`; empty where it is nobody's) and `reviewed_at` (the latest of these answers, or empty).
    Images with disagreement or only `unsure` keep their label, and so do those that wait for a second person. Images
    without any label are left out.

    Args:
        images: rows of a manifest.
        reviews: answers with the columns `review_files.REVIEWS`.
        classes: names of the study's classes.
        two_persons: whether two people have to agree (`review.two_persons`).

    Returns:
        The relabelled images, and counts.

    Raises:
        FacesiftError: for an answer on one of the images that is not one of the classes.
    """
    check_answers(images, reviews, classes)
    found = images.join(
        find_consensus(reviews, two_persons=two_persons), on="image_id", how="left", maintain_order="left"
    )
    agreed = pl.col("answer").is_not_null()
    judged = found.with_columns(
        original_label=pl.col("label"),
        label=pl.coalesce("answer", "label"),
        reviewers=pl.when(agreed).then("reviewers").otherwise(pl.lit("")),
        reviewed_at=pl.when(agreed).then("reviewed_at").otherwise(pl.lit("")),
    )
    columns = [*images.columns, "original_label", "reviewers", "reviewed_at"]
    return Relabelling(judged.select(columns).drop_nulls("label"), _report(judged, reviews))


def _report(judged: pl.DataFrame, reviews: pl.DataFrame) -> dict[str, Any]:
    reviewed = judged.filter(pl.col("disagree").is_not_null())
    agreed = reviewed.drop_nulls("answer")
    changed = agreed.filter(pl.col("original_label").is_not_null() & (pl.col("answer") != pl.col("original_label")))
    torn = reviewed.filter("disagree")
    return {
        "images": reviewed.height,
        "overridden": _transitions(changed),
        "confirmed": agreed.filter(pl.col("answer") == pl.col("original_label")).height,
        "given": _counts(agreed.filter(pl.col("original_label").is_null())),
        "unsure": reviewed.filter(pl.col("answer").is_null() & ~pl.col("disagree") & ~pl.col("waiting")).height,
        "waiting": reviewed.filter("waiting").height,
        "disagreements": torn.height,
        "disagreeing": _list_answers(torn["image_id"].sort().head(LISTED), reviews),
        "elsewhere": reviews["image_id"].n_unique() - reviewed.height,
        "undecided": judged["label"].null_count(),
    }


def _transitions(changed: pl.DataFrame) -> dict[str, dict[str, int]]:
    return {label: _counts(changed.filter(original_label=label)) for label in sorted(set(changed["original_label"]))}


def _counts(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by("answer").len().sort("answer").rows())


def _list_answers(images: pl.Series, reviews: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {"image_id": image, "answers": dict(reviews.filter(image_id=image).select("reviewer", "answer").rows())}
        for image in images
    ]
