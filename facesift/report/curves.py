"""Sections with curves: ROC, precision-recall, and the reliability of the calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from scipy.stats import norm

from facesift.report.charts import Axis, Curve, lines
from facesift.report.page import Chart, PageSection, Table

EDGES = (0.0005, 0.995)  # error rates at the ends of the DET chart's axes
MARKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
METHODS = {"before": "stacker as it is", "temperature": "temperature scaling", "platt": "Platt scaling"}


def curves_section(roc: pl.DataFrame, det: pl.DataFrame, precision_recall: pl.DataFrame) -> PageSection:
    """Draw the ROC, DET and precision-recall curves of every voter on the test split.

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
        Chart(lines(detection, recall, precision), "Precision and recall as the threshold moves."),
        Chart(
            lines(alarms, Axis("false alarms among reals"), recall, diagonal=True), "ROC; the dotted line is guessing."
        ),
        _det_chart(det),
    ]
    return PageSection("Curves", charts=charts)


def _det_chart(det: pl.DataFrame) -> Chart:
    """Draw both error rates on probit axes: normally distributed scores give straight lines."""
    low, high = norm.ppf(EDGES).tolist()
    ticks = {float(norm.ppf(rate)): f"{100 * rate:g} %" for rate in MARKS}
    false_alarms, missed = (Axis(label, low, high, ticks) for label in ("BPCER: false alarms", "APCER: fakes missed"))
    rates = pl.col("false_positive_rate", "miss_rate").clip(*EDGES)
    deviates = rates.map_batches(lambda column: pl.Series(norm.ppf(column.to_numpy())))
    curves = _voter_curves(det.with_columns(deviates), "false_positive_rate", "miss_rate")
    caption = "DET: both error rates, on probit axes; lower left is better. A rate of 0 lies on the edge."
    return Chart(lines(curves, false_alarms, missed), caption)


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
    return PageSection("Calibration", text, [Table(headings, rows)], [_reliability_chart(curves)])


def _reliability_curve(reliability: pl.DataFrame, method: str) -> Curve:
    points = reliability.filter(pl.col("method") == method).sort("row")
    return Curve(points["predicted"].to_list(), points["observed"].to_list())


def _reliability_chart(curves: Mapping[str, Curve]) -> Chart:
    top = 1.05 * max(max(*curve.x, *curve.y) for curve in curves.values())
    predicted, observed = Axis("predicted probability", high=top), Axis("share of fakes", high=top)
    caption = (
        "Share of fakes among images of similar probability, in bins with the same number of images; on the dotted "
        "line both are equal."
    )
    return Chart(lines(curves, predicted, observed, diagonal=True, marks=True), caption)
