"""Predictions of planted votes."""

import numpy as np
import polars as pl

from facesift.core.classes import PARTS, Classes
from facesift.core.scores import label_logits, score_table
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.evaluation.standard_report import report_predictions

CLASSES = Classes(("real", "fake"), "fake")


def planted_predictions(labels, evidence, split="test"):
    """Predictions of images with labels (n,); `evidence` is {voter: (n,)}, fake where it is above zero."""
    ids = [f"{number:032x}" for number in range(len(labels))]
    names = np.array(CLASSES.names)[np.asarray(labels)]
    truth = pl.DataFrame({"image_id": ids, "split": split, "source": "made", "label": names, "group": range(len(ids))})
    scores = {
        voter: score_table(ids, split, np.stack([-np.asarray(each, float), np.asarray(each, float)], 1), CLASSES.names)
        for voter, each in evidence.items()
    }
    return LabelledPredictions.of(label_logits(truth, scores, CLASSES))


def facts_of(images, difficulty=None):
    """What the manifest says of images: their difficulty, and nothing of replaced parts."""
    parts = [pl.lit(None, pl.Boolean).alias(part) for part in PARTS]
    return images.select("image_id").with_columns(pl.lit(difficulty, pl.String).alias("difficulty"), *parts)


def made_standard(reals=120, fakes=30):
    """Contents of metrics/standard.json, for scores of two voters that find most fakes."""
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], [reals, fakes])
    evidence = {voter: rng.normal(2 * labels - 1) for voter in ("one", "stacker")}
    predicted = planted_predictions(labels, evidence)
    return {"test": report_predictions(predicted, facts_of(predicted.images, "hard"))}
