"""What a person asks first: how many fakes are caught, how often an alarm is right, and how much is left to review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facesift.report.charts import Axis, Curve, Estimate, intervals, lines
from facesift.report.page import Chart, Section, Table
from facesift.report.words import NOTHING, area, percent, precision_of, recall_of, share, span

HEADINGS = ("", "recall", "precision", "to review", "caught", "AUC", "AP")
READING = (
    "Recall: share of the fakes that were decided fake. Precision: share of fakes among the images decided fake. "
    "Caught: fakes decided fake or sent to a person. For unanimous, recall and precision are of the decided images. In "
    "brackets: the 95 % interval in per cent (Clopper-Pearson for shares, bootstrap by image group for areas) and the "
    "counts. Rows below the rules are the voters by themselves, then yardsticks that each part has to beat."
)

Reports = Mapping[str, Mapping[str, Any]]


def headline(figures: Mapping[str, Any], positive: str) -> str:
    """Say in one or two sentences what the deciding rule did on the test split; `figures` is its report."""
    fakes = figures["fakes"] + figures.get("review_fake", 0)
    calls = figures["tp"] + figures["fp"]
    alarms = f"Of the {calls:,} images it decided {positive}, {percent(figures['precision'])} were."
    if "caught" not in figures:
        sure = _sure(figures["recall_interval"])
        return f"The committee found {figures['tp']:,} of {fakes:,} {positive} faces in the test{sure}. {alarms}"
    return (
        f"The committee caught {percent(figures['caught'])} of {fakes:,} {positive} faces in the test"
        f"{_sure(figures['caught_interval'])}: {figures['tp']:,} it decided by itself, {figures['review_fake']:,} it "
        f"sent to a person, together with {figures['review_real']:,} others ({percent(figures['review_rate'])} of all "
        f"images to review). {alarms if calls else f'It decided no image {positive} by itself.'}"
    )


def _sure(interval: Any) -> str:
    return f" (95 % interval {span(interval)} %)" if interval else ""


def _row(name: str, figures: Mapping[str, Any]) -> list[str]:
    review, caught = NOTHING, NOTHING
    if "review_rate" in figures:
        images = figures["fakes"] + figures["reals"] + figures["reviewed"]
        fakes = figures["fakes"] + figures["review_fake"]
        review = share(figures["review_rate"], figures["review_rate_interval"], figures["reviewed"], images)
        hits = figures["tp"] + figures["review_fake"]
        caught = share(figures["caught"], figures["caught_interval"], hits, fakes)
    auc, ap = (area(figures.get(key), figures.get(f"{key}_interval")) for key in ("auc", "ap"))
    return [_title(name, figures), recall_of(dict(figures)), precision_of(dict(figures)), review, caught, auc, ap]


def _title(name: str, figures: Mapping[str, Any]) -> str:
    chosen = f" ({figures['member']})" if "member" in figures else ""
    return name.replace("_", " ") + chosen


def result_table(caption: str, rule: str, *groups: Reports) -> Table:
    """One row a rule, voter or yardstick; the deciding `rule` is stressed."""
    rows = [(name, figures) for group in groups for name, figures in group.items()]
    strong = [number for number, (name, _) in enumerate(rows) if name == rule]
    return Table(HEADINGS, [_row(name, figures) for name, figures in rows], caption, strong)


def results_section(vote: Reports, voters: Reports, within: Reports, yardsticks: Reports, rule: str) -> Section:
    """Pooled figures, then those within every source that holds both classes; all of the test split."""
    counts = next(iter(voters.values()))
    title = f"All sources together: {counts['fakes']:,} fakes, {counts['reals']:,} reals"
    tables = [result_table(title, rule, vote, voters, yardsticks)]
    charts = []
    for source, inside in within.items():
        inner = next(iter(inside["voters"].values()))
        if inner["reals"] < counts["reals"]:
            title = f"Within {source}: {inner['fakes']:,} fakes, {inner['reals']:,} reals of this source alone"
            tables.append(result_table(title, rule, inside["rules"], inside["voters"]))
            charts.append(_against(source, voters, inside["voters"]))
    return Section("Figures on the test split", [READING], tables, charts)


def _against(source: str, pooled: Reports, inside: Reports) -> Chart:
    rows = {
        voter: {
            "all sources": Estimate(figures["auc"], figures.get("auc_interval")),
            f"within {source}": Estimate(inside[voter]["auc"], inside[voter].get("auc_interval")),
        }
        for voter, figures in pooled.items()
    }
    caption = f"Telling fake from real: in all images, and among the images of {source} alone. 0.5 is guessing."
    return Chart(intervals(rows, Axis("AUC (area under the ROC curve)")), caption)


def curves_section(roc: Mapping[str, Curve], precision_recall: Mapping[str, Curve]) -> Section:
    """ROC and precision-recall curves of every voter on the test split."""
    recall, precision = Axis("recall", high=1.02), Axis("precision", high=1.02)
    charts = [
        Chart(lines(precision_recall, recall, precision), "Precision and recall as the threshold moves."),
        Chart(lines(roc, Axis("false alarms among reals"), recall, diagonal=True), "ROC; the dotted line is guessing."),
    ]
    return Section("Curves", charts=charts)
