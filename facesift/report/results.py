"""Test figures of the rules, the voters and the baselines: the headline, the result tables, and damaged images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facesift.core.formatting import area, counted, share
from facesift.report.formatting import DECIDES_ALL, known, precision_of, recall_of
from facesift.report.page import PageSection, Table

RULE_HEADINGS = ("decision rule", "caught", "to review", "false alarms", "recall", "precision")
VOTER_HEADINGS = ("decided alone by", "AUC", "AP", "recall", "precision", "false alarms")
READING = (
    "In brackets: the 95 % interval in per cent, which the bar below shows, and the counts (Clopper-Pearson for "
    "shares, bootstrap by image group for areas). Recall and precision of a rule that sends images to a person "
    "are of the images that it decides itself."
)
ALONE = (
    "What each voter does when it decides alone, for the more probable class, and baselines that each part has to beat."
)
NO_CALL = "calls no image fake"

Reports = Mapping[str, Mapping[str, Any]]


def rule_table(caption: str, rules: Reports, decisions: Reports | None = None) -> Table:
    """Make a table with one row for each rule.

    Args:
        caption: title of the table.
        rules: figures by rule.
        decisions: error rates by rule, as of `metrics/standard.json`, whose interval of the false alarms is shown.
    """
    found = decisions or {}
    rows = [[_title(name, each), *_rule_cells(each, found.get(name, {}).get("bpcer"))] for name, each in rules.items()]
    return Table(RULE_HEADINGS, rows, caption)


def _rule_cells(figures: Mapping[str, Any], alarms: Mapping[str, Any] | None) -> list[str]:
    reviewed, review_fake = figures.get("reviewed", 0), figures.get("review_fake", 0)
    fakes, images = figures["fakes"] + review_fake, figures["fakes"] + figures["reals"] + reviewed
    caught = ("caught", "caught_interval") if "caught" in figures else ("recall", "recall_interval")
    review = share(figures.get("review_rate", 0.0), figures.get("review_rate_interval"), reviewed, images)
    reals = figures["reals"] + figures.get("review_real", 0)
    return [
        share(figures[caught[0]], figures.get(caught[1]), figures["tp"] + review_fake, fakes),
        review if reviewed or "review_rate" in figures else DECIDES_ALL,
        _false_alarms(figures["fp"], reals, alarms and alarms["interval"]),
        recall_of(figures),
        _precision(figures),
    ]


def voter_table(caption: str, voters: Reports, decisions: Reports | None = None) -> Table:
    """Make a table with one row for each voter or baseline that decides alone.

    Args:
        caption: title of the table.
        voters: figures by name.
        decisions: error rates by voter, as of `metrics/standard.json`, whose interval of the false alarms is shown.
    """
    rates = {name: (decisions or {}).get(name, {}).get("bpcer") for name in voters}
    rows = [[_title(name, each), *_voter_cells(each, rates[name])] for name, each in voters.items()]
    return Table(VOTER_HEADINGS, rows, caption)


def _voter_cells(figures: Mapping[str, Any], rate: Mapping[str, Any] | None) -> list[str]:
    auc, ap = (area(figures.get(key), figures.get(f"{key}_interval")) for key in ("auc", "ap"))
    alarms = _false_alarms(figures["fp"], figures["reals"], rate and rate["interval"])
    return [auc, ap, recall_of(figures), _precision(figures), alarms]


def _precision(figures: Mapping[str, Any]) -> str:
    return precision_of(figures) if figures["tp"] + figures["fp"] else NO_CALL


def _false_alarms(number: float, reals: int, interval: Any) -> str:
    return share(number / reals if reals else None, interval, number, reals)


def _title(name: str, figures: Mapping[str, Any]) -> str:
    chosen = f" ({figures['member']})" if "member" in figures else ""
    return name.replace("_", " ") + chosen


def results_section(vote: Reports, within: Reports, decisions: Reports, rule: str) -> PageSection:
    """Show what the rules decide: on all sources together, then within every source that holds both classes.

    Args:
        vote: figures by rule.
        within: `{rules, voters}` by source, as of `metrics/within.json`.
        decisions: error rates by rule, as of `metrics/standard.json`.
        rule: name of the deciding rule.
    """
    others = {name: each for name, each in vote.items() if name != rule}
    tables = [
        rule_table(f"Decision rule in force: {_counted(vote[rule])}", {rule: vote[rule]}, decisions),
        rule_table("Other rules, on the same images", others, decisions),
    ]
    for source, inside in _smaller(within, vote[rule]).items():
        caption = f"Within {source}: {_counted(inside['rules'][rule])} of this source alone"
        tables.append(rule_table(caption, {rule: inside["rules"][rule]} | inside["rules"]))
    return PageSection("Figures on the test split", [READING], tables)


def members_section(voters: Reports, within: Reports, baselines: Reports, decisions: Reports) -> PageSection:
    """Show each voter alone and the baselines: on all sources together, then within every source with both classes.

    Args:
        voters: figures by voter.
        within: `{rules, voters}` by source, as of `metrics/within.json`.
        baselines: figures by baseline, as of `metrics/audit.json`.
        decisions: error rates by voter, as of `metrics/standard.json`.
    """
    everything = next(iter(voters.values()))
    tables = [
        voter_table(f"Members and stacker: {_counted(everything)}", voters, decisions),
        voter_table("Baselines, on the same images", baselines),
    ]
    for source, inside in _smaller(within, everything).items():
        title = f"Within {source}: {_counted(next(iter(inside['voters'].values())))} of this source alone"
        tables.append(voter_table(title, inside["voters"]))
    return PageSection("Members and baselines", [ALONE], tables, reader="engineer")


def _counted(figures: Mapping[str, Any]) -> str:
    fakes, reals = (figures[f"{name}s"] + figures.get(f"review_{name}", 0) for name in ("fake", "real"))
    return f"{counted(fakes, 'fake')}, {counted(reals, 'real')}"


def _smaller(within: Reports, whole: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the sources that do not hold all real images."""
    reals = whole["reals"] + whole.get("review_real", 0)
    counts = {source: next(iter(inside["voters"].values())) for source, inside in within.items()}
    return {source: inside for source, inside in within.items() if counts[source]["reals"] < reals}


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
        "none" if report["strength"] is None else f"{name} ({report['kind']} {report['strength']:g})",
        *(known(figures, key) for key in ("recall", "precision", "caught", "review_rate")),
        area(ranked["auc"], ranked["auc_interval"]),
        f"{figures['flips']['images']:,}",
    ]
