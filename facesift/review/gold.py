"""Gold images: held-out images with a known label, mixed into a queue to measure the reviewer."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import chain, zip_longest

import polars as pl

from facesift.evaluation.gold_images import known_labels
from facesift.review.decisions import read_decisions
from facesift.review.queue import ReviewQueue
from facesift.review.study import Study


def add_gold(queue: ReviewQueue, study: Study, share: float, reviewed: int) -> ReviewQueue:
    """Mix images with a known label into a queue, at random places that are the same for all reviewers.

    As many images of the positive class are drawn as others, as far as there are enough. An image serves if it is in
    the validation or test part of the study, its label is the one of the files, and it is not in the queue itself. One
    image at most is drawn of each group of near-duplicates, which people answer alike.

    Args:
        queue: The queue.
        study: The study that the gold images come from.
        share: Share of gold images among all images that a reviewer sees, from 0 below 1.
        reviewed: Number of images of the queue that this reviewer sees.

    Returns:
        The queue with gold images; it is blind, so that nothing but the picture is shown.

    Raises:
        FacesiftError: A table of the study is missing.
    """
    wanted = round(share / (1 - share) * reviewed)
    if not wanted:
        return queue
    pool = _pool(queue, study)
    key = hashlib.sha256("".join(sorted(queue.image_ids)).encode()).hexdigest()  # other queues draw other images
    drawn = _draw(pool, wanted, key, queue.classes.positive)
    notes = [] if drawn.height == wanted else [_too_few(drawn.height, wanted)]
    mixed = _mix(queue.rows, drawn.drop("truth", "group"), key)
    return replace(
        queue, rows=mixed, roots=(*queue.roots, study.raw), notes=[*queue.notes, *notes], blind=True,
        gold=dict(drawn.select("image_id", "truth").iter_rows()),
    )  # fmt: skip


def _too_few(drawn: int, wanted: int) -> str:
    return (
        f"review.gold: only {drawn} of {wanted} gold images: the study has no more held-out images outside the queue "
        "(of near-duplicates one serves)"
    )


def _pool(queue: ReviewQueue, study: Study) -> pl.DataFrame:
    """Return the rows of all images that can serve, with their label `truth`."""
    path = study.folder / "data/decisions.parquet"
    decided = study.table(path.name, "summary").select("image_id", "split")
    splits = decided.join(study.table("split.parquet", "split").select("image_id", "group"), on="image_id").collect()
    manifest = study.table("manifest.parquet", "ingest").select("image_id", "label", "original_label").collect()
    known = known_labels(splits, manifest).filter(~pl.col("image_id").is_in(queue.image_ids))
    rows = read_decisions(path).table.with_columns(copies=pl.lit(0, pl.Int64))
    return rows.join(known, on="image_id", how="inner")


def _draw(pool: pl.DataFrame, wanted: int, key: str, positive: str) -> pl.DataFrame:
    """Draw positive images and others in turn, one of a group; an image's random number depends on it and the queue."""
    images = sorted(pool.select("image_id", "group").iter_rows(), key=lambda image: _random(key, "draw", image[0]))
    first = {group: image_id for image_id, group in reversed(images)}
    ranked = [image_id for image_id, group in images if first[group] == image_id]
    fakes = set(pool.filter(truth=positive)["image_id"])
    pairs = zip_longest((each for each in ranked if each in fakes), (each for each in ranked if each not in fakes))
    chosen = [each for each in chain.from_iterable(pairs) if each is not None][:wanted]
    return pool.filter(pl.col("image_id").is_in(chosen))


def _mix(rows: pl.DataFrame, gold: pl.DataFrame, key: str) -> pl.DataFrame:
    """Put each gold image at a random place of the queue, whose own order stays."""
    places = pl.Series([(number + 0.5) / rows.height for number in range(rows.height)], dtype=pl.Float64)
    random = pl.Series([_random(key, "place", image_id) for image_id in gold["image_id"]], dtype=pl.Float64)
    both = [rows.with_columns(place=places), gold.with_columns(place=random)]
    return pl.concat(both, how="diagonal_relaxed").sort("place", "image_id").drop("place")


def _random(key: str, purpose: str, image_id: str) -> float:
    """Return a number in [0, 1) that looks random."""
    return int(hashlib.sha256(f"{key} {purpose} {image_id}".encode()).hexdigest()[:13], 16) / 16**13
