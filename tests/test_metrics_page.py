"""docs/metrics.md: the figures that the pipeline writes are explained there."""

import dataclasses
import re

import numpy as np
import polars as pl
import pytest

from facesift.audit.leakage import find_leakage
from facesift.core.counts import Confusion, DecisionCounts, class_report
from facesift.datasets.near_duplicates import LinkRule
from facesift.evaluation.decision_errors import ErrorShare
from facesift.evaluation.standard_figures import STANDARD
from tests.made import ROOT
from tests.made_predictions import made_standard

TEXT = (ROOT / "docs/metrics.md").read_text()


def named(text):
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.split(r"[.{},]", code)}


NAMED = named(TEXT)


def keys_of_counts():
    return {key for key in DecisionCounts(Confusion(1, 1, 1, 1), 1, 1).report() if not key.endswith("_interval")}


def keys_of_errors():
    return set(made_standard()["test"]["decisions"]["rules"]["majority"])


def keys_of_leakage():
    columns = ("image_id", "label", "phash", "split")
    schema = dict.fromkeys(columns, pl.String) | {"thumbnail": pl.Binary, "group": pl.Int64}
    return set(find_leakage(pl.DataFrame(schema=schema), LinkRule(24, 0.5)).report())


@pytest.mark.parametrize(
    "keys",
    [
        keys_of_counts,
        keys_of_errors,
        lambda: set(class_report(np.array([0, 1]), np.array([0, 1]), ("a", "b"))) - {"accuracy_interval"},
        lambda: {re.sub(r"_[\d.]+$", "_X", key) for key in STANDARD},
        lambda: {field.name for field in dataclasses.fields(ErrorShare)},
        keys_of_leakage,
    ],
)
def test_every_key_is_explained(keys):
    assert keys() - NAMED == set()


@pytest.mark.parametrize(
    ("file", "keys"),
    [
        ("operating.json", ["not_offered", "probability", "sources"]),
        ("ingest.json", ["losses", "passed_over", "warnings"]),
        ("split.json", ["known_groups", "refused", "largest_bits"]),
        ("cross.json", ["overlap"]),
        ("review.json", ["gold", "waiting"]),
        ("stack.json", ["folds"]),
        ("stability.json", ["figures", "seeds"]),
        ("leave_out.json", ["apcer", "not_offered", "reason"]),
    ],
)
def test_the_keys_of_a_file_are_explained_where_it_is_named(file, keys):
    sections = [section for section in re.split(r"^##+ ", TEXT, flags=re.MULTILINE) if file in section]
    assert set(keys) - set().union(*map(named, sections)) == set()


def test_the_other_names_of_a_figure_are_in_its_row():
    for figure in STANDARD.values():
        for name in re.findall(r"BPCER\d+", figure.name):
            assert name in TEXT


def test_it_says_what_is_not_claimed():
    assert "no conformity with a\nstandard is claimed" in TEXT
