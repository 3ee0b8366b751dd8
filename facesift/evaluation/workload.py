"""The review queue: its length, people's answers and time, and the test figures with their answers.

Truth is the label that the files came with (`original_label`): labels replaced by answers would agree with themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.decision import REVIEW
from facesift.core.classes import Classes
from facesift.core.counts import DecisionCounts
from facesift.core.intervals import clopper_pearson, design_effect_of
from facesift.datasets.reviews import check_answers, find_consensus
from facesift.evaluation.decision_report import count_decisions
from facesift.evaluation.prevalence import project
from facesift.evaluation.reviewers import measure_agreement, measure_pairs, measure_time

SPLITS = ("val", "test")
QUEUED = "review"
NOBODY = "nobody has reviewed an image of this study yet; `facesift review` shows the queue"


def measure_reviews(  # noqa: PLR0913 - three tables and what they mean
    decisions: pl.DataFrame,
    manifest: pl.DataFrame,
    reviews: pl.DataFrame,
    classes: Classes,
    prevalence: Sequence[int],
    *,
    two_persons: bool = False,
) -> dict[str, Any]:
    """Measure people's work on the validation and test images.

    Args:
        decisions: image_id, split (val or test), decision (a class or `review`), and `group` where it is known.
        manifest: image_id, original_label (null where the files say nothing).
        reviews: the answers that count, with the columns of `datasets.reviews.REVIEWS`.
        classes: names of the classes, and which one is positive.
        prevalence: shares of fakes to compute hours for, as the number of images of which one is positive.
        two_persons: whether two people have to agree (`review.two_persons`).

    Returns:
        The contents of `metrics/review.json`; figures about people are None while there is no answer.

    Raises:
        FacesiftError: an answer on one of these images is not one of the classes.
    """
    check_answers(decisions, reviews, classes.names)
    held = decisions.select("image_id", "split", "decision", *({"group"} & set(decisions.columns))).join(
        manifest.select("image_id", truth="original_label"), on="image_id", how="left", maintain_order="left"
    )
    here = reviews.join(held, on="image_id", how="inner", maintain_order="left", suffix="_now")
    consensus = find_consensus(reviews, two_persons=two_persons)
    judged = held.join(consensus, on="image_id", how="left", maintain_order="left")
    test = judged.filter(pl.col("split") == "test", pl.col("truth").is_not_null())
    time, before = measure_time(here), _count(test, classes, "decision")
    return {
        "answers": here.height,
        "elsewhere": reviews.height - here.height,
        "queue": {split: _measure_queue(judged.filter(pl.col("split") == split)) for split in SPLITS},
        "agreement": measure_agreement(judged, classes.names),
        "pairs": measure_pairs(here),
        "disagreements": judged["disagree"].sum(),
        "time": time | {"hours_per_100k": _hours(before, time["median_seconds"], prevalence)},
        "test": _with_answers(test, before, classes),
        "sentence": NOBODY if here.is_empty() else None,
    }


def _measure_queue(judged: pl.DataFrame) -> dict[str, Any]:
    """Count a split's queue. Answered: somebody looked. Left: all images for which no answer counts yet."""
    queue = judged.filter(pl.col("decision") == QUEUED)
    decided, groups = queue["answer"].count(), _groups(judged)
    return {
        "images": judged.height,
        "queue": queue.height,
        "share": queue.height / judged.height if judged.height else None,
        "interval": clopper_pearson(
            queue.height, judged.height, design_effect=1.0 if groups is None else design_effect_of(groups)
        ),
        "answered": queue["disagree"].count(),
        "decided": decided,
        "unsure": queue.filter(pl.col("answer").is_null() & ~pl.col("disagree") & ~pl.col("waiting")).height,
        "waiting": queue["waiting"].sum(),
        "disagreements": queue["disagree"].sum(),
        "left": queue.height - decided,
    }


def _groups(judged: pl.DataFrame) -> NDArray[Any] | None:
    return judged["group"].to_numpy() if "group" in judged.columns else None


def _count(test: pl.DataFrame, classes: Classes, column: str) -> DecisionCounts:
    numbers = {name: number for number, name in enumerate(classes.names)}
    decisions = test[column].replace_strict(numbers | {QUEUED: REVIEW}, return_dtype=pl.Int64).to_numpy()
    labels = test["truth"].replace_strict(numbers, return_dtype=pl.Int64).to_numpy()
    return count_decisions(labels.astype(np.int64), decisions.astype(np.int64), classes, _groups(test))


def _with_answers(test: pl.DataFrame, before: DecisionCounts, classes: Classes) -> dict[str, Any]:
    """Report the test figures of the rule, with people's answers in place of `review`, and with perfect answers."""
    queued = pl.col("decision") == QUEUED
    answered = test.with_columns(
        after=pl.when(queued).then(pl.coalesce("answer", "decision")).otherwise("decision"),
        perfect=pl.when(queued).then("truth").otherwise("decision"),
    )
    any_answer = answered.filter(queued & pl.col("answer").is_not_null()).height > 0
    return {
        "before": _report(before),
        "after": _report(_count(answered, classes, "after")) if any_answer else None,
        "upper_bound": _report(_count(answered, classes, "perfect")),
    }


def _report(screening: DecisionCounts) -> dict[str, Any]:
    """Report the usual figures, and `found`: the share of all positives decided positive, the queued ones missed."""
    tp, every = screening.decided.tp, screening.decided.fakes + screening.review_fake
    return screening.report() | {
        "found": tp / every if every else None,
        "found_interval": clopper_pearson(tp, every, design_effect=screening.effects.fakes),
    }


def _hours(before: DecisionCounts, seconds: float | None, prevalence: Sequence[int]) -> dict[str, Any]:
    """Compute one person's hours for the queue of 100,000 images at the median seconds and each share of positives."""
    if seconds is None:
        return {str(one_in): None for one_in in prevalence}
    queues = {str(one_in): asdict(project(before, one_in).reviews_per_100k) for one_in in prevalence}
    return {
        one_in: {end: None if images is None else images * seconds / 3600 for end, images in queue.items()}
        for one_in, queue in queues.items()
    }
