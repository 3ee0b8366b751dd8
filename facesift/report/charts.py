"""Charts as SVG text: the same numbers give the same bytes.

Colours are CSS variables of the page (`--ink`, `--line`, `--series-0` ...), so that a chart follows its dark style.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#1f5fa8", "#c4511d", "#3f7f3a", "#7a4ea3", "#8a6d1b", "#1c2430", "#a83262", "#2a8a8a")
INK, SOFT, LINE = "#010203", "#040506", "#070809"  # stand for variables of the page until the text is written
DASHES = ((), (6, 2.5), (2, 2), (7, 2, 2, 2))  # lines differ by more than their colour
SIZE = (5.2, 3.9)  # inches
STYLE: Any = {  # matplotlib types the keys one by one
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's own font
    "svg.hashsalt": "facesift",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": LINE,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}
VARIABLES = {INK: "var(--ink)", SOFT: "var(--soft)", LINE: "var(--line)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(COLOURS)
}
SERIES = "series-"  # the identifier of a drawn series is its class on the page, which scripts hide
UNUSED_IDS = re.compile(r' id="(?:figure|axes|patch|line2d|text|xtick|ytick|matplotlib\.axis|LineCollection)_\d+"')


@dataclass(frozen=True)
class Curve:
    """A line through points, drawn in their order.

    Attributes:
        x: the points' positions to the right, (n,).
        y: the points' heights, (n,).
        low: lower ends of the intervals of the heights, (n,); empty without intervals.
        high: their upper ends.
    """

    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Axis:
    """An axis of a chart.

    Attributes:
        label: what is measured.
        low: lower end of the range that is shown.
        high: upper end of the range that is shown.
        ticks: texts of the marks, by their place on the axis; {}: marks are set by the range.
        scale: `log` needs a lower end above 0.
    """

    label: str
    low: float = 0.0
    high: float = 1.0
    ticks: Mapping[float, str] = field(default_factory=dict)
    scale: Literal["linear", "log"] = "linear"


def _svg(figure: Any) -> str:
    """Write the figure without date and program, and without the XML header that HTML does not take."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415

    text = io.StringIO()
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = text.getvalue()
    svg = UNUSED_IDS.sub("", svg[svg.index("<svg") :])
    svg = re.sub(rf'id="({SERIES}\d+)"', r'class="\1"', svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    return svg


def _finish(axes: Axes, x: Axis, y: Axis) -> None:
    axes.set(xscale=x.scale, yscale=y.scale)
    if x.ticks:
        axes.set_xticks(list(x.ticks), list(x.ticks.values()))
    if y.ticks:
        axes.set_yticks(list(y.ticks), list(y.ticks.values()))
    axes.minorticks_off()
    axes.set(xlabel=x.label, ylabel=y.label, xlim=(x.low, x.high), ylim=(y.low, y.high))


def lines(curves: Sequence[Curve], x: Axis, y: Axis, *, diagonal: bool = False, marks: bool = False) -> str:
    """Draw curves; the page draws their legend.

    Args:
        curves: the curves; each has its colour and dashes by its number.
        x: the axis to the right.
        y: the axis upwards.
        diagonal: whether to draw the dotted line where both are equal.
        marks: whether to draw a dot at every point.

    Returns:
        The chart as SVG text.
    """
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        if diagonal:
            axes.plot((x.low, x.high), (y.low, y.high), color=SOFT, linewidth=1, linestyle=":")
        for number, curve in enumerate(curves):
            colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
            style: Any = {"color": colour, "gid": f"{SERIES}{number}"}
            axes.plot(curve.x, curve.y, linewidth=1.8, dashes=dashes, marker="o" if marks else None, ms=4, **style)
            if curve.low:
                axes.vlines(curve.x, curve.low, curve.high, linewidth=1, alpha=0.6, **style)
        _finish(axes, x, y)
        return _svg(figure)
