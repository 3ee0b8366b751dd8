"""Likely label errors of a study: images whose label its out-of-fold scores contradict, for a second look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.formatting import counted
from facesift.core.scores import class_probabilities, labels_from, logit_columns
from facesift.review.queue import NothingToReview, ReviewQueue
from facesift.review.study import Study


def find_label_errors(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> NDArray[np.int64]:
    """Find likely label errors by confident learning (Northcutt, Jiang and Chuang 2021), pruned by noise rate.

    The rule of `find_label_issues` of the package cleanlab in its default setting. An image counts as confidently of
    class j if its probability of j is at least the mean one of the images labelled j; the largest probability wins.
    These counts by label and confident class, scaled to the number of images of each label, estimate how many images of
    each label are of another class. As many images are returned: those whose probability of the other class exceeds
    that of the label by most. Images are left out for which the label is the most probable class.

    Args:
        labels: Class numbers (n,).
        probabilities: Of each class (n, classes), by a model that was not trained on the image.

    Returns:
        Positions of the images; the lowest probability of the label first.

    >>> fake = np.array([0.1, 0.2, 0.9, 0.9, 0.8])
    >>> find_label_errors(np.array([0, 0, 0, 1, 1]), np.stack([1 - fake, fake], axis=1))
    array([2])
    """
    numbers = range(probabilities.shape[1])
    moved = _estimate_joint(labels, probabilities)
    doubtful = np.zeros(len(labels), np.bool_)
    for label in numbers:
        rows = np.flatnonzero(labels == label)
        for other in numbers:
            if other != label and len(rows) > 1:
                excess = probabilities[rows, other] - probabilities[rows, label]
                doubtful[rows[np.argsort(-excess, kind="stable")[: moved[label, other]]]] = True
    own = probabilities[np.arange(len(labels)), labels]
    found = np.flatnonzero(doubtful & (own < probabilities.max(axis=1)))
    return found[np.argsort(own[found], kind="stable")]


def _estimate_joint(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> NDArray[np.int64]:
    """Estimate the number of images of each label (rows) and true class (columns)."""
    classes = probabilities.shape[1]
    present = [(labels == label).any() for label in range(classes)]
    means = [probabilities[labels == each, each].mean() if present[each] else np.inf for each in range(classes)]
    confident = np.where(probabilities >= np.array(means) - 1e-6, probabilities, -1.0)
    known = confident.max(axis=1) >= 0
    joint = np.zeros((classes, classes))
    np.add.at(joint, (labels[known], confident[known].argmax(axis=1)), 1)
    np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))  # at least one image of each class is labelled rightly
    scaled = joint / joint.sum(axis=1, keepdims=True) * np.bincount(labels, minlength=classes)[:, None]
    return np.rint(scaled).astype(np.int64)


def read_label_errors(study: Study) -> ReviewQueue:
    """Make a queue of the likely label errors of a study, the likeliest first.

    Scores: those of cross-fitting (`evaluation.cross_fit`) for all images of the study if it has them; else the stacked
    ensemble's for the validation and test images, on which no member was trained. Labels that people gave are left out.

    Returns:
        A blind queue: the page shows neither label nor score, so that the second look is independent.

    Raises:
        FacesiftError: Scores are missing.
        NothingToReview: No label is in doubt.
    """
    classes, (path, scores) = study.params.class_names, _scores(study)
    judged = study.table("manifest.parquet", "ingest").filter(pl.col("reviewers") != "").select("image_id")
    truth = study.table("split.parquet", "split").select("image_id", "label").join(judged.lazy(), "image_id", "anti")
    table = truth.join(scores, on="image_id", how="inner").sort("image_id").collect()
    probabilities = class_probabilities(table.select(logit_columns(classes.names)).to_numpy())
    found = table[find_label_errors(labels_from(table, classes), probabilities)]
    if found.is_empty():
        raise NothingToReview(f"{path}: the scores put no label of {counted(table.height, 'image')} in doubt")
    counts = ", ".join(f"{count} labelled {each}" for each, count in sorted(found["label"].value_counts().iter_rows()))
    note = f"{counted(found.height, 'likely label error')} among {counted(table.height, 'image')} ({path}): {counts}"
    names = study.image_names().collect()
    named = found.select("image_id").join(names, on="image_id", how="left", maintain_order="left")
    rows = named.with_columns(decision=pl.lit(""), reason=pl.lit(""), probability=pl.lit(None, pl.Float64), copies=0)
    return ReviewQueue(rows, classes, (study.raw,), hide_names=True, notes=[note], blind=True)


def _scores(study: Study) -> tuple[Path, pl.LazyFrame]:
    """Return the file of scores and its image_id and logits."""
    for name in sorted(study.params.evaluation.cross_fit):
        file = f"figures/cross_fit/{name}.parquet"
        return study.folder / "data" / file, study.table(file, f"cross_fit@{name}")
    return study.folder / "data/stack.parquet", study.table("stack.parquet", "stack").drop("split")
