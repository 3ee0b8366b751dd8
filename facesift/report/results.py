"""Test figures of the rules, the voters and the baselines: the headline, the result tables, and damaged images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facesift.core.formatting import NOTHING, area, percent, share, span
from facesift.report.charts import Axis, Estimate, intervals
from facesift.report.formatting import known, precision_of, recall_of
from facesift.report.page import Chart, PageSection, Table

HEADINGS = ("", "recall", "precision", "to review", "caught", "AUC", "AP")
READING = (
    "Recall: share of the fakes that were decided fake. Precision: share of fakes among the images decided fake. "
    "Caught: fakes decided fake or sent to a person. For unanimous, recall and precision are of the decided images. In "
    "brackets: the 95 % interval in per cent (Clopper-Pearson for shares, bootstrap by image group for areas) and the "
    "counts. Rows below the rules are the voters by themselves, then baselines that each part has to beat."
)

Reports = Mapping[str, Mapping[str, Any]]


def headline(figures: Mapping[str, Any], positive: str) -> str:
    """Say in one or two sentences what the deciding rule did on the test split.

    Args:
        figures: report of the rule (`facesift.core.counts.DecisionCounts.report`, or `Confusion.report` for a rule
            that sends nothing to review).
        positive: name of the class looked for.

    Returns:
        The text at the top of the page.
    """
    fakes = figures["fakes"] + figures.get("review_fake", 0)
    calls = figures["tp"] + figures["fp"]
    interval = _interval(figures["precision_interval"])
    alarms = f"Of the {calls:,} images it decided {positive}, {percent(figures['precision'])} were{interval}."
    if "caught" not in figures:
        found = _interval(figures["recall_interval"])
        return f"The committee found {figures['tp']:,} of {fakes:,} {positive} faces in the test{found}. {alarms}"
    return (
        f"The committee caught {percent(figures['caught'])} of {fakes:,} {positive} faces in the test"
        f"{_interval(figures['caught_interval'])}: {figures['tp']:,} it decided by itself, {figures['review_fake']:,} "
        f"it sent to a person, together with {figures['review_real']:,} others ({percent(figures['review_rate'])} of "
        f"all images to review). {alarms if calls else f'It decided no image {positive} by itself.'}"
    )


def _interval(interval: Any) -> str:
    return f" (95 % interval {span(interval)} %)" if interval else ""


def _row(name: str, figures: Mapping[str, Any]) -> list[str]:
    auc, ap = (area(figures.get(key), figures.get(f"{key}_interval")) for key in ("auc", "ap"))
    return [_title(name, figures), recall_of(figures), precision_of(figures), *_review_cells(figures), auc, ap]


def _review_cells(figures: Mapping[str, Any]) -> list[str]:
    """Share sent to review and share caught; dashes for a voter or rule that sends nothing to review."""
    if "review_rate" not in figures:
        return [NOTHING, NOTHING]
    images = figures["fakes"] + figures["reals"] + figures["reviewed"]
    fakes, hits = figures["fakes"] + figures["review_fake"], figures["tp"] + figures["review_fake"]
    return [
        share(figures["review_rate"], figures["review_rate_interval"], figures["reviewed"], images),
        share(figures["caught"], figures["caught_interval"], hits, fakes),
    ]


def _title(name: str, figures: Mapping[str, Any]) -> str:
    chosen = f" ({figures['member']})" if "member" in figures else ""
    return name.replace("_", " ") + chosen


def result_table(caption: str, rule: str, *groups: Reports) -> Table:
    """Make a table with one row for each rule, voter or baseline.

    Args:
        caption: title of the table.
        rule: name of the deciding rule, whose row is stressed.
        groups: figures by name, in the order of the rows.

    Returns:
        The table.
    """
    rows = [(name, figures) for group in groups for name, figures in group.items()]
    strong = [number for number, (name, _) in enumerate(rows) if name == rule]
    return Table(HEADINGS, [_row(name, figures) for name, figures in rows], caption, strong)


def results_section(vote: Reports, voters: Reports, within: Reports, baselines: Reports, rule: str) -> PageSection:
    """Show the test figures on all sources together, then within every source that holds both classes.

    Args:
        vote: figures by rule.
        voters: figures by voter.
        within: `{rules, voters}` by source, as of `metrics/within.json`.
        baselines: figures by baseline, as of `metrics/audit.json`.
        rule: name of the deciding rule.

    Returns:
        The section with a table for all sources and a table and a chart for each source.
    """
    counts = next(iter(voters.values()))
    title = f"All sources together: {counts['fakes']:,} fakes, {counts['reals']:,} reals"
    tables = [result_table(title, rule, vote, voters, baselines)]
    charts = []
    for source, inside in within.items():
        inner = next(iter(inside["voters"].values()))
        if inner["reals"] < counts["reals"]:
            title = f"Within {source}: {inner['fakes']:,} fakes, {inner['reals']:,} reals of this source alone"
            tables.append(result_table(title, rule, inside["rules"], inside["voters"]))
            charts.append(_pooled_and_within(source, voters, inside["voters"]))
    return PageSection("Figures on the test split", [READING], tables, charts)


def _pooled_and_within(source: str, pooled: Reports, inside: Reports) -> Chart:
    rows = {
        voter: {
            "all sources": Estimate(figures["auc"], figures.get("auc_interval")),
            f"within {source}": Estimate(inside[voter]["auc"], inside[voter].get("auc_interval")),
        }
        for voter, figures in pooled.items()
    }
    caption = f"Telling fake from real: in all images, and among the images of {source} alone. 0.5 is guessing."
    return Chart(intervals(rows, Axis("AUC (area under the ROC curve)")), caption)


def robustness_section(robustness: Mapping[str, Any], rule: str) -> PageSection:
    """Show what is left of the deciding rule and of the stacker on damaged test images.

    Args:
        robustness: contents of `metrics/robustness.json`.
        rule: name of the deciding rule.

    Returns:
        The section with one row for each kind of damage, undamaged images first.
    """
    undamaged_first = sorted(robustness["corruptions"].items(), key=lambda entry: entry[1]["strength"] is not None)
    rows = [_damage_row(name, report, rule) for name, report in undamaged_first]
    headings = ("damage", "recall", "precision", "caught", "to review", "stacker AUC", "decisions flipped")
    images = robustness["images"]
    text = [
        (
            f"Each test image is damaged before the committee sees it; the rule is {rule}. Images tried: "
            f"{images['tried']['images']:,} ({images['note']})."
        )
    ]
    return PageSection("On damaged images", text, [Table(headings, rows)])


def _damage_row(name: str, report: Mapping[str, Any], rule: str) -> list[str]:
    figures, ranked = report["rules"][rule], report["voters"]["stacker"]
    return [
        name if report["strength"] is None else f"{name} ({report['kind']} {report['strength']:g})",
        *(known(figures, key) for key in ("recall", "precision", "caught", "review_rate")),
        area(ranked["auc"], ranked["auc_interval"]),
        f"{figures['flips']['images']:,}",
    ]
