import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.calibration import _SigmoidCalibration

from facesift.committee.calibration import fit_platt, fit_temperature, margins_of
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.evaluation.reliability import expected_calibration_error

THREE = Classes(("fake", "real", "print"), "fake")


def drawn(images=20_000, middle=-2.0, seed=0):
    """Log-odds (n,), and labels drawn by them: perfectly calibrated."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(middle, 2, images)
    return log_odds, (rng.random(images) < expit(log_odds)).astype(np.int64)


def error(calibration, margins, fakes):
    return expected_calibration_error(calibration.probabilities(margins), fakes, 10)


def test_margin_is_the_log_odds_of_the_softmax_against_all_other_classes():
    logits = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    expected = softmax(logits.astype(np.float64), axis=1)[:, THREE.number]
    np.testing.assert_allclose(expit(margins_of(logits, THREE)), expected)


@pytest.mark.parametrize("fit", [fit_temperature, fit_platt])
def test_logits_times_three_give_temperature_three(fit):
    log_odds, fakes = drawn()
    assert fit(3 * log_odds, fakes).temperature == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("fit", [fit_temperature, fit_platt])
def test_calibration_error_of_overconfident_scores_falls(fit):
    log_odds, fakes = drawn()
    other_log_odds, other_fakes = drawn(seed=1)
    calibration = fit(3 * log_odds, fakes)
    assert expected_calibration_error(expit(3 * other_log_odds), other_fakes, 10) > 0.05
    assert error(calibration, 3 * other_log_odds, other_fakes) < 0.015


def test_platt_recovers_a_shifted_prior():
    log_odds, fakes = drawn(middle=-5.0)
    calibration = fit_platt(log_odds + 4, fakes)
    assert calibration.temperature == pytest.approx(1, rel=0.1)
    assert calibration.bias == pytest.approx(-4, abs=0.2)


def test_temperature_alone_cannot_repair_a_shifted_prior():
    log_odds, fakes = drawn(middle=-5.0)
    assert error(fit_temperature(log_odds + 4, fakes), log_odds + 4, fakes) > 0.1
    assert error(fit_platt(log_odds + 4, fakes), log_odds + 4, fakes) < 0.01


@given(st.integers(0, 200), st.floats(-5, 5), st.floats(0.01, 100))
def test_platt_equals_the_one_in_scikit_learn(seed, shift, factor):
    log_odds, fakes = drawn(300, seed=seed)
    margins = factor * (log_odds + shift)
    reference = _SigmoidCalibration().fit(margins, fakes)
    np.testing.assert_allclose(fit_platt(margins, fakes).probabilities(margins), reference.predict(margins), atol=1e-3)


@pytest.mark.parametrize("fit", [fit_temperature, fit_platt])
def test_order_of_images_stays_even_when_the_committee_ranks_backwards(fit):
    log_odds, fakes = drawn(500)
    calibration = fit(-log_odds, fakes)
    assert (np.argsort(calibration.log_odds(-log_odds)) == np.argsort(-log_odds)).all()


@pytest.mark.parametrize("fit", [fit_temperature, fit_platt])
def test_fakes_that_overlap_with_no_real_get_finite_confidence(fit):
    margins, fakes = np.array([-2.0, -1.0, -1.5, 1.0, 2.0]), np.array([0, 0, 0, 1, 1])
    probabilities = fit(margins, fakes).probabilities(margins)
    assert 0.5 < probabilities[3:].max() < 0.99


@pytest.mark.parametrize("fit", [fit_temperature, fit_platt])
def test_equal_scores_are_calibrated_without_a_division_by_zero(fit):
    calibration = fit(np.full(4, 2.0), np.array([0, 0, 0, 1]))
    assert np.isfinite([calibration.temperature, calibration.bias]).all()


def test_platt_of_equal_scores_is_the_share_of_fakes():
    margins, fakes = np.full(1000, 2.0), (np.arange(1000) < 100).astype(int)
    assert fit_platt(margins, fakes).probabilities(margins)[0] == pytest.approx(0.1, abs=0.002)


@pytest.mark.parametrize(("fakes", "counts"), [([0, 0, 0], "0 and 3"), ([1, 1, 1], "3 and 0")])
def test_validation_without_a_class_is_refused_with_the_counts(fakes, counts):
    with pytest.raises(FacesiftError, match=rf"data/split\.parquet: calibration needs .* there are {counts}"):
        fit_platt(np.arange(3.0), np.array(fakes))
