"""Reliability of calibrated probabilities: table and curves, expected calibration error, Brier score, log loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.calibration import Calibrator, Fakes, Scores
from facesift.core.intervals import clopper_pearson, design_effect_of


def reliability_table(
    probabilities: Scores, fakes: Fakes, bins: int, groups: NDArray[Any] | None = None
) -> pl.DataFrame:
    """Compare predicted probabilities with the observed share of fakes in bins.

    Bins have equal mass (the same number of images each, by rising probability): with 1 fake in 200, bins of equal
    width would leave all but the first empty.

    Args:
        probabilities: predicted probabilities of the positive class, (n,) in [0, 1].
        fakes: 1 for the positive class, 0 for the rest, (n,).
        bins: number of bins; at most one for each image.
        groups: groups of images that are no independent evidence (n,), which widen the intervals; None: there are none.

    Returns:
        Columns row, predicted, observed, low, high, images, one row for each bin; low and high are the 95 %
        Clopper-Pearson interval of the observed share.
    """
    order = np.argsort(probabilities, kind="stable")
    rows = []
    for number, images in enumerate(np.array_split(order, min(bins, len(order)))):
        found = int(fakes[images].sum())
        effect = 1.0 if groups is None else design_effect_of(groups[images])
        low, high = clopper_pearson(found, len(images), design_effect=effect) or (None, None)
        rows.append((number, float(probabilities[images].mean()), found / len(images), low, high, len(images)))
    return pl.DataFrame(rows, schema=["row", "predicted", "observed", "low", "high", "images"], orient="row")


def expected_calibration_error(probabilities: Scores, fakes: Fakes, bins: int) -> float:
    """Compute the mean distance of predicted and observed share over the images of equal-mass bins.

    Naeini, Cooper and Hauskrecht (2015), "Obtaining Well Calibrated Probabilities Using Bayesian Binning".

    Args:
        probabilities: predicted probabilities of the positive class, (n,) in [0, 1].
        fakes: 1 for the positive class, 0 for the rest, (n,).
        bins: number of bins.

    Returns:
        The error, in [0, 1].

    >>> expected_calibration_error(np.array([0.25, 0.25, 0.25, 0.25]), np.array([1, 0, 0, 0]), 1)
    0.0
    """
    table = reliability_table(probabilities, fakes, bins)
    return float(((table["predicted"] - table["observed"]).abs() * table["images"]).sum() / len(fakes))


@dataclass(frozen=True)
class CalibrationErrors:
    """How far probabilities are from the truth; less is better.

    Attributes:
        ece: expected calibration error, in [0, 1].
        brier: Brier score, in [0, 1].
        log_loss: mean negative log-likelihood, at least 0.
    """

    ece: float
    brier: float
    log_loss: float


def measure_calibration(probabilities: Scores, fakes: Fakes, bins: int) -> CalibrationErrors:
    """Measure predicted probabilities against the truth.

    Args:
        probabilities: predicted probabilities of the positive class, (n,) in [0, 1].
        fakes: 1 for the positive class, 0 for the rest, (n,).
        bins: number of bins of the expected calibration error.

    Returns:
        The three errors.
    """
    from sklearn.metrics import brier_score_loss, log_loss  # noqa: PLC0415  a second to import

    return CalibrationErrors(
        ece=expected_calibration_error(probabilities, fakes, bins),
        brier=float(brier_score_loss(fakes, probabilities, labels=[0, 1])),
        log_loss=float(log_loss(fakes, probabilities, labels=[0, 1])),
    )


def measure_all(
    fits: Mapping[str, Calibrator], margins: Scores, fakes: Fakes, bins: int
) -> dict[str, dict[str, float]]:
    """Measure several calibrators on the same images, for a metrics file.

    Args:
        fits: calibrators by name.
        margins: uncalibrated log-odds of the positive class, (n,).
        fakes: 1 for the positive class, 0 for the rest, (n,).
        bins: number of bins of the expected calibration error.

    Returns:
        `{name: {ece, brier, log_loss}}`.
    """
    return {name: asdict(measure_calibration(fit.probabilities(margins), fakes, bins)) for name, fit in fits.items()}


def reliability_curves(
    fits: Mapping[str, Calibrator], margins: Scores, fakes: Fakes, bins: int, groups: NDArray[Any] | None = None
) -> pl.DataFrame:
    """Make the reliability tables of several calibrators, for a plot.

    Args:
        fits: calibrators by name.
        margins: uncalibrated log-odds of the positive class, (n,).
        fakes: 1 for the positive class, 0 for the rest, (n,).
        bins: number of bins.
        groups: groups of images (n,), see `reliability_table`.

    Returns:
        Column method, and those of `reliability_table`; one calibrator after the other.
    """
    tables = [
        reliability_table(fit.probabilities(margins), fakes, bins, groups).select(
            pl.lit(name).alias("method"), pl.all()
        )
        for name, fit in fits.items()
    ]
    return pl.concat(tables)
