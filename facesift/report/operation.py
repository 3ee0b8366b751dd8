"""How the committee can be run: operating points, promises, what they mean at a bank, and whether to believe it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from facesift.report.charts import Axis, Curve, lines
from facesift.report.page import Chart, Section, Table
from facesift.report.words import NOTHING, area, known, percent, precision_of, share

POINTS = {
    "cost": "least cost",
    "max_review": "review budget",
    "target_recall": "target recall",
    "guarantee": "promise kept",
}
METHODS = {"before": "stacker as it is", "temperature": "temperature scaling", "platt": "Platt scaling"}
PROJECTED = (
    ("precision", "precision"),
    ("reviews_per_100k", "to review"),
    ("missed_per_100k", "fakes missed"),
    ("false_alarms_per_100k", "false alarms"),
)


def operation_section(operating: Mapping[str, Any]) -> Section:
    """Operating points on the test split, within its sources too, and what could be promised."""
    text = [
        (
            "Two thresholds on the calibrated probability of the stacker, chosen on validation and tried once on the "
            "test split: real below the lower, fake from the upper on, review between."
        ),
        *_basis(operating),
        operating["guarantee"]["sentence"],
    ]
    pooled = {name: point["test"] for name, point in operating["points"].items()}
    tables = [_points_table(operating, pooled)]
    for source, figures in _within_test(operating).items():
        if any(_seen(figures[name]) < _seen(pooled[name]) for name in figures):
            tables.append(_points_table(operating, figures, f"Within {source}: images of this source alone"))
    return Section("Operating points", text, tables)


def _basis(operating: Mapping[str, Any]) -> list[str]:
    sources = operating["sources"]
    if sources["fitted_on"] != "own":
        return []
    return [f"Calibration and thresholds are fitted on validation images of {', '.join(sources['names'])} alone."]


def _within_test(operating: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Figures by source and point."""
    inside = {name: point["within"]["test"] for name, point in operating["points"].items()}
    sources = sorted({source for each in inside.values() for source in each})
    return {source: {name: each[source] for name, each in inside.items()} for source in sources}


def _seen(figures: Mapping[str, Any]) -> int:
    return int(figures["fakes"] + figures["reals"] + figures["reviewed"])


def _points_table(operating: Mapping[str, Any], figures: Mapping[str, dict[str, Any]], caption: str = "") -> Table:
    rows = [
        [POINTS.get(name, name), f"{point['lo']:.2g} / {point['hi']:.2g}", *_outcome(figures[name])]
        for name, point in operating["points"].items()
    ]
    headings = ("point", "real below / fake from", "caught", "to review", "precision", "false alarms")
    return Table(headings, rows, caption)


def _outcome(figures: dict[str, Any]) -> list[str]:
    fakes, hits = figures["fakes"] + figures["review_fake"], figures["tp"] + figures["review_fake"]
    return [
        share(figures["caught"], figures.get("caught_interval"), hits, fakes),
        share(figures["review_rate"], figures.get("review_rate_interval"), figures["reviewed"], _seen(figures)),
        precision_of(figures),
        f"{figures['fp']:,}",
    ]


def prevalence_section(operating: Mapping[str, Any], chosen: Sequence[str]) -> Section:
    """Projection of the `chosen` rules and points to other shares of fakes."""
    tables = []
    for name in chosen:
        projected = operating["prevalence"].get(name)
        if projected:
            rows = [[f"1 in {int(one_in):,}", *_projection(figures)] for one_in, figures in _by_number(projected)]
            headings = ("fakes", *(heading for _, heading in PROJECTED))
            tables.append(Table(headings, rows, f"{POINTS.get(name, name)}: in 100,000 applications"))
    text = [
        (
            "The test split holds far more fakes than a bank sees. What happens to a fake and what happens to a real "
            "image carries over; precision and workload do not, so they are projected, with intervals."
        )
    ]
    return Section("At a bank's share of fakes", text, tables)


def _by_number(projected: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(projected.items(), key=lambda entry: int(entry[0]))


def _projection(figures: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    return [_amount(figures[key], share_of_all=key == "precision") for key, _ in PROJECTED]


def _amount(figure: Mapping[str, float | None], *, share_of_all: bool) -> str:
    value, low, high = figure["value"], figure["low"], figure["high"]
    if value is None or low is None or high is None:
        return NOTHING
    if share_of_all:
        return f"{percent(value)} ({100 * low:.1f}-{100 * high:.1f})"
    digits = 0 if high >= 100 else 1
    return f"{value:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def calibration_section(operating: Mapping[str, Any], reliability: pl.DataFrame) -> Section:
    """Figures before and after calibration on the test split, and the reliability curve."""
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
    curves = {METHODS.get(name, name): _curve(reliability, name) for name in calibration["test"]}
    top = 1.05 * max(max(*curve.x, *curve.y) for curve in curves.values())
    chart = Chart(
        lines(
            curves, Axis("predicted probability", high=top), Axis("share of fakes", high=top), diagonal=True, marks=True
        ),
        "Share of fakes among images of like probability, in bins of as many images each; the dotted line is right.",
    )
    text = [
        "How far the probability can be believed: fitted on validation, measured on the test split; less is better."
    ]
    return Section("Calibration", text, [Table(headings, rows)], [chart])


def _curve(reliability: pl.DataFrame, method: str) -> Curve:
    points = reliability.filter(pl.col("method") == method).sort("row")
    return Curve(points["predicted"].to_list(), points["observed"].to_list())


def robustness_section(robustness: Mapping[str, Any], rule: str) -> Section:
    """What is left of the deciding rule and of the stacker on damaged test images."""
    rows = []
    undamaged_first = sorted(robustness["corruptions"].items(), key=lambda entry: entry[1]["strength"] is not None)
    for name, report in undamaged_first:
        figures, ranked = report["rules"][rule], report["voters"]["stacker"]
        rows.append(
            [
                name if report["strength"] is None else f"{name} ({report['kind']} {report['strength']:g})",
                *(known(figures, key) for key in ("recall", "precision", "caught", "review_rate")),
                area(ranked["auc"], ranked["auc_interval"]),
                f"{figures['flips']['images']:,}",
            ]
        )
    headings = ("damage", "recall", "precision", "caught", "to review", "stacker AUC", "decisions flipped")
    text = [
        (
            f"Each test image damaged before the committee sees it; the rule is {rule}. Images tried: "
            f"{robustness['images']['tried']['images']:,} ({robustness['images']['note']})."
        )
    ]
    return Section("On damaged images", text, [Table(headings, rows)])
