"""Sections with curves: ROC, precision-recall, and the reliability of the calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from scipy.special import ndtri

from facesift.report.charts import Axis, Curve, lines
from facesift.report.page import Chart, PageSection, Table

MARKS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
FALSE_ALARMS, MISSED = 0.5, 0.9  # upper ends of the DET chart's axes: beyond them no committee is of use
DECADES = (0.0001, 0.001, 0.01, 0.1, 1.0)
METHODS = {"before": "stacker as it is", "temperature": "temperature scaling", "platt": "Platt scaling"}


def curves_section(roc: pl.DataFrame, det: pl.DataFrame, precision_recall: pl.DataFrame) -> PageSection:
    """Draw the DET, precision-recall and ROC curves of every voter on the test split.

    Args:
        roc: columns of `facesift.evaluation.curves.roc_points`.
        det: columns of `facesift.evaluation.curves.det_points`.
        precision_recall: columns of `facesift.evaluation.curves.precision_recall_points`.

    Returns:
        The section with the three charts.
    """
    recall, precision = Axis("recall", high=1.02), Axis("precision", high=1.02)
    detection = _voter_curves(precision_recall, "recall", "precision")
    alarms = _voter_curves(roc, "false_positive_rate", "recall")
    charts = [
        _det_chart(det),
        Chart(
            lines(list(detection.values()), recall, precision),
            "Precision and recall as the threshold moves; upper right is better.",
            list(detection),
        ),
        Chart(
            lines(list(alarms.values()), Axis("false alarms among reals"), recall, diagonal=True),
            "ROC; upper left is better, and the dotted line is guessing.",
            list(alarms),
        ),
    ]
    return PageSection(
        "Curves",
        ["Each voter's own ranking, at every threshold. A name in a legend hides its curve."],
        charts=charts,
        reader="engineer",
    )


def _det_chart(det: pl.DataFrame) -> Chart:
    """Draw both error rates on probit axes: normally distributed scores give straight lines."""
    alarms = _probit_axis("BPCER: reals called fake", det["false_positive_rate"], FALSE_ALARMS)
    missed = _probit_axis("APCER: fakes missed", det["miss_rate"], MISSED)
    scaled = det.with_columns(_deviates("false_positive_rate", alarms), _deviates("miss_rate", missed))
    curves = _voter_curves(scaled, "false_positive_rate", "miss_rate")
    caption = (
        "DET: both error rates as the threshold moves, on probit axes; lower left is better. The axes start at half an "
        "image: a rate of 0 lies on the edge."
    )
    return Chart(lines(list(curves.values()), alarms, missed), caption, list(curves))


def _probit_axis(label: str, rates: pl.Series, high: float) -> Axis:
    """Make an axis from half of the smallest rate above 0, which is that of one image, to `high`."""
    least = rates.filter(rates > 0).min()
    low = min(float(least) / 2 if isinstance(least, float) else 0.01, high / 4)
    start, end = (float(place) for place in ndtri((low, high)))
    ticks = {float(ndtri(rate)): f"{100 * rate:g} %" for rate in MARKS if low <= rate <= high}
    return Axis(label, start, end, ticks)


def _deviates(column: str, axis: Axis) -> pl.Expr:
    def deviates(rates: pl.Series) -> pl.Series:
        return pl.Series(ndtri(rates.to_numpy()).clip(axis.low, 10.0))

    return pl.col(column).map_batches(deviates, return_dtype=pl.Float64)


def _voter_curves(table: pl.DataFrame, x: str, y: str) -> dict[str, Curve]:
    voters = table["voter"].unique(maintain_order=True)
    chosen = {voter: table.filter(pl.col("voter") == voter).sort("row") for voter in voters}
    return {voter: Curve(points[x].to_list(), points[y].to_list()) for voter, points in chosen.items()}


def calibration_section(operating: Mapping[str, Any], reliability: pl.DataFrame) -> PageSection:
    """Show the figures before and after calibration on the test split, and the reliability curves.

    Args:
        operating: contents of `metrics/operating.json`.
        reliability: columns of `facesift.evaluation.reliability.reliability_curves`.

    Returns:
        The section with one table and one chart.
    """
    calibration = operating["calibration"]
    rows = [
        [
            METHODS.get(name, name),
            *(f"{figures[key]:.4f}" for key in ("ece", "brier", "log_loss")),
            "in use" if name == calibration["method"] else "",
        ]
        for name, figures in calibration["test"].items()
    ]
    headings = ("scores", "calibration error (ECE)", "Brier score", "log loss", "")
    curves = {METHODS.get(name, name): _reliability_curve(reliability, name) for name in calibration["test"]}
    text = [
        (
            "How far the probability can be believed: fitted on validation, measured on the test split, both at their "
            "own share of fakes, before any shift to another `prevalence`; less is better."
        )
    ]
    return PageSection("Calibration", text, [Table(headings, rows)], [_reliability_chart(curves)], reader="engineer")


def _reliability_curve(reliability: pl.DataFrame, method: str) -> Curve:
    points = reliability.filter(pl.col("method") == method).sort("row")
    return Curve(*(points[column].to_list() for column in ("predicted", "observed", "low", "high")))


def _reliability_chart(curves: Mapping[str, Curve]) -> Chart:
    low = _decade_below(min(min(curve.x) for curve in curves.values()))
    ticks = {place: f"{100 * place:g} %" for place in DECADES if place >= low}
    predicted, observed = (
        Axis(label, low, 1.0, ticks, "log") for label in ("predicted probability", "share of fakes among such images")
    )
    shown = [_inside(curve, low) for curve in curves.values()]
    caption = (
        "Share of fakes among images of similar probability, in bins with the same number of images, with 95 % "
        "intervals; on the dotted line both are equal. Both axes are logarithmic; a share of 0 lies on the edge."
    )
    return Chart(lines(shown, predicted, observed, diagonal=True, marks=True), caption, list(curves))


def _decade_below(value: float) -> float:
    return max([place for place in DECADES if place <= value], default=DECADES[0])


def _inside(curve: Curve, low: float) -> Curve:
    """Move what lies below the axes to their edge."""
    return Curve(*([max(low, value) for value in values] for values in (curve.x, curve.y, curve.low, curve.high)))
