"""The picture of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLOURS = {"cross_entropy": "#0072b2", "focal": "#d55e00"}  # told apart by colour-blind readers too
MARKERS = "osD^vP*X"
AXES = (("review_rate", "to review"), ("precision", "precision"))


def draw(rows: list[dict[str, Any]], base: dict[str, float | None], path: Path) -> None:
    """Draw recall against review rate and against precision, one mark an experiment, as an SVG of the same bytes.

    `rows` are those of `workflow.sweep`, `base` the study as it is (a black star); unknown figures are left out.
    """
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    members = list(dict.fromkeys(row["member"] for row in rows))
    with mpl.rc_context({"svg.hashsalt": "facesift", "svg.fonttype": "none"}):
        figure = Figure(figsize=(11, 4.5), layout="constrained")
        for axes, (x, label) in zip(figure.subplots(1, 2), AXES, strict=True):
            for row in rows:
                marker = MARKERS[members.index(row["member"]) % len(MARKERS)]
                _mark(axes, row, x, color=COLOURS[row["loss"]], marker=marker, label=f"{row['member']}, {row['loss']}")
                if row[x] is not None and row["recall"] is not None:
                    axes.annotate(_ratios(row), (row[x], row["recall"]), (4, 4), textcoords="offset points", fontsize=7)
            _mark(axes, base, x, color="black", marker="*", s=120, label="as it is")
            axes.set(xlabel=f"{label}, validation", ylabel="recall, validation", ylim=(-0.03, 1.08))
            axes.set_xlim(left=min(0, axes.get_xlim()[0]))
            axes.grid(alpha=0.3)
        marks = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
        figure.legend(marks.values(), marks.keys(), loc="outside lower center", ncols=4, fontsize=8)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _mark(axes: Any, row: dict[str, Any], x: str, **style: Any) -> None:
    if row[x] is not None and row["recall"] is not None:
        axes.scatter(row[x], row["recall"], **style)


def _ratios(row: dict[str, Any]) -> str:
    """Write SMOTE's and undersampling's ratio beside a mark."""
    given = [f"{row[name]:g}" for name in ("smote", "undersample") if row[name] is not None]
    return "/".join(given) or "none"
