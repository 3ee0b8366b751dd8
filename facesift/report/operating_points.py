"""Sections on running the committee: operating points, risk guarantee, and workload at a bank's share of fakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facesift.core.formatting import NOTHING, EstimateText, percent, share
from facesift.report.applications import KNOWN_SHARES
from facesift.report.formatting import DECIDES_ALL, precision_of
from facesift.report.page import PageSection, Table

POINTS = {
    "cost": "least cost",
    "max_review": "review budget",
    "target_recall": "target recall",
    "guarantee": "guarantee kept",
}
PROJECTED = (
    ("precision", "precision"),
    ("reviews_per_100k", "to review"),
    ("missed_per_100k", "fakes missed"),
    ("false_alarms_per_100k", "false alarms"),
)


def operation_section(operating: Mapping[str, Any]) -> PageSection:
    """Show the operating points on the test split, within its sources too, and the risk guarantee.

    Args:
        operating: contents of `metrics/operating.json`.

    Returns:
        The section with a table for all images, and one for each source that is not all of them.
    """
    text = [
        (
            "Two thresholds on the calibrated probability of the stacker, chosen on validation and tried once on the "
            "test split: real below the lower, fake from the upper on, review between. "
            f"{_holds_at(operating['probability'])}"
        ),
        *_fitted_on(operating),
        *(f"Not offered: {POINTS.get(name, name)}: {each['why']}." for name, each in operating["not_offered"].items()),
        operating["guarantee"]["sentence"],
    ]
    pooled = {name: point["test"] for name, point in operating["points"].items()}
    tables = [_points_table(operating, pooled)]
    for source, figures in _within_test(operating).items():
        if any(_images(figures[name]) < _images(pooled[name]) for name in figures):
            tables.append(_points_table(operating, figures, f"Within {source}: images of this source alone"))
    return PageSection("Operating points", text, tables, reader="board")


def _holds_at(shares: Mapping[str, float | None]) -> str:
    """Say at which share of fakes a probability is what it says."""
    share, validation = shares["prevalence"], percent(shares["validation"], 3)
    if share is None:
        return (
            "Probabilities hold at no known share of fakes (calibration.method: platt knows one), costs and review "
            f"budget where {validation} of the images are fake (as in validation)."
        )
    origin = "as in validation" if share == shares["validation"] else f"validation has {validation}"
    return f"Probabilities, costs and review budget hold where {percent(share, 3)} of the images are fake ({origin})."


def _fitted_on(operating: Mapping[str, Any]) -> list[str]:
    sources = operating["sources"]
    if sources["fitted_on"] != "own":
        return []
    return [f"Calibration and thresholds are fitted on validation images of {', '.join(sources['names'])} alone."]


def _within_test(operating: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the figures by source, then by point."""
    inside = {name: point["within"]["test"] for name, point in operating["points"].items()}
    sources = sorted({source for each in inside.values() for source in each})
    return {source: {name: each[source] for name, each in inside.items()} for source in sources}


def _images(figures: Mapping[str, Any]) -> int:
    return int(figures["fakes"] + figures["reals"] + figures["reviewed"])


def _points_table(operating: Mapping[str, Any], figures: Mapping[str, dict[str, Any]], caption: str = "") -> Table:
    rows = [
        [POINTS.get(name, name), f"{point['lo']:.2g} / {point['hi']:.2g}", *_outcome(figures[name])]
        for name, point in operating["points"].items()
    ]
    headings = ("point", "real below / fake from", "caught", "to review", "precision", "false alarms")
    return Table(headings, rows, caption)


def _outcome(figures: Mapping[str, Any]) -> list[str]:
    fakes, hits = figures["fakes"] + figures["review_fake"], figures["tp"] + figures["review_fake"]
    return [
        share(figures["caught"], figures.get("caught_interval"), hits, fakes),
        share(figures["review_rate"], figures.get("review_rate_interval"), figures["reviewed"], _images(figures)),
        precision_of(figures),
        f"{figures['fp']:,}",
    ]


def prevalence_section(operating: Mapping[str, Any], chosen: Sequence[str], vote: Mapping[str, Any]) -> PageSection:
    """Show what rules and operating points would do at other shares of fakes.

    Args:
        operating: contents of `metrics/operating.json`.
        chosen: names of rules and points; those without a projection are left out.
        vote: figures by rule, as of `metrics/vote.json`: a rule without a `review_rate` sends nothing to a person.

    Returns:
        The section with one table for each name.
    """
    tables = []
    for name in chosen:
        projected = operating["prevalence"].get(name)
        if projected:
            all_decided = name in vote and "review_rate" not in vote[name]
            shares = _by_number(projected)
            rows = [[_share(one_in), *_projection(each, all_decided=all_decided)] for one_in, each in shares]
            headings = ("fakes", *(heading for _, heading in PROJECTED))
            tables.append(Table(headings, rows, f"{POINTS.get(name, name.replace('_', ' '))}: in 100,000 applications"))
    text = [
        (
            "The test split holds far more fakes than a bank sees. What happens to a fake and what happens to a real "
            "image carries over; precision and workload do not, so they are projected, with intervals (`projections`)."
        )
    ]
    return PageSection("At a bank's share of fakes", text, tables, reader="board")


def _by_number(projected: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(projected.items(), key=lambda entry: int(entry[0]))


def _share(one_in: str) -> str:
    return f"1 in {int(one_in):,}" + (f" ({KNOWN_SHARES[int(one_in)]})" if int(one_in) in KNOWN_SHARES else "")


def _projection(figures: Mapping[str, Mapping[str, float | None]], *, all_decided: bool) -> list[str]:
    return [
        DECIDES_ALL
        if all_decided and key == "reviews_per_100k"
        else _amount(figures[key], share_of_all=key == "precision")
        for key, _ in PROJECTED
    ]


def _amount(figure: Mapping[str, float | None], *, share_of_all: bool) -> str:
    value, low, high = figure["value"], figure["low"], figure["high"]
    if value is None or low is None or high is None:
        return NOTHING
    if share_of_all:
        return EstimateText.of(f"{percent(value)} ({100 * low:.1f}-{100 * high:.1f})", value, (low, high))
    digits = 0 if high >= 100 else 1
    return f"{value:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"
