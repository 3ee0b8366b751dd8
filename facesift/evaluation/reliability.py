"""How far probabilities can be believed: reliability table, expected calibration error, Brier score, log loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from facesift.committee.calibration import Calibrator, Fakes, Scores
from facesift.core.intervals import clopper_pearson


def reliability_table(probabilities: Scores, fakes: Fakes, bins: int) -> pl.DataFrame:
    """Columns row, predicted, observed, low, high, images: one row for each of `bins` bins.

    Bins have equal mass (as many images each, by rising probability): with 1 fake in 200, bins of equal width
    would leave all but the first empty. low and high are the 95 % Clopper-Pearson interval of the observed share.
    """
    order = np.argsort(probabilities, kind="stable")
    rows = []
    for number, images in enumerate(np.array_split(order, min(bins, len(order)))):
        found = int(fakes[images].sum())
        low, high = clopper_pearson(found, len(images)) or (None, None)
        rows.append((number, float(probabilities[images].mean()), found / len(images), low, high, len(images)))
    return pl.DataFrame(rows, schema=["row", "predicted", "observed", "low", "high", "images"], orient="row")


def expected_calibration_error(probabilities: Scores, fakes: Fakes, bins: int) -> float:
    """Mean distance of predicted and observed share over the images of equal-mass bins (Naeini et al. 2015).

    >>> expected_calibration_error(np.array([0.25, 0.25, 0.25, 0.25]), np.array([1, 0, 0, 0]), 1)
    0.0
    """
    table = reliability_table(probabilities, fakes, bins)
    return float(((table["predicted"] - table["observed"]).abs() * table["images"]).sum() / len(fakes))


def measure(probabilities: Scores, fakes: Fakes, bins: int) -> dict[str, float]:
    """Figures of probabilities (n,) against fakes (n,): `ece`, `brier`, `log_loss`; less is better."""
    from sklearn.metrics import brier_score_loss, log_loss  # noqa: PLC0415  a second to import

    return {
        "ece": expected_calibration_error(probabilities, fakes, bins),
        "brier": float(brier_score_loss(fakes, probabilities, labels=[0, 1])),
        "log_loss": float(log_loss(fakes, probabilities, labels=[0, 1])),
    }


def measure_all(fits: Mapping[str, Calibrator], margins: Scores, fakes: Fakes, bins: int) -> dict[str, Any]:
    """`{name: figures}` of each calibration on margins (n,) and fakes (n,), see `measure`."""
    return {name: measure(fit.probabilities(margins), fakes, bins) for name, fit in fits.items()}


def reliability_curves(fits: Mapping[str, Calibrator], margins: Scores, fakes: Fakes, bins: int) -> pl.DataFrame:
    """Columns method and those of `reliability_table`, for each calibration of margins (n,) one after the other."""
    tables = [
        reliability_table(fit.probabilities(margins), fakes, bins).select(pl.lit(name).alias("method"), pl.all())
        for name, fit in fits.items()
    ]
    return pl.concat(tables)
