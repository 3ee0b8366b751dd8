"""Pictures as PNG files whose bytes depend on what they show alone: grids of images, and points on a plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.classes import Classes
from facesift.core.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

WIDTH, DPI = 10.0, 100  # inches and dots an inch: 1000 pixels wide
NARROWEST = 7.0  # inches: the titles need them
CELL = 2.6  # inches: no image of a grid is drawn larger
HEADING, TEXT, SMALL = 11, 9, 8  # points
LETTERS = 12.5  # of TEXT to the inch
POSITIVE = "#d55e00"  # of Okabe and Ito's palette, which the colour-blind can tell apart
REST = ("#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442")
MARKERS = "o^sDvP*X<>"
BELOW_POINTS = "Neighbours mean something here; distances between groups, their sizes and the axes do not."


@dataclass(frozen=True)
class Row:
    """A row of a grid: a label at its left, and images (S, S, 3) uint8 or heat maps (S, S), each with a caption.

    None leaves a place empty. Heat maps of one row share one scale from 0 to their maximum, with a bar in `unit`.
    """

    label: str
    images: Sequence[NDArray[Any] | None]
    captions: Sequence[str] = ()
    unit: str = ""


def write_png(path: Path, figure: Figure) -> None:
    """Write a figure; neither date nor version goes into the file."""
    with _plain_style(), whole_file(path) as part:
        figure.savefig(part, format="png", dpi=DPI, metadata={"Software": None})


@contextmanager
def _plain_style() -> Iterator[None]:
    """Draw with matplotlib's own defaults, whatever the user's settings are."""
    from matplotlib import style  # noqa: PLC0415

    with style.context("default", after_reset=True):
        yield


def draw_grid(title: str, rows: Sequence[Row]) -> Figure:
    """Draw rows of images under a title; the widest row decides how many columns there are."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    columns = max(len(row.images) for row in rows)
    maps = any(image is not None and image.ndim == 2 for row in rows for image in row.images)
    beside = 1.8 if maps else 0.6  # inches for labels and the scale
    cell = min(CELL, (WIDTH - beside) / columns)
    rows = [_wrapped(row, cell) for row in rows]
    height = 0.6 + sum(cell + 0.1 + 0.15 * max(map(_lines, row.captions), default=0) for row in rows)
    with _plain_style():
        figure = Figure(figsize=(max(NARROWEST, columns * cell + beside), height), layout="constrained")
        figure.suptitle(title, fontsize=HEADING)
        ratios = {"width_ratios": [1.0] * columns + [0.05] * maps}
        axes = figure.subplots(len(rows), columns + maps, squeeze=False, gridspec_kw=ratios)
        for row, places in zip(rows, axes, strict=True):
            shown = _draw_row(row, list(places[:columns]))
            if maps:
                _draw_scale(figure, shown, places[columns], row.unit)
    return figure


def _wrapped(row: Row, cell: float) -> Row:
    """Break label and captions into lines that are no longer than an image of `cell` inches is wide."""

    def wrap(text: str) -> str:
        return fill(text, max(4, int(cell * LETTERS)))

    return replace(row, label=wrap(row.label), captions=[wrap(text) for text in row.captions])


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0


def _draw_row(row: Row, places: list[Axes]) -> AxesImage | None:
    """Draw a row's images, and return one of its heat maps for the scale."""
    top = max((float(image.max()) for image in row.images if image is not None and image.ndim == 2), default=0.0)
    shown = None
    for number, place in enumerate(places):
        place.set(xticks=[], yticks=[], frame_on=False)
        image = row.images[number] if number < len(row.images) else None
        if image is not None:
            drawn = place.imshow(image, cmap="magma", vmin=0, vmax=top or 1.0)
            shown = drawn if image.ndim == 2 else shown
        place.set_title(row.captions[number] if number < len(row.captions) else "", fontsize=TEXT, pad=3)
    places[0].set_ylabel(row.label, fontsize=TEXT)
    return shown


def _draw_scale(figure: Figure, shown: AxesImage | None, place: Axes, unit: str) -> None:
    if shown is None:
        place.set_axis_off()
        return
    figure.colorbar(shown, cax=place).set_label(unit, fontsize=SMALL)
    place.tick_params(labelsize=SMALL)


def draw_points(
    title: str, plane: NDArray[np.floating], labels: NDArray[np.integer], sources: Sequence[str], classes: Classes
) -> Figure:
    """Draw points (n, 2): colour by class (`labels` (n,) are class numbers), marker by source, the positive on top."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    names, origin = sorted(set(sources)), np.asarray(sources)
    order = sorted(range(len(classes.names)), key=lambda number: number == classes.number)
    colours = class_colours(classes)
    with _plain_style():
        figure = Figure(figsize=(WIDTH, 7), layout="constrained")
        figure.suptitle(title, fontsize=HEADING)
        axes = figure.subplots()
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(BELOW_POINTS, fontsize=SMALL)
        for number in order:
            for place, source in enumerate(names):
                here = plane[(labels == number) & (origin == source)]
                look: dict[str, Any] = {"c": colours[number], "marker": MARKERS[place % len(MARKERS)]}
                axes.scatter(here[:, 0], here[:, 1], s=28, alpha=0.75, linewidths=0.3, edgecolors="white", **look)
        _draw_legends(axes, labels, origin, names, classes)
    return figure


def class_colours(classes: Classes) -> list[str]:
    """Return a colour for each class: always the same for the positive one."""
    rest = iter(REST * (len(classes.names) // len(REST) + 1))
    return [POSITIVE if name == classes.positive else next(rest) for name in classes.names]


def _draw_legends(
    axes: Axes, labels: NDArray[np.integer], origin: NDArray[np.str_], names: Sequence[str], classes: Classes
) -> None:
    """Say beside the points which colour is which class and which marker which source, with their numbers."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    def handle(text: str, count: int, colour: str, marker: str) -> Line2D:
        return Line2D([], [], linestyle="", color=colour, marker=marker, markersize=6, label=f"{text} ({count})")

    colours = class_colours(classes)
    by_class = [handle(name, int((labels == k).sum()), colours[k], "o") for k, name in enumerate(classes.names)]
    by_source = [
        handle(name, int((origin == name).sum()), "grey", MARKERS[place % len(MARKERS)])
        for place, name in enumerate(names)
    ]
    beside: dict[str, Any] = {"loc": "upper left", "fontsize": TEXT, "frameon": False, "alignment": "left"}
    first = axes.legend(handles=by_class, title="class", bbox_to_anchor=(1.0, 1.0), **beside)
    axes.add_artist(first)
    first.set_clip_on(False)  # else the layout leaves no room for it
    lower = 1.0 - 0.032 * (len(by_class) + 2.5)
    axes.legend(handles=by_source, title="source", bbox_to_anchor=(1.0, lower), **beside)
