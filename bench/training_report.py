"""Write the figures of a comparison of training as a table in Markdown and as a chart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scipy.stats import norm

from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file
from facesift.core.intervals import CONFIDENCE
from facesift.evaluation.comparison import holm

Figures = Mapping[str, Mapping[str, Any]]  # arm -> figure -> mean, interval ...; without figures: failed
Tables = Mapping[str, Mapping[str, Figures]]  # start -> population -> figures
BEGIN, END = "<!-- {name}: begin -->", "<!-- {name}: end -->"
Place = tuple[str, str, str]  # start, population, arm
TITLES = {"within": "fakes against reals of their own source", "pooled": "all test images"}


def markdown(tables: Tables, failures: Mapping[str, Mapping[str, str]]) -> str:
    """Write a table for each start: a row an arm, within-source figures before pooled ones.

    An arm that failed has its reason instead; `failures` is start -> arm -> reason.
    """
    clear = clear_differences(tables)
    return "\n\n".join(
        _table(start, by_population, failures.get(start, {}), clear) for start, by_population in tables.items()
    )


def clear_differences(tables: Tables) -> set[Place]:
    """Find the AUC differences that are clear of chance by Holm's correction for all of them, in all tables.

    The p-value of each is that of a normal distribution with the spread of its 95 % interval.

    Returns:
        Start, population and arm of each.
    """
    found = {
        (start, name, arm): _p_value(each["auc"])
        for start, by_population in tables.items()
        for name, arms in by_population.items()
        for arm, each in arms.items()
        if each["auc"].get("difference_interval")
    }
    return {place for place, value in zip(found, holm(list(found.values())), strict=True) if value <= 1 - CONFIDENCE}


def _p_value(figure: Mapping[str, Any]) -> float:
    low, high = figure["difference_interval"]
    spread = (high - low) / (2 * norm.ppf((1 + CONFIDENCE) / 2))
    return float(2 * norm.sf(abs(figure["difference"]) / spread)) if spread else float(figure["difference"] == 0)


def _table(start: str, figures: Mapping[str, Figures], failed: Mapping[str, str], clear: set[Place]) -> str:
    arms = list(dict.fromkeys([arm for found in figures.values() for arm in found] + list(failed)))
    lines = [
        f"| {start} | within: AUC | difference | AP | recall | pooled: AUC | difference | AP | recall |",
        "|---|" + "---|" * 8,
    ]
    for arm in arms:
        cells = [
            cell
            for name in ("within", "pooled")
            for cell in _cells(figures[name].get(arm), bold=(start, name, arm) in clear)
        ]
        note = f" (failed: {failed[arm]})" if arm in failed else ""
        lines.append(f"| {arm}{note} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cells(found: Mapping[str, Any] | None, *, bold: bool) -> list[str]:
    if found is None:
        return ["-"] * 4
    return [_mean(found["auc"]), _difference(found["auc"], bold=bold), _mean(found["ap"]), _mean(found["recall"])]


def _mean(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"] or (None, None)
    return f"{figure['mean']:.3f}" + (f" ({low:.2f}-{high:.2f})" if low is not None else "")


def _difference(figure: Mapping[str, Any], *, bold: bool) -> str:
    if "difference" not in figure:
        return "-"
    text = f"{figure['difference']:+.3f}"
    return f"**{text}**" if bold else text


def put_between(page: Path, name: str, text: str) -> None:
    """Replace the text between two comments of a page.

    Args:
        page: a Markdown file.
        name: that the comments `<!-- NAME: begin -->` and `<!-- NAME: end -->` have.
        text: to put between them.

    Raises:
        FacesiftError: if the page lacks the comments.
    """
    whole, begin, end = page.read_text(encoding="utf-8"), BEGIN.format(name=name), END.format(name=name)
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(whole):
        raise FacesiftError(f"{page}: has no place for the table, between {begin} and {end}")
    with whole_file(page) as part:
        part.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", whole), encoding="utf-8")


def draw(tables: Tables, path: Path, first: str) -> None:
    """Draw every arm's AUC with its interval, a panel a population and a colour a start; a line at the first arm's."""
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({"svg.hashsalt": "facesift", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        panels = figure.subplots(1, len(TITLES), sharey=True)
        for panel, (name, title) in zip(panels, TITLES.items(), strict=True):
            for number, (start, populations) in enumerate(tables.items()):
                _draw_start(panel, populations[name], start, number, first)
            panel.set(title=title, xlabel="AUC on test images, mean of seeds, 95 % interval")
            panel.grid(axis="x", alpha=0.3)
        arms = list(dict.fromkeys(arm for found in tables.values() for arm in found["within"]))
        panels[0].set_yticks(range(len(arms)), arms)
        panels[0].invert_yaxis()
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(tables))
        with whole_file(path) as part:
            figure.savefig(part, format="svg", metadata={"Date": None})


def _draw_start(panel: Any, figures: Figures, start: str, number: int, first: str) -> None:
    areas = [figures[arm]["auc"] for arm in figures]
    means = [area["mean"] for area in areas]
    reach = [
        [mean - (area["interval"] or (mean, mean))[0] for mean, area in zip(means, areas, strict=True)],
        [(area["interval"] or (mean, mean))[1] - mean for mean, area in zip(means, areas, strict=True)],
    ]
    rows = [row + 0.12 * (2 * number - 1) for row in range(len(means))]
    colour = f"C{number}"
    panel.errorbar(means, rows, xerr=reach, fmt="o", markersize=4, capsize=2, color=colour, label=start)
    if first in figures:
        panel.axvline(figures[first]["auc"]["mean"], color=colour, linewidth=0.8, linestyle=":")
