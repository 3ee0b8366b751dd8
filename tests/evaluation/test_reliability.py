import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from facesift.committee.calibration import Calibration
from facesift.evaluation.reliability import expected_calibration_error, measure, reliability_curves, reliability_table

RNG = np.random.default_rng(0)
PROBABILITIES = RNG.beta(1, 20, 1000)
FAKES = (RNG.random(1000) < PROBABILITIES).astype(np.int64)


def test_table_agrees_with_scikit_learns_quantile_curve():
    observed, predicted = calibration_curve(FAKES, PROBABILITIES, n_bins=10, strategy="quantile")
    table = reliability_table(PROBABILITIES, FAKES, 10)
    np.testing.assert_allclose(table["observed"], observed)
    np.testing.assert_allclose(table["predicted"], predicted)


def test_bins_have_equal_mass_also_when_most_scores_are_alike():
    table = reliability_table(np.where(np.arange(103) < 90, 0.01, 0.5), np.zeros(103, int), 10)
    assert sorted(set(table["images"])) == [10, 11]


def test_fewer_images_than_bins_give_one_bin_an_image():
    assert reliability_table(np.array([0.1, 0.2, 0.3]), np.array([0, 0, 1]), 10)["images"].to_list() == [1, 1, 1]


def test_observed_share_has_its_exact_interval():
    row = reliability_table(PROBABILITIES, FAKES, 10).row(9, named=True)
    found = binomtest(round(row["observed"] * 100), 100).proportion_ci(0.95, method="exact")
    assert (row["low"], row["high"]) == pytest.approx((found.low, found.high))


def test_calibration_error_is_the_distance_of_a_constant_prediction():
    assert expected_calibration_error(np.full(200, 0.5), (np.arange(200) % 10 == 0).astype(int), 1) == pytest.approx(
        0.4
    )


def test_figures_of_a_certain_and_right_prediction_are_zero():
    fakes = np.array([0, 0, 1])
    assert measure(fakes.astype(float), fakes, 3) == pytest.approx({"ece": 0, "brier": 0, "log_loss": 0}, abs=1e-9)


def test_curves_hold_every_method_in_the_order_of_its_bins():
    curves = reliability_curves({"a": Calibration(), "b": Calibration(2.0)}, np.linspace(-3, 3, 40), FAKES[:40], 4)
    assert curves.columns == ["method", "row", "predicted", "observed", "low", "high", "images"]
    assert curves.select("method", "row").rows() == [(name, row) for name in "ab" for row in range(4)]
