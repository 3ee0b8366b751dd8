"""Bins, the stability index, and what chance makes of it."""

import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from scipy.stats import ks_2samp

from facesift.bundle.shift import BINS, Bins, Shift
from facesift.core.files import read_json, write_json

VALUES = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=60)


def counted(bins, values):
    row = pl.DataFrame({"p": values}, {"p": pl.Float64}).select(bins.expressions("p")).row(0, named=True)
    return bins.counts("p", row)


@given(VALUES, VALUES)
def test_every_value_is_in_one_bin(reference, values):
    assert counted(Bins.of(pl.Series(reference)), values).sum() == len(values)


@given(VALUES)
def test_edges_survive_being_written(tmp_path_factory, values):
    path, bins = tmp_path_factory.mktemp("bins") / "edges.json", Bins.of(pl.Series(values))
    write_json(path, list(bins.edges))
    assert counted(Bins(tuple(read_json(path))), values).tolist() == counted(bins, values).tolist()


@given(VALUES)
def test_no_bin_but_a_single_value_holds_much_more_than_a_decile(values):
    bins = Bins.of(pl.Series(values))
    piled = [bins.edges.index(edge) + 1 for edge in bins.edges if bins.edges.count(edge) == 2]
    shared = np.delete(counted(bins, values), piled)
    assert (shared <= np.ceil(len(values) / BINS) + 1).all()


def test_values_that_pile_up_are_a_bin_of_their_own():
    bins = Bins.of(pl.Series([0.0] * 900 + [0.5] * 100))
    assert counted(bins, [-1.0, 0.0, 0.0, 0.25, 0.5, 1.0]).tolist() == [1, 2, 3]


def test_a_constant_has_a_bin_below_and_above_it():
    bins = Bins.of(pl.Series([160.0] * 50))
    assert counted(bins, [128.0, 160.0, 224.0, 225.0]).tolist() == [1, 1, 2]


def test_nulls_are_in_no_bin():
    assert counted(Bins((0.5,)), [None, 0.1, None, 0.9]).tolist() == [1, 1]


def test_index_is_that_of_the_definition_where_no_bin_is_empty():
    before, now = np.array([3000, 5000, 2000]), np.array([2000, 5000, 3000])
    expected = 2 * 0.1 * np.log(0.3 / 0.2)
    assert Shift(before, now).index() == pytest.approx(expected, rel=1e-2)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=10).filter(any), st.integers(1, 50))
def test_same_shares_have_no_index(counts, times):
    before = np.array(counts) * 1000
    assert Shift(before, np.array(counts) * times).index() == pytest.approx(0, abs=1e-2 * len(counts) / sum(counts))


@pytest.mark.parametrize(("reference", "stream"), [(300, 30), (300, 300), (300, 30_000), (5_000, 1_000)])
def test_mean_of_the_index_without_drift_is_the_expected_one(reference, stream):
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        values, now = rng.normal(size=reference), rng.normal(size=stream)
        edges = np.quantile(values, np.arange(1, BINS) / BINS)
        counts = (np.bincount(np.searchsorted(edges, each), minlength=BINS) for each in (values, now))
        found.append(Shift(*counts))
    assert np.mean([each.index() for each in found]) == pytest.approx(found[0].expected(), rel=0.25)


def test_largest_difference_is_that_of_kolmogorov_and_smirnov_when_each_value_has_its_bin():
    rng = np.random.default_rng(1)
    before, now = rng.integers(0, 10, 500), rng.integers(2, 12, 300)
    counts = (np.bincount(each, minlength=12) for each in (before, now))
    assert Shift(*counts).largest_difference() == pytest.approx(ks_2samp(before, now).statistic)


@pytest.mark.parametrize(
    ("stream", "direction"), [([0, 0, 9], "up"), ([9, 0, 0], "down"), ([5, 0, 5], None), ([3, 3, 3], None)]
)
def test_direction(stream, direction):
    assert Shift(np.array([3, 3, 3]), np.array(stream)).direction() == direction
