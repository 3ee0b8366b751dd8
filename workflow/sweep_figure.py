"""The figure of a sweep: recall against review rate and against precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLOURS = {"cross_entropy": "#0072b2", "focal": "#d55e00"}  # told apart by colour-blind readers too
MARKERS = "osD^vP*X"
PANELS = (("review_rate", "to review"), ("precision", "precision"))
Row = Mapping[str, Any]


def draw_sweep(rows: Sequence[Row], base: Row, path: Path) -> None:
    """Draw recall against review rate and against precision, one mark an experiment, as an SVG file.

    The same figures give the same bytes. An experiment is left out where its recall or the other figure is not known.

    Args:
        rows: the experiments, as `workflow.sweep.row_of` makes them.
        base: figures of the study as it is, a black star.
        path: file to write.
    """
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({"svg.hashsalt": "facesift", "svg.fonttype": "none"}):
        figure = Figure(figsize=(11, 4.5), layout="constrained")
        panels = figure.subplots(1, len(PANELS))
        for axes, (x, label) in zip(panels, PANELS, strict=True):
            _draw_panel(axes, rows, base, x)
            axes.set(xlabel=f"{label}, validation", ylabel="recall, validation", ylim=(-0.03, 1.08))
            axes.set_xlim(left=min(0, axes.get_xlim()[0]))
            axes.grid(alpha=0.3)
        entries = dict(zip(*panels[-1].get_legend_handles_labels()[::-1], strict=True))
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=4, fontsize=8)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _draw_panel(axes: Any, rows: Sequence[Row], base: Row, x: str) -> None:
    members = list(dict.fromkeys(row["member"] for row in rows))
    for row in rows:
        marker = MARKERS[members.index(row["member"]) % len(MARKERS)]
        label = f"{row['member']}, {row['loss']}"
        if _draw_mark(axes, row, x, color=COLOURS[row["loss"]], marker=marker, label=label):
            axes.annotate(_ratios(row), (row[x], row["recall"]), (4, 4), textcoords="offset points", fontsize=7)
    _draw_mark(axes, base, x, color="black", marker="*", s=120, label="as it is")


def _draw_mark(axes: Any, row: Row, x: str, **style: Any) -> bool:
    """Draw one experiment; False if one of its two figures is not known."""
    known = row[x] is not None and row["recall"] is not None
    if known:
        axes.scatter(row[x], row["recall"], **style)
    return known


def _ratios(row: Row) -> str:
    """Write the ratios of SMOTE and undersampling, beside a mark."""
    given = [f"{row[name]:g}" for name in ("smote", "undersample") if row[name] is not None]
    return "/".join(given) or "none"
