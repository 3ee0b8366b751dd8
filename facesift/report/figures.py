"""Grids of images as figures, and PNG files whose bytes depend on nothing but what they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

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


@dataclass(frozen=True)
class GridRow:
    """A row of images in a grid.

    Attributes:
        label: text at the left of the row.
        images: images (S, S, 3) uint8, or heat maps (S, S) that share one scale from 0 to their maximum; None leaves a
            place empty.
        captions: text above each image.
        unit: what the colour bar of heat maps measures.
    """

    label: str
    images: Sequence[NDArray[Any] | None]
    captions: Sequence[str] = ()
    unit: str = ""


def write_png(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, with neither date nor version in the file.

    Args:
        path: file to write; it appears whole or not at all.
        figure: what to write.
    """
    with plain_style(), whole_file(path, private=True) as part:
        figure.savefig(part, format="png", dpi=DPI, metadata={"Software": None})


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw with matplotlib's own defaults, whatever the user's settings are.

    Yields:
        Nothing; the settings hold inside the `with` block.
    """
    from matplotlib import style  # noqa: PLC0415

    with style.context("default", after_reset=True):
        yield


def draw_grid(title: str, rows: Sequence[GridRow]) -> Figure:
    """Draw rows of images under a title.

    Args:
        title: heading of the figure.
        rows: rows from top to bottom; the one with most images decides the number of columns.

    Returns:
        The figure, for `write_png`.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    columns = max(len(row.images) for row in rows)
    maps = any(image is not None and image.ndim == 2 for row in rows for image in row.images)
    beside = 1.8 if maps else 0.6  # inches for labels and the scale
    cell = min(CELL, (WIDTH - beside) / columns)
    rows = [_wrapped(row, cell) for row in rows]
    height = 0.6 + sum(cell + 0.1 + 0.15 * max(map(_lines, row.captions), default=0) for row in rows)
    with plain_style():
        figure = Figure(figsize=(max(NARROWEST, columns * cell + beside), height), layout="constrained")
        figure.suptitle(title, fontsize=HEADING)
        ratios = {"width_ratios": [1.0] * columns + [0.05] * maps}
        axes = figure.subplots(len(rows), columns + maps, squeeze=False, gridspec_kw=ratios)
        for row, places in zip(rows, axes, strict=True):
            shown = _draw_row(row, list(places[:columns]))
            if maps:
                _draw_scale(figure, shown, places[columns], row.unit)
    return figure


def _wrapped(row: GridRow, cell: float) -> GridRow:
    """Break label and captions into lines that are no longer than an image of `cell` inches is wide."""

    def wrap(text: str) -> str:
        return fill(text, max(4, int(cell * LETTERS)))

    return replace(row, label=wrap(row.label), captions=[wrap(text) for text in row.captions])


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0


def _draw_row(row: GridRow, places: list[Axes]) -> AxesImage | None:
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
