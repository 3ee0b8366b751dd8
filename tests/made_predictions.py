"""Predictions of planted votes."""

import numpy as np
import polars as pl

from facesift.core.classes import Classes
from facesift.core.scores import label_logits, score_table
from facesift.evaluation.decision_report import LabelledPredictions

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
