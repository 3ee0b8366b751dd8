"""Ballots of planted votes."""

import numpy as np
import polars as pl
import pytest

from facesift.committee.predictions import Ballot
from facesift.core.classes import Classes
from facesift.core.scores import join_scores, score_table

CLASSES = Classes(("real", "fake"), "fake")


def planted_ballot(labels, evidence, split="test"):
    """A ballot of images with labels (n,); `evidence` is {voter: (n,)}, fake where it is above zero."""
    ids = [f"{number:032x}" for number in range(len(labels))]
    names = np.array(CLASSES.names)[np.asarray(labels)]
    truth = pl.DataFrame({"image_id": ids, "split": split, "source": "made", "label": names, "group": range(len(ids))})
    scores = {
        voter: score_table(ids, split, np.stack([-np.asarray(each, float), np.asarray(each, float)], 1), CLASSES.names)
        for voter, each in evidence.items()
    }
    return Ballot.of(join_scores(truth, scores), list(scores), CLASSES)


@pytest.fixture(name="planted")
def planted_fixture():
    return planted_ballot
