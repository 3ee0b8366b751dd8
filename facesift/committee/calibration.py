"""Calibration: from the stacker's score to a probability that is right at the natural share of fakes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, logsumexp

from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError

Scores = NDArray[np.float64]  # (images,), log-odds
Fakes = NDArray[np.int64]  # (images,), 1 for the positive class, 0 for the rest

LOG_TEMPERATURES = (-7.0, 7.0)  # of scores with standard deviation 1: e^7 is as good as flat, e^-7 as good as a step
LEAST_SLOPE = np.exp(-LOG_TEMPERATURES[1])


def margins_of(logits: NDArray[np.floating], classes: Classes) -> Scores:
    """Log-odds (n,) of the positive class against all the rest, out of logits (n, classes). Not calibrated.

    >>> margins_of(np.array([[1.0, 3.5]]), Classes(("real", "fake"), "fake")).tolist()
    [2.5]
    """
    wide = logits.astype(np.float64)
    rest = np.delete(wide, classes.number, axis=1)
    return wide[:, classes.number] - (rest[:, 0] if rest.shape[1] == 1 else logsumexp(rest, axis=1))


@dataclass(frozen=True)
class Calibrator:
    """Calibrated log-odds = margin / temperature + bias; the order of images stays.

    Attributes:
        temperature: divides the margins; positive.
        bias: is added, in log-odds.
    """

    temperature: float = 1.0
    bias: float = 0.0

    def log_odds(self, margins: Scores) -> Scores:
        """Calibrate margins (n,) -> log-odds (n,)."""
        return margins / self.temperature + self.bias

    def probabilities(self, margins: Scores) -> Scores:
        """Calibrate margins (n,) -> probabilities of the positive class (n,), in [0, 1]."""
        return expit(self.log_odds(margins))

    def at_share(self, fitted: float, wanted: float) -> Calibrator:
        """Calibrate for another share of positives; the order of images, and so every rank, stays.

        Bayes' rule multiplies all odds by the same factor, see `prior_shift`.

        Args:
            fitted: the share of positives that this calibrator is right for, in (0, 1).
            wanted: the share that the new one is to be right for, in (0, 1).
        """
        return replace(self, bias=self.bias + prior_shift(fitted, wanted))


def prior_shift(fitted: float, wanted: float) -> float:
    """How far log-odds move from one share of positives to another.

    Saerens, Latinne and Decaestecker (2002), "Adjusting the outputs of a classifier to new a priori probabilities".
    Assumed: positives are like before, and so are the others; only their shares change.

    Args:
        fitted: the share that log-odds are right for, in (0, 1).
        wanted: the share that they are to be right for, in (0, 1).

    >>> at_a_twentieth = 0.0  # log-odds of 1/2
    >>> round(float(expit(at_a_twentieth + prior_shift(1 / 20, 1 / 1000))), 4)
    0.0187
    """
    return float(logit(wanted) - logit(fitted))


UNCALIBRATED = Calibrator()


def fit_temperature(margins: Scores, fakes: Fakes) -> Calibrator:
    """Fit the divisor of least log loss (temperature scaling, Guo et al. 2017).

    It cannot move a prior: an image of margin 0 keeps probability 1/2.

    Args:
        margins: log-odds (n,), not calibrated.
        fakes: 1 for the positive class, 0 for the rest (n,).

    Returns:
        A calibrator without bias.

    Raises:
        FacesiftError: when a class is missing.
    """
    from scipy.optimize import minimize_scalar  # noqa: PLC0415  applying a calibration needs no optimiser

    targets, scale = _targets(fakes), _scale(margins)
    found = minimize_scalar(
        lambda log_temperature: _log_loss(margins / (scale * np.exp(log_temperature)), targets),
        bounds=LOG_TEMPERATURES,
        method="bounded",
        options={"xatol": 1e-8},
    )
    return Calibrator(float(scale * np.exp(found.x)))


def fit_platt(margins: Scores, fakes: Fakes) -> Calibrator:
    """Fit temperature and bias of least log loss (Platt scaling, Platt 1999).

    The bias undoes the prior that the stacker learned from re-weighted images. A slope below zero is not allowed: a
    committee that ranks backwards gets the same probability for all images, it is not turned round.

    Args:
        margins: log-odds (n,), not calibrated.
        fakes: 1 for the positive class, 0 for the rest (n,).

    Returns:
        The calibrator.

    Raises:
        FacesiftError: when a class is missing.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  applying a calibration needs no optimiser

    targets, scale, middle = _targets(fakes), _scale(margins), margins.mean()
    unit = (margins - middle) / scale

    def loss(line: Scores) -> tuple[float, Scores]:
        log_odds = line[0] * unit + line[1]
        error = expit(log_odds) - targets
        return _log_loss(log_odds, targets), np.array([(error * unit).mean(), error.mean()])

    share = targets.mean()
    start = np.array([1.0, np.log(share / (1 - share))])
    bounds = [(LEAST_SLOPE, None), (None, None)]
    tight = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000}
    slope, level = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=tight).x
    return Calibrator(float(scale / slope), float(level - slope * middle / scale))


def fit_all(margins: Scores, fakes: Fakes, share: float | None = None) -> dict[str, Calibrator]:
    """Fit every calibration method on validation.

    Args:
        margins: log-odds (n,), not calibrated.
        fakes: 1 for the positive class, 0 for the rest (n,).
        share: the share of positives that `platt` is to be right for, in (0, 1); None: that of `fakes`. A temperature
            cannot move.

    Returns:
        The calibrators `platt` and `temperature`, and `before`: none.
    """
    platt = fit_platt(margins, fakes)
    return {
        "before": UNCALIBRATED,
        "temperature": fit_temperature(margins, fakes),
        "platt": platt if share is None else platt.at_share(float(fakes.mean()), share),
    }


def _targets(fakes: Fakes) -> Scores:
    """Platt's targets, just short of 0 and 1: fakes and reals without overlap would ask for infinite confidence."""
    positives, others = int(fakes.sum()), int(len(fakes) - fakes.sum())
    if not positives or not others:
        raise FacesiftError(
            f"data/split.parquet: calibration needs validation images of the positive class and of others, "
            f"but there are {positives} and {others}; add images or change split.fractions"
        )
    return np.where(fakes == 1, (positives + 1) / (positives + 2), 1 / (others + 2))


def _scale(margins: Scores) -> float:
    return float(margins.std()) or 1.0


def _log_loss(log_odds: Scores, targets: Scores) -> float:
    return float((np.logaddexp(0, log_odds) - targets * log_odds).mean())
