"""What people add to the committee: how long its queue is, how they work through it, and the figures after them.

Truth is what the files say (`original_label`): labels that answers have overridden would agree with themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from facesift.committee.decision import REVIEW
from facesift.core.classes import Classes
from facesift.core.counts import DecisionCounts
from facesift.core.intervals import clopper_pearson
from facesift.datasets.consensus import check_answers, find_consensus
from facesift.evaluation.decision_report import count_decisions
from facesift.evaluation.prevalence import project
from facesift.evaluation.reviewers import measure_agreement, measure_pairs, measure_time

SPLITS = ("val", "test")
QUEUED = "review"
NOBODY = "nobody has reviewed an image of this study yet; `facesift review` shows the queue"


def measure_reviews(
    decisions: pl.DataFrame, manifest: pl.DataFrame, reviews: pl.DataFrame, classes: Classes, prevalence: list[int]
) -> dict[str, Any]:
    """Measure people's work on the held-out images, for `metrics/review.json`.

    Args:
        decisions: image_id, split (val or test), decision (a class or `review`).
        manifest: image_id, original_label (null where the files say nothing).
        reviews: the counting answers, `reviews.REVIEWS`.
        classes: of the study.
        prevalence: hours are reckoned for one positive in so many images.

    Figures that rest on nothing are None: all that tell of people, while there is no answer. Raises `FacesiftError` for
    an answer on one of these images that is not one of the classes.
    """
    check_answers(decisions, reviews, classes.names)
    held = decisions.select("image_id", "split", "decision").join(
        manifest.select("image_id", truth="original_label"), on="image_id", how="left", maintain_order="left"
    )
    here = reviews.join(held, on="image_id", how="inner", maintain_order="left", suffix="_now")
    judged = held.join(find_consensus(reviews), on="image_id", how="left", maintain_order="left")
    test = judged.filter(pl.col("split") == "test", pl.col("truth").is_not_null())
    time, before = measure_time(here), _screen(test, classes, "decision")
    return {
        "answers": here.height,
        "elsewhere": reviews.height - here.height,
        "queue": {split: _measure_queue(judged.filter(pl.col("split") == split)) for split in SPLITS},
        "agreement": measure_agreement(judged, classes.names),
        "pairs": measure_pairs(here),
        "disagreements": judged["disagree"].sum(),
        "time": time | {"hours_per_100k": _hours(before, time["median_seconds"], prevalence)},
        "test": _before_and_after(test, before, classes),
        "sentence": NOBODY if here.is_empty() else None,
    }


def _measure_queue(judged: pl.DataFrame) -> dict[str, Any]:
    """Count a split's queue. Answered: somebody looked. Left: nobody looked, or they were unsure, or they disagree."""
    queue = judged.filter(pl.col("decision") == QUEUED)
    decided = queue["answer"].count()
    return {
        "images": judged.height,
        "queue": queue.height,
        "share": queue.height / judged.height if judged.height else None,
        "interval": clopper_pearson(queue.height, judged.height),
        "answered": queue["disagree"].count(),
        "decided": decided,
        "unsure": queue.filter(pl.col("answer").is_null() & ~pl.col("disagree")).height,
        "disagreements": queue["disagree"].sum(),
        "left": queue.height - decided,
    }


def _screen(test: pl.DataFrame, classes: Classes, column: str) -> DecisionCounts:
    numbers = {name: number for number, name in enumerate(classes.names)}
    decisions = test[column].replace_strict(numbers | {QUEUED: REVIEW}, return_dtype=pl.Int64).to_numpy()
    labels = test["truth"].replace_strict(numbers, return_dtype=pl.Int64).to_numpy()
    return count_decisions(labels.astype(np.int64), decisions.astype(np.int64), classes)


def _before_and_after(test: pl.DataFrame, before: DecisionCounts, classes: Classes) -> dict[str, Any]:
    """The test split's figures by the rule, with the queue's answers in place of `review`, and with perfect ones."""
    queued = pl.col("decision") == QUEUED
    answered = test.with_columns(
        after=pl.when(queued).then(pl.coalesce("answer", "decision")).otherwise("decision"),
        perfect=pl.when(queued).then("truth").otherwise("decision"),
    )
    any_answer = answered.filter(queued & pl.col("answer").is_not_null()).height > 0
    return {
        "before": _report(before),
        "after": _report(_screen(answered, classes, "after")) if any_answer else None,
        "upper_bound": _report(_screen(answered, classes, "perfect")),
    }


def _report(screening: DecisionCounts) -> dict[str, Any]:
    """The usual figures, and `found`: the share of all positives that is decided so, the queue's counted as missed."""
    tp, every = screening.decided.tp, screening.decided.fakes + screening.review_fake
    return screening.report() | {
        "found": tp / every if every else None,
        "found_interval": clopper_pearson(tp, every),
    }


def _hours(before: DecisionCounts, seconds: float | None, prevalence: list[int]) -> dict[str, Any]:
    """Hours of one person for the queue of 100,000 images, at the median of seconds and one positive in so many."""
    if seconds is None:
        return {str(one_in): None for one_in in prevalence}
    queues = {str(one_in): project(before, one_in)["reviews_per_100k"] for one_in in prevalence}
    return {
        one_in: {end: None if images is None else images * seconds / 3600 for end, images in queue.items()}
        for one_in, queue in queues.items()
    }
