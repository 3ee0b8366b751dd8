"""docs/metrics.md: every figure that the vote, the standard figures and the summary write is explained there."""

import re

import numpy as np
import pytest

from facesift.core.counts import Confusion, DecisionCounts, class_report
from facesift.evaluation.standard_figures import STANDARD
from tests.made import ROOT
from tests.made_predictions import made_standard

TEXT = (ROOT / "docs/metrics.md").read_text()
NAMED = {word for code in re.findall(r"`([^`\n]+)`", TEXT) for word in re.split(r"[.{},]", code)}


def keys_of_counts():
    return {key for key in DecisionCounts(Confusion(1, 1, 1, 1), 1, 1).report() if not key.endswith("_interval")}


def keys_of_errors():
    return set(made_standard()["test"]["decisions"]["rules"]["majority"])


@pytest.mark.parametrize(
    "keys",
    [
        keys_of_counts,
        keys_of_errors,
        lambda: set(class_report(np.array([0, 1]), np.array([0, 1]), ("a", "b"))) - {"accuracy_interval"},
        lambda: {re.sub(r"_[\d.]+$", "_X", key) for key in STANDARD},
    ],
)
def test_every_key_is_explained(keys):
    assert keys() - NAMED == set()


def test_the_other_names_of_a_figure_are_in_its_row():
    for figure in STANDARD.values():
        for name in re.findall(r"BPCER\d+", figure.name):
            assert name in TEXT


def test_it_says_what_is_not_claimed():
    assert "no conformity with a\nstandard is claimed" in TEXT
