"""Charts as SVG text, line charts and intervals: the same numbers give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#1f5fa8", "#c4511d", "#3f7f3a", "#7a4ea3", "#8a6d1b", "#1c2430", "#a83262", "#2a8a8a")
SIZE = (5.2, 3.9)  # inches
STYLE: Any = {  # matplotlib types the keys one by one
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's own font
    "svg.hashsalt": "facesift",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6eaef",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


@dataclass(frozen=True)
class Curve:
    """A line through points, drawn in their order.

    Attributes:
        x: the points' positions to the right, (n,).
        y: the points' heights, (n,).
    """

    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Axis:
    """An axis of a chart.

    Attributes:
        label: what is measured.
        low: lower end of the range that is shown.
        high: upper end of the range that is shown.
        ticks: texts of the marks, by their place on the axis; {}: marks are set by the range.
    """

    label: str
    low: float = 0.0
    high: float = 1.0
    ticks: Mapping[float, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """A share with its interval.

    Attributes:
        value: the share in [0, 1]; None where it is unknown.
        interval: ends of its 95 % interval; None where it is unknown.
    """

    value: float | None
    interval: Sequence[float] | None


def _figure() -> tuple[Any, Axes]:
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=SIZE, layout="constrained")
    return figure, figure.subplots()


def _svg(figure: Any) -> str:
    """Write the figure without date and program, and without the XML header that HTML does not take."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415

    text = io.StringIO()
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _styled() -> Any:
    import matplotlib as mpl  # noqa: PLC0415

    return mpl.rc_context(STYLE)


def _finish(axes: Axes, x: Axis, y: Axis) -> None:
    if x.ticks:
        axes.set_xticks(list(x.ticks), list(x.ticks.values()))
    if y.ticks:
        axes.set_yticks(list(y.ticks), list(y.ticks.values()))
    axes.set(xlabel=x.label, ylabel=y.label, xlim=(x.low, x.high), ylim=(y.low, y.high))


def lines(curves: Mapping[str, Curve], x: Axis, y: Axis, *, diagonal: bool = False, marks: bool = False) -> str:
    """Draw named curves.

    Args:
        curves: curves by the name in the legend.
        x: the axis to the right.
        y: the axis upwards.
        diagonal: whether to draw the dotted line where both are equal.
        marks: whether to draw a dot at every point.

    Returns:
        The chart as SVG text.
    """
    with _styled():
        figure, axes = _figure()
        if diagonal:
            axes.plot((x.low, x.high), (y.low, y.high), color="#9aa4b1", linewidth=1, linestyle=":")
        for number, (name, curve) in enumerate(curves.items()):
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(curve.x, curve.y, color=colour, linewidth=1.6, label=name, marker="o" if marks else None, ms=4)
        _finish(axes, x, y)
        axes.legend(loc="best")
        return _svg(figure)


def intervals(rows: Mapping[str, Mapping[str, Estimate]], axis: Axis) -> str:
    """Draw estimates as dots with whiskers for their intervals.

    Args:
        rows: by the name of the row, the estimates by the name of the colour in the legend.
        axis: the axis to the right.

    Returns:
        The chart as SVG text.
    """
    with _styled():
        figure, axes = _figure()
        kinds = list(dict.fromkeys(kind for row in rows.values() for kind in row))
        for number, kind in enumerate(kinds):
            offset = (number - (len(kinds) - 1) / 2) * 0.24
            _whiskers(axes, kind, [row.get(kind) for row in rows.values()], offset, COLOURS[number % len(COLOURS)])
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set(xlabel=axis.label, xlim=(axis.low, axis.high), ylim=(len(rows) - 0.5, -0.5))
        figure.legend(loc="outside upper left", ncols=len(kinds))
        return _svg(figure)


def _whiskers(axes: Axes, kind: str, estimates: Sequence[Estimate | None], offset: float, colour: str) -> None:
    label: str | None = kind
    for row, estimate in enumerate(estimates):
        if estimate is None or estimate.value is None:
            continue
        if estimate.interval:
            axes.plot(estimate.interval, [row + offset] * 2, color=colour, linewidth=1.4)
        axes.plot([estimate.value], [row + offset], "o", color=colour, ms=5, label=label)
        label = None  # one entry a kind in the legend
